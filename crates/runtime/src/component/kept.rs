//! Workers that are kept for sessions: a bounded cache, nothing more (R13).

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use fogline_core::model::{Bytes, SessionId};
use lru::LruCache;

use super::worker::Worker;
use crate::call::{KeepTag, WrittenBy};

/// A worker that has just finished: kept by whoever has committed what it did, dropped otherwise.
pub struct KeptWorker {
    pub(super) worker: Worker,
    pub(super) executor: u64,
    pub(super) cache: Arc<Kept>,
}

impl KeptWorker {
    /// Keeps it for the session's next call, if that begins on these states: those that its execution left. Others of the
    /// session, and the one used longest ago if there are too many, go.
    pub fn keep(self, session: SessionId, states: WrittenBy) {
        let memory = self.worker.memory();
        self.cache.put(
            Key {
                executor: self.executor,
                session,
            },
            Entry {
                states,
                memory,
                worker: self.worker,
            },
        );
    }
}

impl std::fmt::Debug for KeptWorker {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("KeptWorker")
            .field("executor", &self.executor)
            .finish_non_exhaustive()
    }
}

/// The cache, for all executors of a runtime; generic for its tests.
pub(super) struct Kept<W = Worker> {
    capacity: usize,
    /// Of all workers together.
    most: Bytes,
    inner: Mutex<Inner<W>>,
}

/// One worker for each.
#[derive(Clone, PartialEq, Eq, Hash)]
struct Key {
    executor: u64,
    session: SessionId,
}

struct Inner<W> {
    /// In the order in which they were put here.
    workers: LruCache<Key, Entry<W>>,
    /// What the workers have together.
    memory: Bytes,
}

struct Entry<W> {
    states: WrittenBy,
    memory: Bytes,
    worker: W,
}

impl<W> Kept<W> {
    /// For so many workers, which may have so much memory together.
    pub(super) fn new(capacity: usize, most: Bytes) -> Self {
        let inner = Inner {
            // Its bounds are those of [`Self::put`].
            workers: LruCache::unbounded(),
            memory: Bytes::ZERO,
        };
        Self {
            capacity,
            most,
            inner: Mutex::new(inner),
        }
    }

    /// The session's worker, if it was kept on these very states; one that was not is gone.
    pub(super) fn take(&self, executor: u64, tag: &KeepTag) -> Option<W> {
        let key = Key {
            executor,
            session: tag.session.clone(),
        };
        let entry = self.lock().remove(&key)?;
        (entry.states == tag.states).then_some(entry.worker)
    }

    /// Drops the oldest; false if there is none.
    pub(super) fn evict_oldest(&self) -> bool {
        let entry = self.lock().remove_oldest();
        entry.is_some()
    }

    /// Drops all workers of an executor.
    pub(super) fn forget(&self, executor: u64) {
        let mut gone = Vec::new();
        let mut inner = self.lock();
        let keys = inner.workers.iter().map(|(key, _)| key);
        let keys: Vec<_> = keys.filter(|key| key.executor == executor).cloned().collect();
        gone.extend(keys.iter().filter_map(|key| inner.remove(key)));
        drop(inner);
    }

    fn put(&self, key: Key, entry: Entry<W>) {
        let mut gone = Vec::new();
        let mut inner = self.lock();
        gone.extend(inner.remove(&key));
        inner.memory += entry.memory;
        inner.workers.put(key, entry);
        while inner.workers.len() > self.capacity || inner.memory > self.most {
            gone.extend(inner.remove_oldest());
        }
        // Workers are dropped outside of the lock: that takes microseconds.
        drop(inner);
    }

    fn lock(&self) -> MutexGuard<'_, Inner<W>> {
        // No operation panics half-way.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<W> Inner<W> {
    fn remove(&mut self, key: &Key) -> Option<Entry<W>> {
        let entry = self.workers.pop(key)?;
        self.memory = Bytes(self.memory.0 - entry.memory.0);
        Some(entry)
    }

