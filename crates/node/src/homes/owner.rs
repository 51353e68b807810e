//! The memory of the node that owns sessions under in-function, with the store of its records behind it.
//!
//! A commit changes memory at once; its reply waits until what it saw is as durable as promised (R8). One write to
//! the store covers all commits that a session has seen meanwhile: the store is never more than one write behind.
//!
//! The record in the store decides (R9). If somebody else has replaced it, memory takes what stands there, unless
//! that would take back what was acknowledged: whoever waits for the disk is told, and begins again. A session that has
//! moved is gone all the same: it was taken from a life of this node that had not renewed its lease (R11). So it is with
//! what the store refuses, as when its disk is full: memory goes back to what is stored, and whoever waits is told why.
//!
//! What memory had and the store has not is lost with the process. After that each session goes on in a new epoch, so that
//! nobody who was told of what is lost takes what comes later for it (R12), also those that are not used: until every record says
//! so, the node does not end in peace. It does so once: what has left memory since was stored before, and a session that comes
//! back by the dozen would push what is known to be lost out of its head.
//!
//! Under a lease memory belongs to one life of the node. A life that brings a session into its memory replaces the
//! record first: whoever has read it before to take the session, and saw no life then, finds another one.

mod memory;
mod owned;

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::num::NonZero;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use fogline_core::application::Durability;
use fogline_core::model::{Incarnation, StateName, Timestamp};
use fogline_core::quota::Usage;
use fogline_core::session::{BlobName, Commit, Expect, Head, RecordKey, Snapshot, Status};
use fogline_state::{Committed, Store, StoreError};
use tokio::sync::{Notify, watch};
use tokio_util::task::TaskTracker;

use memory::{Memory, WRITE_PATIENCE};
use owned::{Owned, Stored};

use crate::fault::Fault;
use crate::quotas::{Quotas, usage_of};
use crate::site::Lease;

/// How old the last checkpoint may get under [`Durability::Checkpoint`].
pub(crate) const CHECKPOINT_EVERY: Duration = Duration::from_secs(1);

/// Longest pause between two attempts at a checkpoint that the store does not take.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// How many sessions are known to have left in peace; beyond it all are forgotten, and come back as after a crash.
const MAX_RELEASED: usize = 65_536;

/// How often others may replace a record while it is brought into memory.
const MAX_TRIES: usize = 8;

/// The sessions that this node owns.
pub(crate) struct Owner {
    store: Arc<dyn Store>,
    /// Without one, nobody else can take what is in memory.
    lease: Option<Arc<Lease>>,
    quotas: Arc<Quotas>,
    sessions: Mutex<HashMap<RecordKey, Arc<Owned>>>,
    tasks: TaskTracker,
    /// How many memories before this one may have lost what was acknowledged, as long as not every record says so.
    crashes: AtomicU64,
    /// Of which sessions it was not, because they have left this memory: noted after a crash only.
    released: Mutex<HashSet<RecordKey>>,
    /// How often memory has taken what a store has, over all sessions.
    overtaken: Arc<AtomicU64>,
}

/// When memory was last overtaken, as far as somebody knows: later ones are greater. Zero if never.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
struct Overtaken(u64);

/// The moment since which somebody has looked at a session in memory.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Since {
    /// The life that memory belonged to, under a lease.
    life: Option<Incarnation>,
    overtaken: Overtaken,
}

/// What came of waiting for the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Settled {
    /// This version is in it, and what was waited for is as durable as promised.
    At(u64),
    /// Somebody else's head is in it, and in memory too: what was waited for never was.
    Overtaken,
}

impl Owner {
    pub(crate) fn new(
        store: Arc<dyn Store>,
        lease: Option<Arc<Lease>>,
        quotas: Arc<Quotas>,
        tasks: TaskTracker,
        after_crash: bool,
    ) -> Self {
        Self {
            store,
            lease,
            quotas,
            sessions: Mutex::default(),
            tasks,
            crashes: AtomicU64::new(u64::from(after_crash)),
            released: Mutex::default(),
            overtaken: Arc::default(),
        }
    }

