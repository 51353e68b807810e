//! The memory of the node that owns sessions under in-function, with the embedded store behind it.
//!
//! A commit changes memory at once; its reply waits until what it saw is as durable as promised (R8). One write to
//! the store covers all commits that a session has seen meanwhile: the store is never more than one write behind.
//!
//! The record in the store decides (R9). If somebody else has replaced it, memory takes what stands there, unless
//! that would take back what was acknowledged: whoever waits for the disk is told, and begins again.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use fogline_core::application::Durability;
use fogline_core::model::{CommitId, StateName, Timestamp};
use fogline_core::session::{BlobName, Commit, Content, Expect, Head, RecordKey, Snapshot, Status};
use fogline_protocol::problem::Kind;
use fogline_state::{Committed, Store};
use tokio::sync::watch;
use tokio_util::task::TaskTracker;

use crate::fault::Fault;

/// How old the last checkpoint may get under [`Durability::Checkpoint`].
pub(crate) const CHECKPOINT_EVERY: Duration = Duration::from_secs(1);

/// First and longest pause before a write of which nobody has heard is tried again.
const WRITE_PAUSE: (Duration, Duration) = (Duration::from_millis(5), Duration::from_secs(1));
/// How long it is tried; who waits for it then is told.
const WRITE_PATIENCE: Duration = Duration::from_secs(10);

/// The sessions that this node owns.
pub(crate) struct Owner {
    store: Arc<dyn Store>,
    sessions: Mutex<HashMap<RecordKey, Arc<Owned>>>,
    tasks: TaskTracker,
    /// How often memory has been overtaken by a store, over all sessions.
    overtaken: Arc<AtomicU64>,
}

/// When memory was last overtaken, as far as somebody knows: later ones are greater. Zero if never.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Overtaken(u64);

/// What came of waiting for the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Settled {
    /// This version is in it, and what was waited for is as durable as promised.
    At(u64),
    /// Somebody else's head is in it, and in memory too: what was waited for never was.
    Overtaken,
}

/// One session in memory.
struct Owned {
    memory: Mutex<Memory>,
    stored: watch::Sender<Stored>,
}

/// How far the store is.
#[derive(Clone, Default)]
struct Stored {
    /// The version that is in it.
    version: u64,
    /// When somebody else's head was found in it.
    overtaken: Overtaken,
    /// How often it did not take one.
    failures: u64,
    /// Why, the last time.
    fault: Option<Fault>,
}

struct Memory {
    head: Head,
    blobs: BTreeMap<BlobName, Bytes>,
    /// The commit that is in the store.
    in_store: CommitId,
    /// The blobs that are in the store.
    blobs_in_store: BTreeSet<BlobName>,
    /// The latest version that was acknowledged before it was in the store.
    acknowledged: u64,
    /// Whether a task is writing to the store.
    writing: bool,
}

impl Owner {
    pub(crate) fn new(store: Arc<dyn Store>, tasks: TaskTracker) -> Self {
        Self {
            store,
            sessions: Mutex::default(),
            tasks,
            overtaken: Arc::default(),
        }
    }

    /// Head and values from memory, or, the first time, from the store.
    pub(crate) async fn load(
        &self,
        key: &RecordKey,
        states: &BTreeSet<StateName>,
    ) -> Result<Option<Snapshot>, Fault> {
        let owned = match self.find(key) {
            Some(owned) => owned,
            None => match self.fetch(key).await? {
                Fetched::Live(owned) => owned,
                Fetched::Other(found) => {
                    return Ok(found.map(|head| Snapshot {
                        head,
                        values: BTreeMap::new(),
                    }));
                }
            },
        };
        Ok(Some(owned.memory().snapshot(states)))
    }

    /// Head and values as of some recent moment, for those who only look: nothing is brought into memory, and nothing
    /// is seen that is less durable than promised.
    pub(crate) async fn look(
        &self,
        key: &RecordKey,
        states: &BTreeSet<StateName>,
        durability: Durability,
    ) -> Result<Option<Snapshot>, Fault> {
        match self.find(key) {
            // The store is at most one write behind.
            Some(owned) if durability != Durability::EveryCommit => Ok(Some(owned.memory().snapshot(states))),
            _ => Ok(self.store.load(key, states).await?),
        }
    }

    /// Replaces the head in memory.
    pub(crate) fn commit(&self, key: &RecordKey, commit: Commit) -> Committed {
        let Some(owned) = self.find(key) else {
            return Committed::Conflict(None);
        };
        let mut memory = owned.memory();
        if commit.expect != Expect::Commit(memory.head.commit) {
            return Committed::Conflict(Some(memory.head.clone()));
        }
        memory.blobs.extend(commit.blobs);
        memory.head = commit.head;
        let Memory { head, blobs, .. } = &mut *memory;
        if !blobs.is_empty() {
            let named = head.blobs();
            blobs.retain(|name, _| named.contains(name));
        }
        Committed::Done
    }

