//! One session in memory, and how the store follows it.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use fogline_core::model::Incarnation;
use fogline_core::session::{Commit, Expect, RecordKey, Status};
use fogline_protocol::problem::Kind;
use fogline_state::{Committed, Store};
use tokio::sync::{Notify, watch};

use super::memory::{Failed, Memory, commit_surely};
use super::{Overtaken, Settled};
use crate::fault::Fault;
use crate::quotas::Quotas;

/// One session in memory.
pub(super) struct Owned {
    /// The life that brought it there.
    pub(super) life: Option<Incarnation>,
    pub(super) quotas: Arc<Quotas>,
    pub(super) memory: Mutex<Memory>,
    pub(super) stored: watch::Sender<Stored>,
    /// Told when somebody waits for the store.
    pub(super) awaited: Notify,
}

/// How far the store is.
#[derive(Clone, Default)]
pub(super) struct Stored {
    /// The version that is in it.
    pub(super) version: u64,
    /// When memory last took what is in it.
    pub(super) overtaken: Overtaken,
    /// What memory gave up then, if that was not for somebody else's head.
    pub(super) refused: Option<Refused>,
    /// How often it did not take one.
    pub(super) failures: u64,
    /// Why, the last time.
    pub(super) fault: Option<Fault>,
}

/// The versions that memory had, and the store refused.
#[derive(Clone)]
pub(super) struct Refused {
    /// When memory had been overtaken before that.
    before: Overtaken,
    /// The last version that memory kept, because it was stored.
    kept: u64,
    fault: Fault,
}

impl Stored {
    /// What has become of a version that was in memory at some moment since `since`; nothing if that is open.
    pub(super) fn outcome(&self, version: u64, since: Overtaken) -> Option<Result<Settled, Fault>> {
        if self.overtaken <= since {
            return (self.version >= version).then_some(Ok(Settled::At(self.version)));
        }
        // Whoever has slept through more than one of these has to look again.
        let refused = self.refused.as_ref().filter(|refused| refused.before <= since);
        Some(match refused {
            Some(refused) if version > refused.kept => Err(refused.fault.clone()),
            Some(_) => Ok(Settled::At(self.version)),
            None => Ok(Settled::Overtaken),
        })
    }
}

impl Owned {
    pub(super) fn memory(&self) -> MutexGuard<'_, Memory> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether it is in this life's memory, and lives here.
    pub(super) fn serves(&self, life: Option<Incarnation>) -> bool {
        self.life == life && self.memory().head.status == Status::Live
    }

    /// Writes until the store has what memory has, or refuses it; gives whether it has. If not, and the writer goes on,
    /// no other begins.
    pub(super) async fn write(
        &self,
        store: &dyn Store,
        key: &RecordKey,
        overtaken: &AtomicU64,
        goes_on: bool,
    ) -> bool {
        while let Some(commit) = self.next_write() {
            let (id, version, named) = (commit.head.commit, commit.head.version, commit.head.blobs());
            let written = match commit_surely(store, key, &commit).await {
                Ok(Committed::Conflict(Some(head))) if head.commit == id => Ok(()),
                Ok(Committed::Conflict(_)) => match self.give_way(store, key, overtaken, None).await {
                    Ok(()) => continue,
                    Err(fault) => Err((fault, false)),
                },
                Ok(_) => Ok(()),
                Err(Failed { fault, unsure: false }) if self.may_give_up() => {
                    let refused = Some(fault.clone());
                    match self.give_way(store, key, overtaken, refused).await {
                        Ok(()) => continue,
                        Err(_) => Err((fault, false)),
                    }
                }
                Err(failed) => Err((failed.fault, failed.unsure)),
            };
            let mut memory = self.memory();
            match written {
                Ok(()) => {
                    memory.in_store = id;
                    memory.blobs_in_store = named;
                    memory.unsure = None;
                    self.stored.send_modify(|stored| stored.version = version);
                }
                Err((fault, unsure)) => {
                    // Those who wait are told; if this writer does not, the next commit tries again.
                    memory.writing = goes_on;
                    if unsure {
                        memory.unsure = Some(commit);
                    }
                    self.stored.send_modify(|stored| {
                        stored.failures += 1;
                        stored.fault = Some(fault);
                    });
                    return false;
                }
            }
        }
        true
    }

    /// Whether nobody was told of what the store has not got, and it certainly has not got it.
    fn may_give_up(&self) -> bool {
        let memory = self.memory();
        memory.unsure.is_none() && memory.acknowledged <= self.stored.borrow().version
    }

    /// What the store has not got yet; if there is nothing, the writing ends.
    fn next_write(&self) -> Option<Commit> {
        let mut memory = self.memory();
        if memory.in_store == memory.head.commit {
            memory.writing = false;
            return None;
        }
        if let Some(unsure) = &memory.unsure {
            return Some(unsure.clone());
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

    /// Somebody else has replaced the record, or the store has refused what memory holds, whose callers are told so: memory
    /// takes what is stored, unless more than that was acknowledged. What has moved is where it went, whatever was
    /// acknowledged here.
    async fn give_way(
        &self,
        store: &dyn Store,
        key: &RecordKey,
        overtaken: &AtomicU64,
        refused: Option<Fault>,
    ) -> Result<(), Fault> {
        let found = Memory::read(store, key).await?;
        let mut memory = self.memory();
        let found = found.filter(|found| {
            let moved = found.head.status != Status::Live || found.head.epoch > memory.head.epoch;
            moved || memory.acknowledged <= self.stored.borrow().version
        });
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
        let is_own = found.head.commit == memory.in_store;
        self.quotas.put_back(key, &found.head);
        *memory = Memory {
            writing: true,
            ..found
        };
        self.stored.send_modify(|stored| {
            let (before, kept) = (stored.overtaken, version);
            stored.version = version;
            stored.overtaken = Overtaken(overtaken.fetch_add(1, Ordering::Relaxed) + 1);
            stored.refused = refused
                .filter(|_| is_own)
                .map(|fault| Refused { before, kept, fault });
        });
        Ok(())
    }
}