    /// Head and values from memory, or, the first time, from the store; `since` is what was asked for before.
    pub(crate) async fn load(
        &self,
        key: &RecordKey,
        states: &BTreeSet<StateName>,
        since: Since,
    ) -> Result<Option<Snapshot>, Fault> {
        let owned = match self.find(key).filter(|owned| owned.serves(since.life)) {
            Some(owned) => owned,
            None => match self.fetch(key, since.life).await? {
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
        // Also where memory is not looked at: a session does not move to a node that could not answer for it.
        let since = self.since(key)?;
        if durability == Durability::EveryCommit {
            return Ok(self.store.load(key, states).await?);
        }
        match self.find(key).filter(|owned| owned.serves(since.life)) {
            // The store is at most one write behind.
            Some(owned) => {
                let seen = owned.memory().snapshot(states);
                self.check(since)?;
                Ok(Some(seen))
            }
            None => Ok(self.store.load(key, states).await?),
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
        self.quotas.committed(key, &memory.head, &commit.head);
        memory.blobs.extend(commit.blobs);
        memory.head = commit.head;
        let Memory { head, blobs, .. } = &mut *memory;
        if !blobs.is_empty() {
            let named = head.blobs();
            blobs.retain(|name, _| named.contains(name));
        }
        Committed::Done
    }

    /// This moment: to be asked before a session is loaded.
    pub(crate) fn since(&self, key: &RecordKey) -> Result<Since, Fault> {
        let life = self.lease.as_ref().map(|lease| lease.life()).transpose()?;
        let overtaken = self.overtaken(key);
        Ok(Since { life, overtaken })
    }

    /// Whether what memory has shown since then may leave: to be asked after the last look at it (R1).
    pub(crate) fn check(&self, since: Since) -> Result<(), Fault> {
        match (&self.lease, since.life) {
            (Some(lease), Some(life)) => lease.check(life),
            _ => Ok(()),
        }
    }

    fn overtaken(&self, key: &RecordKey) -> Overtaken {
        self.find(key)
            .map(|owned| owned.stored.borrow().overtaken)
            .unwrap_or_default()
    }

    /// A blob of a session in memory.
    pub(crate) fn blob(&self, key: &RecordKey, name: &BlobName) -> Option<Bytes> {
        self.find(key)?.memory().blobs.get(name).cloned()
    }

    /// A blob of a session, from memory or from the store: what is about to leave is not brought into memory.
    pub(crate) async fn find_blob(
        &self,
        key: &RecordKey,
        name: &BlobName,
    ) -> Result<Option<Bytes>, StoreError> {
        match self.blob(key, name) {
            Some(blob) => Ok(Some(blob)),
            None => self.store.blob(key, name).await,
        }
    }

    /// All blobs of a session in memory.
    pub(crate) fn blobs(&self, key: &RecordKey) -> BTreeMap<BlobName, Bytes> {
        let owned = self.find(key);
        owned
            .map(|owned| owned.memory().blobs.clone())
            .unwrap_or_default()
    }

    /// Waits until a version is as durable as promised. It was loaded, or made of what was loaded, after `since`.
    pub(crate) async fn settle(
        &self,
        key: &RecordKey,
        version: u64,
        since: Since,
        durability: Durability,
    ) -> Result<Settled, Fault> {
        let since = since.overtaken;
        let Some(owned) = self.find(key) else {
            return Ok(Settled::At(version));
        };
        let mut stored = owned.stored.subscribe();
        let begun = stored.borrow().clone();
        if let Some(outcome) = begun.outcome(version, since) {
            return outcome;
        }
        if durability != Durability::EveryCommit {
            let mut memory = owned.memory();
            // Nothing is overtaken while memory is locked.
            if let Some(outcome) = owned.stored.borrow().outcome(version, since) {
                return outcome;
            }
            memory.acknowledged = memory.acknowledged.max(version);
            drop(memory);
            if durability == Durability::Checkpoint {
                self.write_soon(key, &owned, CHECKPOINT_EVERY);
            }
            return Ok(Settled::At(begun.version));
        }
        // A checkpoint that is not due yet is written now.
        owned.awaited.notify_one();
        self.write_soon(key, &owned, Duration::ZERO);
        let ended =
            |stored: &Stored| stored.outcome(version, since).is_some() || stored.failures > begun.failures;
        let Ok(stored) = stored.wait_for(ended).await else {
            return Ok(Settled::At(version));
        };
        match (stored.outcome(version, since), &stored.fault) {
            (Some(outcome), _) => outcome,
            (None, Some(fault)) => Err(fault.clone()),
            (None, None) => Ok(Settled::At(stored.version)),
        }
    }

    /// Writes what memory holds to the store, and forgets it: the session is about to leave. The caller has its turn.
    pub(crate) async fn release(&self, key: &RecordKey) -> Result<(), Fault> {
        if let Some(owned) = self.find(key) {
            let since = Since {
                life: None,
                overtaken: self.overtaken(key),
            };
            let version = owned.memory().head.version;
            // What has overtaken it is in the store.
            self.settle(key, version, since, Durability::EveryCommit).await?;
            self.has_lost_nothing_of(key);
            self.forget(key);
        }
        Ok(())
    }

    /// Writes all that is not meant to be lost, before the node stops; false if not all is stored.
    pub(crate) async fn release_all(&self) -> bool {
        let keys: Vec<RecordKey> = self.lock().keys().cloned().collect();
        let mut all = true;
        for key in keys {
            if let Err(fault) = self.release(&key).await {
                tracing::error!(session = %key.session, problem = %fault.problem(), "session not stored");
                all = false;
            }
        }
        all
    }

    /// Empties memory after a life of this node was ended: what nobody has taken is stored.
    pub(crate) async fn begin_anew(&self) {
        let stored = tokio::time::timeout(WRITE_PATIENCE, self.release_all()).await;
        if stored != Ok(true) {
            tracing::error!("not all sessions were stored in time");
            self.released().clear();
            self.crashes.fetch_add(1, Ordering::Relaxed);
        }
        self.lock().clear();
        self.quotas.forget_memory();
    }

    /// Has the record of a session say that it has lost what memory had before a crash (R12), if it does not yet. The caller has
    /// its turn.
    pub(crate) async fn note_losses_of(&self, key: &RecordKey) -> Result<(), Fault> {
        if self.find(key).is_none() && self.may_have_lost(key) {
            let life = self.since(key)?.life;
            self.fetch(key, life).await?;
        }
        Ok(())
    }

    /// How many memories before this one may have lost something that records do not say yet.
    pub(crate) fn crashes(&self) -> Option<NonZero<u64>> {
        NonZero::new(self.crashes.load(Ordering::Relaxed))
    }

    /// All records say what so many crashes have taken.
    pub(crate) fn has_noted(&self, crashes: NonZero<u64>) {
        let order = Ordering::Relaxed;
        // It fails if there has been another one meanwhile.
        if self
            .crashes
            .compare_exchange(crashes.get(), 0, order, order)
            .is_ok()
        {
            self.released().clear();
        }
    }

    /// Whether a session is in memory and lives on after `now`.
    pub(crate) fn holds_unexpired(&self, key: &RecordKey, now: Timestamp) -> bool {
        self.find(key)
            .is_some_and(|owned| owned.memory().head.expires >= now)
    }

    /// What a session in memory uses.
    pub(crate) fn usage(&self, key: &RecordKey) -> Option<Usage> {
        let owned = self.find(key)?;
        let memory = owned.memory();
        Some(usage_of(key, &memory.head))
    }

    /// How many sessions are in memory.
    pub(crate) fn len(&self) -> usize {
        self.lock().len()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<RecordKey, Arc<Owned>>> {
        self.sessions.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn released(&self) -> MutexGuard<'_, HashSet<RecordKey>> {
        self.released.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// All that memory has of a session is stored, and memory is about to forget it.
    fn has_lost_nothing_of(&self, key: &RecordKey) {
        if self.crashes().is_none() {
            return;
        }
        let mut released = self.released();
        if released.len() >= MAX_RELEASED {
            released.clear();
        }
        released.insert(key.clone());
    }

    /// Whether what was acknowledged of a session that is not in memory may have been lost.
    fn may_have_lost(&self, key: &RecordKey) -> bool {
        self.crashes().is_some() && !self.released().contains(key)
    }

    fn find(&self, key: &RecordKey) -> Option<Arc<Owned>> {
        self.lock().get(key).cloned()
    }

    /// Forgets a session, whatever memory holds.
    pub(crate) fn forget(&self, key: &RecordKey) {
        self.lock().remove(key);
        self.quotas.forget(key);
    }

    async fn fetch(&self, key: &RecordKey, life: Option<Incarnation>) -> Result<Fetched, Fault> {
        for _ in 0..MAX_TRIES {
            let mut memory = match Memory::read(&*self.store, key).await? {
                Some(memory) if memory.head.status == Status::Live => memory,
                other => return Ok(Fetched::Other(other.map(|memory| memory.head))),
            };
            let has_lost = self.may_have_lost(key);
            let is_to_be_replaced = has_lost || life.is_some();
            if !is_to_be_replaced || memory.claim(&*self.store, key, has_lost).await? {
                return Ok(Fetched::Live(self.keep(key, memory, life)));
            }
        }
        Err(Fault::overloaded(format!(
            "the record of {} changes all the time",
            key.session
        )))
    }

    fn keep(&self, key: &RecordKey, memory: Memory, life: Option<Incarnation>) -> Arc<Owned> {
        let (stored, _) = watch::channel(Stored {
            version: memory.head.version,
            ..Stored::default()
        });
        let owned = Arc::new(Owned {
            life,
            quotas: Arc::clone(&self.quotas),
            memory: Mutex::new(memory),
            stored,
            awaited: Notify::new(),
        });
        let mut sessions = self.lock();
        match sessions.get(key) {
            Some(there) if there.serves(life) => Arc::clone(there),
            _ => {
                sessions.insert(key.clone(), Arc::clone(&owned));
                owned
            }
        }
    }

    /// Starts the task that writes, unless there is one.
    fn write_soon(&self, key: &RecordKey, owned: &Arc<Owned>, mut pause: Duration) {
        if std::mem::replace(&mut owned.memory().writing, true) {
            return;
        }
        let (store, key, owned) = (Arc::clone(&self.store), key.clone(), Arc::clone(owned));
        let overtaken = Arc::clone(&self.overtaken);
        // A checkpoint that fails is tried again by itself: what it has was acknowledged, and perhaps nobody comes again.
        let goes_on = !pause.is_zero();
        // The task belongs to the node, not to the request that began it: others wait for it.
        self.tasks.spawn(async move {
            loop {
                // Whether it is awaited or due.
                let _ = tokio::time::timeout(pause, owned.awaited.notified()).await;
                let is_written = owned.write(&*store, &key, &overtaken, goes_on).await;
                // What memory has forgotten has moved, or has ended.
                if is_written || !goes_on || Arc::strong_count(&owned) == 1 {
                    return;
                }
                pause = (pause * 2).min(LONGEST_PAUSE);
            }
        });
    }
}

enum Fetched {
    /// It is in memory now.
    Live(Arc<Owned>),
    /// The session is not here, or not yet or no more.
    Other(Option<Head>),
}

#[cfg(test)]
mod tests;