    /// When memory was last overtaken: to be asked before a session is loaded.
    pub(crate) fn overtaken(&self, key: &RecordKey) -> Overtaken {
        self.find(key)
            .map(|owned| owned.stored.borrow().overtaken)
            .unwrap_or_default()
    }

    /// Waits until a version is as durable as promised. It was loaded, or made of what was loaded, after `since`.
    pub(crate) async fn settle(
        &self,
        key: &RecordKey,
        version: u64,
        since: Overtaken,
        durability: Durability,
    ) -> Result<Settled, Fault> {
        let Some(owned) = self.find(key) else {
            return Ok(Settled::At(version));
        };
        let mut stored = owned.stored.subscribe();
        let Stored {
            version: reached,
            overtaken,
            failures,
            ..
        } = stored.borrow().clone();
        if overtaken > since {
            return Ok(Settled::Overtaken);
        }
        if reached >= version {
            return Ok(Settled::At(reached));
        }
        if durability != Durability::EveryCommit {
            let mut memory = owned.memory();
            // Nothing is overtaken while memory is locked.
            if owned.stored.borrow().overtaken > since {
                return Ok(Settled::Overtaken);
            }
            memory.acknowledged = memory.acknowledged.max(version);
            drop(memory);
            if durability == Durability::Checkpoint {
                self.write_soon(key, &owned, CHECKPOINT_EVERY);
            }
            return Ok(Settled::At(reached));
        }
        self.write_soon(key, &owned, Duration::ZERO);
        let ended = |stored: &Stored| {
            stored.version >= version || stored.overtaken > since || stored.failures > failures
        };
        let Ok(stored) = stored.wait_for(ended).await else {
            return Ok(Settled::At(version));
        };
        match &stored.fault {
            _ if stored.overtaken > since => Ok(Settled::Overtaken),
            Some(fault) if stored.version < version => Err(fault.clone()),
            _ => Ok(Settled::At(stored.version)),
        }
    }

    /// Writes what memory holds to the store, and forgets it: the session is about to leave. The caller has its turn.
    pub(crate) async fn release(&self, key: &RecordKey) -> Result<(), Fault> {
        if let Some(owned) = self.find(key) {
            let since = self.overtaken(key);
            let version = owned.memory().head.version;
            // What has overtaken it is in the store.
            self.settle(key, version, since, Durability::EveryCommit).await?;
            self.forget(key);
        }
        Ok(())
    }

    /// Writes all that is not meant to be lost, before the node stops.
    pub(crate) async fn release_all(&self) {
        let keys: Vec<RecordKey> = self.lock().keys().cloned().collect();
        for key in keys {
            if let Err(fault) = self.release(&key).await {
                tracing::error!(session = %key.session, problem = %fault.problem(), "session not stored");
            }
        }
    }

    /// Whether a session is in memory and lives on after `now`.
    pub(crate) fn holds_unexpired(&self, key: &RecordKey, now: Timestamp) -> bool {
        self.find(key)
            .is_some_and(|owned| owned.memory().head.expires >= now)
    }

