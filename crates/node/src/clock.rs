//! The node's clock: never below what it has shown before, also after a restart (R18).

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use fogline_core::model::Timestamp;
use fogline_state::{EmbeddedStore, StoreError};

/// How often the floor is written: a board without a clock is behind by this much at most after a restart.
pub(crate) const FLOOR_EVERY: Duration = Duration::from_secs(60);

const TABLE: &str = "clock";
const KEY: &[u8] = b"floor-unix-ms";

/// A clock with a floor.
pub(crate) struct Clock {
    floor: AtomicU64,
}

impl Clock {
    /// The clock, with the floor that the store has kept.
    pub(crate) fn open(store: &EmbeddedStore) -> Result<Self, StoreError> {
        let kept = store.meta_get(TABLE, KEY)?;
        let floor = kept.and_then(|bytes| Some(u64::from_be_bytes(bytes[..].try_into().ok()?)));
        Ok(Self {
            floor: AtomicU64::new(floor.unwrap_or(0)),
        })
    }

    /// Now.
    pub(crate) fn now(&self) -> Timestamp {
        let system = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let system = u64::try_from(system.as_millis()).unwrap_or(u64::MAX);
        let floor = self.floor.load(Ordering::Relaxed);
        // Most who ask do so in a millisecond that somebody has asked in before: they need not write.
        if system <= floor {
            return Timestamp(floor);
        }
        Timestamp(self.floor.fetch_max(system, Ordering::Relaxed).max(system))
    }

    /// Writes the floor, now and then; ends when the task that runs it does.
    pub(crate) async fn keep_floor(&self, store: &Arc<EmbeddedStore>) {
        loop {
            let now = self.now().0.to_be_bytes().to_vec();
            if let Err(error) = store.meta_put(TABLE, KEY, now.into()).await {
                tracing::warn!(%error, "clock floor not written");
            }
            tokio::time::sleep(FLOOR_EVERY).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use fogline_state::EmbeddedOptions;

    use super::*;

    fn store(folder: &tempfile::TempDir) -> Arc<EmbeddedStore> {
        let path = folder.path().join("store.redb");
        Arc::new(EmbeddedStore::open(&path, &EmbeddedOptions::default()).unwrap())
    }

    /// A day ahead of this machine's clock.
    fn tomorrow() -> u64 {
        Clock {
            floor: AtomicU64::new(0),
        }
        .now()
        .after(Duration::from_secs(86_400))
        .0
    }

    #[tokio::test]
    async fn a_node_whose_clock_was_set_back_goes_on_from_the_floor_that_it_kept() {
        let folder = tempfile::tempdir().unwrap();
        let store = store(&folder);
        let ahead = tomorrow();
        let floor = ahead.to_be_bytes().to_vec();
        store.meta_put(TABLE, KEY, floor.into()).await.unwrap();
        let clock = Clock::open(&store).unwrap();
        assert_eq!(clock.now(), Timestamp(ahead));
    }

    #[tokio::test]
    async fn the_floor_is_kept_from_the_start_on() {
        let folder = tempfile::tempdir().unwrap();
        let store = store(&folder);
        let clock = Clock {
            floor: AtomicU64::new(tomorrow()),
        };
        let shown = clock.now();
        let kept = async {
            while store.meta_get(TABLE, KEY).unwrap().is_none() {
                tokio::task::yield_now().await;
            }
        };
        let kept = tokio::time::timeout(Duration::from_secs(20), kept);
        tokio::select! {
            () = clock.keep_floor(&store) => unreachable!("it goes on for ever"),
            kept = kept => kept.expect("it is written at once"),
        }
        assert!(Clock::open(&store).unwrap().now() >= shown);
    }
}
