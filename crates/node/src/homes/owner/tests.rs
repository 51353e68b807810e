//! Writes of which the store says nothing.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use fogline_core::model::{AppName, TenantName};
use fogline_state::conformance::Scene;
use fogline_state::{Durable, Listed, MemoryStore, StoreError};
use tokio::sync::{mpsc, oneshot};

use super::*;

/// Says of no commit, or of the first alone not, what became of it.
struct Silent {
    inner: MemoryStore,
    commits: AtomicUsize,
    always: bool,
    /// Told of the first commit when it is done, and waited for before it is answered.
    done: mpsc::UnboundedSender<oneshot::Sender<()>>,
    born: Mutex<bool>,
}

#[async_trait]
impl Store for Silent {
    fn durable(&self) -> Durable {
        Durable::Memory
    }

    async fn load(
        &self,
        key: &RecordKey,
        states: &BTreeSet<StateName>,
    ) -> Result<Option<Snapshot>, StoreError> {
        self.inner.load(key, states).await
    }

    async fn commit(&self, key: &RecordKey, commit: Commit) -> Result<Committed, StoreError> {
        if !std::mem::replace(&mut *self.born.lock().unwrap(), true) {
            return self.inner.commit(key, commit).await;
        }
        let first = self.commits.fetch_add(1, Ordering::Relaxed) == 0;
        if self.always {
            return Ok(Committed::Unknown);
        }
        let committed = self.inner.commit(key, commit).await?;
        if !first {
            return Ok(committed);
        }
        let (go_on, told) = oneshot::channel();
        self.done.send(go_on).unwrap();
        told.await.unwrap();
        Ok(Committed::Unknown)
    }

    async fn blob(&self, key: &RecordKey, name: &BlobName) -> Result<Option<Bytes>, StoreError> {
        self.inner.blob(key, name).await
    }

    async fn list(
        &self,
        tenant: &TenantName,
        app: &AppName,
        after: Option<&RecordKey>,
        limit: usize,
    ) -> Result<Vec<Listed>, StoreError> {
        self.inner.list(tenant, app, after, limit).await
    }

    async fn erase(&self, key: &RecordKey) -> Result<(), StoreError> {
        self.inner.erase(key).await
    }
}

type Told = mpsc::UnboundedReceiver<oneshot::Sender<()>>;

/// An owner with one session in memory, on which a commit is done that is not in the store yet.
async fn owner(always: bool) -> (Arc<Silent>, Arc<Owner>, Scene, Head, Told) {
    let (done, told) = mpsc::unbounded_channel();
    let store = Arc::new(Silent {
        inner: MemoryStore::default(),
        commits: AtomicUsize::new(0),
        always,
        done,
        born: Mutex::new(false),
    });
    let owner = Arc::new(Owner::new(
        Arc::clone(&store) as Arc<dyn Store>,
        TaskTracker::new(),
    ));
    let scene = Scene::new("silent");
    let birth = scene.birth();
    let head = birth.head.clone();
    store.commit(&scene.key(1), birth).await.unwrap();
    owner
        .load(&scene.key(1), &BTreeSet::new())
        .await
        .unwrap()
        .expect("it is born");
    let next = scene.next(&head, &[]);
    let head = next.head.clone();
    assert_eq!(owner.commit(&scene.key(1), next), Committed::Done);
    (store, owner, scene, head, told)
}

#[tokio::test]
async fn a_write_that_nobody_heard_of_and_that_was_overtaken_is_known_again() {
    let (store, owner, scene, head, mut told) = owner(false).await;
    let key = scene.key(1);
    let (it, first) = (Arc::clone(&owner), (key.clone(), head.version));
    let settling = tokio::spawn(async move { it.settle(&first.0, first.1, Durability::EveryCommit).await });
    let go_on = told.recv().await.expect("it is written");
    let next = scene.next(&head, &[]);
    let last = next.head.clone();
    assert_eq!(owner.commit(&key, next), Committed::Done);
    go_on.send(()).unwrap();
    assert!(settling.await.unwrap().unwrap() >= head.version);
    let settled = owner.settle(&key, last.version, Durability::EveryCommit).await;
    assert_eq!(settled.unwrap(), last.version);
    let stored = store
        .load(&key, &BTreeSet::new())
        .await
        .unwrap()
        .expect("it is stored");
    assert_eq!(stored.head, last);
}

#[tokio::test]
async fn a_store_that_says_nothing_is_asked_again_after_pauses() {
    let (store, owner, scene, head, _told) = owner(true).await;
    let key = scene.key(1);
    let settling = owner.settle(&key, head.version, Durability::EveryCommit);
    let settled = tokio::time::timeout(Duration::from_millis(300), settling).await;
    assert!(settled.is_err(), "it is not known to be stored");
    // After 0, 5, 15, 35, 75, 155 and 315 ms.
    let tries = store.commits.load(Ordering::Relaxed);
    assert!((2..=7).contains(&tries), "{tries} tries");
}