    /// How many sessions are in memory.
    pub(crate) fn len(&self) -> usize {
        self.lock().len()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<RecordKey, Arc<Owned>>> {
        self.sessions.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn find(&self, key: &RecordKey) -> Option<Arc<Owned>> {
        self.lock().get(key).cloned()
    }

    /// Forgets a session, whatever memory holds.
    pub(crate) fn forget(&self, key: &RecordKey) {
        self.lock().remove(key);
    }

    async fn fetch(&self, key: &RecordKey) -> Result<Fetched, Fault> {
        let memory = match Memory::read(&*self.store, key).await? {
            Some(memory) if memory.head.status == Status::Live => memory,
            other => return Ok(Fetched::Other(other.map(|memory| memory.head))),
        };
        let (stored, _) = watch::channel(Stored {
            version: memory.head.version,
            ..Stored::default()
        });
        let owned = Arc::new(Owned {
            memory: Mutex::new(memory),
            stored,
        });
        Ok(Fetched::Live(Arc::clone(
            self.lock().entry(key.clone()).or_insert(owned),
        )))
    }

    /// Starts the task that writes, unless there is one.
    fn write_soon(&self, key: &RecordKey, owned: &Arc<Owned>, pause: Duration) {
        if std::mem::replace(&mut owned.memory().writing, true) {
            return;
        }
        let (store, key, owned) = (Arc::clone(&self.store), key.clone(), Arc::clone(owned));
        let overtaken = Arc::clone(&self.overtaken);
        // The task belongs to the node, not to the request that began it: others wait for it.
        self.tasks.spawn(async move {
            if !pause.is_zero() {
                tokio::time::sleep(pause).await;
            }
            owned.write(&*store, &key, &overtaken).await;
        });
    }
}

enum Fetched {
    /// It is in memory now.
    Live(Arc<Owned>),
    /// The session is not here, or not yet or no more.
    Other(Option<Head>),
}

impl Owned {
    fn memory(&self) -> MutexGuard<'_, Memory> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes until the store has what memory has, or refuses it.
    async fn write(&self, store: &dyn Store, key: &RecordKey, overtaken: &AtomicU64) {
        while let Some(commit) = self.next_write() {
            let (id, version, named) = (commit.head.commit, commit.head.version, commit.head.blobs());
            let written = match commit_surely(store, key, commit).await {
                Ok(Committed::Conflict(Some(head))) if head.commit == id => Ok(()),
                Ok(Committed::Conflict(_)) => match self.give_way(store, key, overtaken).await {
                    Ok(()) => continue,
                    Err(fault) => Err(fault),
                },
                other => other.map(drop),
            };
            let mut memory = self.memory();
            match written {
                Ok(()) => {
                    memory.in_store = id;
                    memory.blobs_in_store = named;
                    self.stored.send_modify(|stored| stored.version = version);
                }
                Err(fault) => {
                    // Those who wait are told; the next commit tries again.
                    memory.writing = false;
                    self.stored.send_modify(|stored| {
                        stored.failures += 1;
                        stored.fault = Some(fault);
                    });
                    return;
                }
            }
        }
    }

    /// What the store has not got yet; if there is nothing, the writing ends.
    fn next_write(&self) -> Option<Commit> {
        let mut memory = self.memory();
        if memory.in_store == memory.head.commit {
            memory.writing = false;
            return None;
        }
        let new = memory
            .blobs
            .iter()
            .filter(|(name, _)| !memory.blobs_in_store.contains(name));
        Some(Commit {
            expect: Expect::Commit(memory.in_store),
            head: memory.head.clone(),
            blobs: new.map(|(name, bytes)| (name.clone(), bytes.clone())).collect(),
        })
    }

    /// Somebody else has replaced the record: memory takes it, unless more than that was acknowledged.
    async fn give_way(&self, store: &dyn Store, key: &RecordKey, overtaken: &AtomicU64) -> Result<(), Fault> {
        let found = Memory::read(store, key).await?;
        let mut memory = self.memory();
        let found = found.filter(|_| memory.acknowledged <= self.stored.borrow().version);
        let Some(found) = found else {
            return Err(Fault::new(
                Kind::Conflict,
                format!(
                    "the record of {} was changed behind its owner's back",
                    key.session
                ),
                "restart the node; somebody else writes to its store",
            ));
        };
        let version = found.head.version;
        *memory = Memory {
            writing: true,
            ..found
        };
        self.stored.send_modify(|stored| {
            stored.version = version;
            stored.overtaken = Overtaken(overtaken.fetch_add(1, Ordering::Relaxed) + 1);
        });
        Ok(())
    }
}

/// Commits until it is known what came of it: if it was done and nobody heard, it conflicts with itself.
async fn commit_surely(store: &dyn Store, key: &RecordKey, commit: Commit) -> Result<Committed, Fault> {
    let deadline = Instant::now() + WRITE_PATIENCE;
    let mut pause = WRITE_PAUSE.0;
    loop {
        match store.commit(key, commit.clone()).await? {
            Committed::Unknown if Instant::now() + pause < deadline => {
                tokio::time::sleep(pause).await;
                pause = (pause * 2).min(WRITE_PAUSE.1);
            }
            Committed::Unknown => {
                return Err(Fault::new(
                    Kind::Unavailable,
                    format!("nobody says whether the record of {} is stored", key.session),
                    "look after the node's disk; the next request tries again",
                ));
            }
            known => return Ok(known),
        }
    }
}

impl Memory {
    /// What the store has, if anything.
    async fn read(store: &dyn Store, key: &RecordKey) -> Result<Option<Self>, Fault> {
        let Some(found) = store.load(key, &BTreeSet::new()).await? else {
            return Ok(None);
        };
        let mut blobs = BTreeMap::new();
        for name in found.head.blobs() {
            let blob = store.blob(key, &name).await?.ok_or_else(|| {
                Fault::new(
                    Kind::Unavailable,
                    format!("the record of {} changes", key.session),
                    "try again",
                )
            })?;
            blobs.insert(name, blob);
        }
        Ok(Some(Self {
            in_store: found.head.commit,
            blobs_in_store: found.head.blobs(),
            head: found.head,
            blobs,
            acknowledged: 0,
            writing: false,
        }))
    }

    fn snapshot(&self, states: &BTreeSet<StateName>) -> Snapshot {
        let value = |state: &StateName| match &self.head.states.get(state)?.content {
            Content::Inline(bytes) => Some(bytes.clone()),
            Content::Blob { name, .. } => self.blobs.get(name).cloned(),
            Content::Held { .. } => None,
        };
        let values = states
            .iter()
            .filter_map(|state| Some((state.clone(), value(state)?)))
            .collect();
        Snapshot {
            head: self.head.clone(),
            values,
        }
    }
}

impl Owner {
    /// A blob of a session in memory.
    pub(crate) fn blob(&self, key: &RecordKey, name: &BlobName) -> Option<Bytes> {
        self.find(key)?.memory().blobs.get(name).cloned()
    }
}

#[cfg(test)]
mod tests;