    fn remove_oldest(&mut self) -> Option<Entry<W>> {
        let (_, entry) = self.workers.pop_lru()?;
        self.memory = Bytes(self.memory.0 - entry.memory.0);
        Some(entry)
    }
}

#[cfg(test)]
mod tests {
    use fogline_core::model::{Birth, CommitId};

    use super::{Bytes, Entry, KeepTag, Kept, Key, SessionId, WrittenBy};

    fn session(number: u8) -> SessionId {
        SessionId::mint("n".parse().unwrap(), vec![Birth::InFunction], [number; 16]).unwrap()
    }

    fn written(by: u8) -> WrittenBy {
        WrittenBy::from([("s".parse().unwrap(), CommitId([by; 16]))])
    }

    fn put(kept: &Kept<&'static str>, executor: u64, number: u8, commit: u8, worker: &'static str) {
        kept.put(
            Key {
                executor,
                session: session(number),
            },
            Entry {
                states: written(commit),
                memory: Bytes(worker.len() as u64),
                worker,
            },
        );
    }

    fn take(kept: &Kept<&'static str>, executor: u64, number: u8, base: u8) -> Option<&'static str> {
        kept.take(
            executor,
            &KeepTag {
                session: session(number),
                states: written(base),
            },
        )
    }

    #[test]
    fn a_worker_is_used_on_its_very_states_once() {
        let kept = Kept::new(8, Bytes(100));
        put(&kept, 1, 1, 5, "a");
        assert_eq!(take(&kept, 2, 1, 5), None, "another function");
        assert_eq!(take(&kept, 1, 2, 5), None, "another session");
        assert_eq!(take(&kept, 1, 1, 5), Some("a"));
        assert_eq!(take(&kept, 1, 1, 5), None, "taken");
    }

    #[test]
    fn a_worker_of_other_states_is_gone_for_good() {
        let kept = Kept::new(8, Bytes(100));
        put(&kept, 1, 1, 5, "a");
        assert_eq!(take(&kept, 1, 1, 6), None);
        assert_eq!(take(&kept, 1, 1, 5), None);
        put(&kept, 1, 1, 5, "b");
        put(&kept, 1, 1, 6, "c");
        assert_eq!(take(&kept, 1, 1, 6), Some("c"));
        assert_eq!(kept.lock().workers.len(), 0);
    }

    #[test]
    fn the_oldest_goes_when_there_are_too_many() {
        let kept = Kept::new(2, Bytes(100));
        put(&kept, 1, 1, 0, "a");
        put(&kept, 1, 2, 0, "b");
        put(&kept, 1, 1, 1, "a again");
        put(&kept, 1, 3, 0, "c");
        assert_eq!(take(&kept, 1, 2, 0), None);
        assert_eq!(take(&kept, 1, 1, 1), Some("a again"));
        assert!(kept.evict_oldest());
        assert!(!kept.evict_oldest());
    }

    #[test]
    fn the_oldest_go_when_they_have_too_much_memory() {
        let kept = Kept::new(8, Bytes(10));
        put(&kept, 1, 1, 0, "four");
        put(&kept, 1, 2, 0, "2b");
        put(&kept, 1, 3, 0, "too");
        put(&kept, 1, 1, 1, "4444");
        assert_eq!(take(&kept, 1, 2, 0), Some("2b"), "the first of 1 has made room");
        put(&kept, 1, 4, 0, "five5");
        assert_eq!(take(&kept, 1, 3, 0), None);
        put(&kept, 1, 5, 0, "more than all");
        for (session, commit) in [(1, 1), (4, 0), (5, 0)] {
            assert_eq!(take(&kept, 1, session, commit), None, "{session}");
        }
        assert_eq!(kept.lock().memory, Bytes::ZERO);
    }

    #[test]
    fn an_executor_takes_its_workers_along() {
        let kept = Kept::new(8, Bytes(100));
        put(&kept, 1, 1, 0, "a");
        put(&kept, 2, 1, 0, "b");
        kept.forget(1);
        assert_eq!(take(&kept, 1, 1, 0), None);
        assert_eq!(take(&kept, 2, 1, 0), Some("b"));
    }
}
