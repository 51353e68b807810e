//! Blobs that peers sent ahead of the commit that names them: a session may be larger than one message.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use fogline_core::session::{BlobName, RecordKey};
use fogline_protocol::problem::Kind;
use fogline_state::MAX_COMMIT;

use crate::fault::Fault;

/// How long a blob waits for its commit.
const PATIENCE: Duration = Duration::from_secs(60);

/// Blobs in memory, of all peers together no more than one commit may have.
#[derive(Default)]
pub(crate) struct Staged {
    blobs: Mutex<BTreeMap<(RecordKey, BlobName), (Bytes, Instant)>>,
}

impl Staged {
    /// Keeps a blob for a while.
    pub(crate) fn put(&self, key: RecordKey, name: BlobName, blob: Bytes) -> Result<(), Fault> {
        let mut blobs = self.lock();
        let now = Instant::now();
        blobs.retain(|_, (_, since)| now.duration_since(*since) < PATIENCE);
        let held: u64 = blobs.values().map(|(blob, _)| blob.len() as u64).sum();
        if held + blob.len() as u64 > MAX_COMMIT.0 {
            return Err(Fault::overloaded("too many large sessions are on their way here"));
        }
        blobs.insert((key, name), (blob, now));
        Ok(())
    }

    /// The blobs that were sent ahead, which are then no longer kept.
    pub(crate) fn take(
        &self,
        key: &RecordKey,
        names: Vec<BlobName>,
    ) -> Result<BTreeMap<BlobName, Bytes>, Fault> {
        let mut blobs = self.lock();
        let taken = names.into_iter().map(|name| {
            let place = (key.clone(), name);
            match blobs.remove(&place) {
                Some((blob, _)) => Ok((place.1, blob)),
                None => Err(Fault::new(
                    Kind::Unavailable,
                    format!("a part of {key} that was sent ahead is no longer here"),
                    "try again",
                )),
            }
        });
        taken.collect()
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<(RecordKey, BlobName), (Bytes, Instant)>> {
        self.blobs.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
