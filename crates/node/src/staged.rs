//! Blobs that peers sent ahead of the commit that names them: a session may be larger than one message, and what is here
//! before the session has to wait is not waited for.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use fogline_core::model;
use fogline_core::session::{BlobName, RecordKey};
use fogline_protocol::problem::Kind;
use fogline_state::{EmbeddedStore, MAX_COMMIT, StoreError};
use tokio::sync::RwLock;

use crate::fault::Fault;

/// How long blobs wait for their commit, from the last of them.
const PATIENCE: Duration = Duration::from_secs(60);

/// Blobs that wait, of all peers together no more than one commit may have.
pub(crate) struct Staged {
    /// Where they wait, so that their commit writes a head only. Without it, in memory: a quorum is not asked to keep
    /// what nobody may name.
    disk: Option<Arc<EmbeddedStore>>,
    waiting: Mutex<BTreeMap<RecordKey, Waiting>>,
    /// Held by those who put, and alone by those who drop: what was put again is not dropped with what it was before.
    order: RwLock<()>,
}

/// What waits for a commit of one record.
struct Waiting {
    since: Instant,
    blobs: BTreeMap<BlobName, Blob>,
    /// Commits that name them and are under way: as long as there is one, nothing is dropped.
    commits: usize,
}

struct Blob {
    bytes: u64,
    /// None if it is on disk.
    in_memory: Option<Bytes>,
}

impl Waiting {
    fn bytes(&self) -> u64 {
        self.blobs.values().map(|blob| blob.bytes).sum()
    }
}

/// A commit that names what was sent ahead is under way.
pub(crate) struct Taken<'a> {
    staged: &'a Staged,
    key: RecordKey,
    /// What its store does not find by itself.
    pub(crate) blobs: BTreeMap<BlobName, Bytes>,
}

impl Staged {
    /// On the disk of this store, or in memory.
    pub(crate) fn new(disk: Option<Arc<EmbeddedStore>>) -> Self {
        Self {
            disk,
            waiting: Mutex::default(),
            order: RwLock::default(),
        }
    }

    /// Keeps a blob for a while.
    pub(crate) async fn put(&self, key: RecordKey, name: BlobName, blob: Bytes) -> Result<(), Fault> {
        self.forget_old().await?;
        let _order = self.order.read().await;
        self.let_in(&key, &name, &blob)?;
        match &self.disk {
            Some(disk) => Ok(disk.stage(&key, &name, blob).await?),
            None => Ok(()),
        }
    }

    fn let_in(&self, key: &RecordKey, name: &BlobName, blob: &Bytes) -> Result<(), Fault> {
        let mut all = self.lock();
        let held: u64 = all.values().map(Waiting::bytes).sum();
        let waiting = all.get(key);
        // A blob whose answer was lost is sent again.
        let again = waiting.and_then(|waiting| waiting.blobs.get(name));
        let more = |before: u64| before - again.map_or(0, |blob| blob.bytes) + blob.len() as u64;
        let own = more(waiting.map_or(0, Waiting::bytes));
        if own > MAX_COMMIT.0 {
            return Err(StoreError::too_large(model::Bytes(own), MAX_COMMIT).into());
        }
        if more(held) > MAX_COMMIT.0 {
            return Err(Fault::overloaded("too many large sessions are on their way here"));
        }
        let waiting = all.entry(key.clone()).or_insert_with(|| Waiting {
            since: Instant::now(),
            blobs: BTreeMap::new(),
            commits: 0,
        });
        waiting.since = Instant::now();
        let (bytes, in_memory) = (blob.len() as u64, self.disk.is_none().then(|| blob.clone()));
        waiting.blobs.insert(name.clone(), Blob { bytes, in_memory });
        Ok(())
    }

    /// The blobs of these names, for a commit.
    pub(crate) fn take(&self, key: &RecordKey, names: &[BlobName]) -> Result<Taken<'_>, Fault> {
        let mut all = self.lock();
        let waiting = all.get_mut(key);
        let found = waiting.filter(|waiting| names.iter().all(|name| waiting.blobs.contains_key(name)));
        let waiting = found.ok_or_else(|| {
            Fault::new(
                Kind::Unavailable,
                format!("a part of {key} that was sent ahead is no longer here"),
                "try again",
            )
        })?;
        waiting.commits += 1;
        let in_memory = names.iter().filter_map(|name| {
            let blob = waiting.blobs.get(name)?.in_memory.clone()?;
            Some((name.clone(), blob))
        });
        Ok(Taken {
            staged: self,
            key: key.clone(),
            blobs: in_memory.collect(),
        })
    }

    /// Drops what has waited for too long.
    pub(crate) async fn forget_old(&self) -> Result<(), StoreError> {
        let old = |waiting: &Waiting| waiting.commits == 0 && waiting.since.elapsed() >= PATIENCE;
        if !self.lock().values().any(old) {
            return Ok(());
        }
        let _order = self.order.write().await;
        let gone: Vec<RecordKey> = {
            let mut all = self.lock();
            all.extract_if(.., |_, waiting| old(waiting))
                .map(|(key, _)| key)
                .collect()
        };
        for key in &gone {
            self.drop_rest(key).await?;
        }
        Ok(())
    }

    /// Drops what waited on disk for a commit that did not come.
    async fn drop_rest(&self, key: &RecordKey) -> Result<(), StoreError> {
        match &self.disk {
            Some(disk) => disk.unstage(key).await,
            None => Ok(()),
        }
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<RecordKey, Waiting>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Taken<'_> {
    /// The commit was done, and nothing waits any longer; or it was not, and what waited for it is dropped.
    pub(crate) async fn end(self, done: bool) -> Result<(), StoreError> {
        let (staged, key) = (self.staged, self.key.clone());
        drop(self);
        let _order = match done {
            true => None,
            false => Some(staged.order.write().await),
        };
        let unclaimed = {
            let mut all = staged.lock();
            let of_others = all.get(&key).is_some_and(|waiting| waiting.commits > 0);
            (done || !of_others) && all.remove(&key).is_some()
        };
        if unclaimed && !done {
            staged.drop_rest(&key).await?;
        }
        Ok(())
    }
}

impl Drop for Taken<'_> {
    fn drop(&mut self) {
        if let Some(waiting) = self.staged.lock().get_mut(&self.key) {
            waiting.commits = waiting.commits.saturating_sub(1);
        }
    }
}

#[cfg(test)]
mod tests {
    use fogline_state::conformance::Scene;

    use super::{Bytes, Kind, Staged};

    #[tokio::test]
    async fn a_blob_that_is_sent_again_counts_once() {
        let (staged, scene) = (Staged::new(None), Scene::new("again"));
        let (key, birth) = (scene.key(1), scene.birth());
        let value = Bytes::from(vec![0; 150 << 20]);
        let next = scene.next(&birth.head, &[("s", Some(value.clone()))]);
        let name = next.head.blobs().pop_first().unwrap();
        for _ in 0..20 {
            staged
                .put(key.clone(), name.clone(), value.clone())
                .await
                .unwrap();
        }
        let other = scene.next(&next.head, &[("s", Some(value.clone()))]);
        let other = other.head.blobs().pop_first().unwrap();
        let too_large = staged.put(key, other, value).await.unwrap_err();
        assert_eq!(too_large.problem().kind, Kind::TooLarge);
    }
}
