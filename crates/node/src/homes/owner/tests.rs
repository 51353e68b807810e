use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use fogline_core::lease::{LeaseRecord, TERM};
use fogline_core::model::{AppName, NodeName, TenantName};
use fogline_core::quota::Quota;
use fogline_core::session::Lost;
use fogline_protocol::problem::Kind;
use fogline_state::conformance::Scene;
use fogline_state::{Durable, Leased, Leases, Listed, MemoryStore, StoreError};
use tokio_util::sync::CancellationToken;

use super::*;

/// The owner of what is in a store, of tenants without a quota.
fn of(store: &Arc<dyn Store>, lease: Option<Arc<Lease>>, after_crash: bool) -> Owner {
    let quotas = Arc::new(Quotas::new(Default::default()));
    Owner::new(Arc::clone(store), lease, quotas, TaskTracker::new(), after_crash)
}

/// A session in the memory of its owner, and the store behind it.
async fn owned(scene: &Scene, key: &RecordKey) -> (Owner, Arc<dyn Store>, Head) {
    let store: Arc<dyn Store> = Arc::new(MemoryStore::default());
    let (owner, head) = owned_in(&store, scene, key).await;
    (owner, store, head)
}

async fn owned_in(store: &Arc<dyn Store>, scene: &Scene, key: &RecordKey) -> (Owner, Head) {
    let birth = scene.birth();
    let head = birth.head.clone();
    store.commit(key, birth).await.unwrap();
    let owner = of(store, None, false);
    owner.load(key, &BTreeSet::new(), Since::default()).await.unwrap();
    (owner, head)
}

/// A store that carries out one of its commits without saying so, and cannot be reached for another.
struct CutOff {
    inner: MemoryStore,
    commits: AtomicUsize,
    silent: Option<usize>,
    away: usize,
}

impl CutOff {
    /// The commit after a session's birth is carried out without saying so, and the one after that is refused.
    fn unheard() -> Self {
        Self::new(Some(1), 2)
    }

    /// The commit after a session's birth is refused.
    fn full() -> Self {
        Self::new(None, 1)
    }

    fn new(silent: Option<usize>, away: usize) -> Self {
        let (inner, commits) = (MemoryStore::default(), AtomicUsize::new(0));
        Self {
            inner,
            commits,
            silent,
            away,
        }
    }
}

#[async_trait]
impl Store for CutOff {
    fn durable(&self) -> Durable {
        self.inner.durable()
    }

    fn system(&self) -> &'static str {
        self.inner.system()
    }

    async fn load(
        &self,
        key: &RecordKey,
        states: &BTreeSet<StateName>,
    ) -> Result<Option<Snapshot>, StoreError> {
        self.inner.load(key, states).await
    }

    async fn commit(&self, key: &RecordKey, commit: Commit) -> Result<Committed, StoreError> {
        let at = self.commits.fetch_add(1, Ordering::Relaxed);
        if at == self.away {
            return Err(StoreError::Unavailable {
                doing: "writing".to_owned(),
                problem: "the store is away".to_owned(),
                hint: "wait",
            });
        }
        let committed = self.inner.commit(key, commit).await?;
        Ok(if Some(at) == self.silent {
            Committed::Unknown
        } else {
            committed
        })
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

fn write(scene: &Scene, head: &Head, value: &'static [u8]) -> Commit {
    scene.next(head, &[("s", Some(Bytes::from_static(value)))])
}

#[tokio::test]
async fn what_somebody_else_has_stored_meanwhile_takes_the_place_of_what_nobody_was_told() {
    let scene = Scene::new("overtaken");
    let key = scene.key(1);
    let (owner, store, head) = owned(&scene, &key).await;
    let since = owner.since(&key).unwrap();
    let other = write(&scene, &head, b"theirs");
    assert_eq!(owner.commit(&key, write(&scene, &head, b"mine")), Committed::Done);
    store.commit(&key, other.clone()).await.unwrap();
    // They are of one version, so that versions do not tell.
    let settled = owner.settle(&key, 1, since, Durability::EveryCommit).await;
    assert_eq!(settled.unwrap(), Settled::Overtaken);
    let found = owner
        .load(&key, &BTreeSet::new(), Since::default())
        .await
        .unwrap()
        .unwrap();
    assert_eq!(found.head, other.head);
    let since = owner.since(&key).unwrap();
    assert_eq!(
        owner.commit(&key, write(&scene, &found.head, b"mine")),
        Committed::Done
    );
    let settled = owner.settle(&key, 2, since, Durability::EveryCommit).await;
    assert_eq!(settled.unwrap(), Settled::At(2));
}

#[tokio::test]
async fn what_was_acknowledged_does_not_give_way() {
    let scene = Scene::new("acknowledged");
    let key = scene.key(1);
    let (owner, store, head) = owned(&scene, &key).await;
    let since = owner.since(&key).unwrap();
    let mine = write(&scene, &head, b"mine");
    assert_eq!(owner.commit(&key, mine.clone()), Committed::Done);
    let settled = owner.settle(&key, 1, since, Durability::Memory).await;
    assert_eq!(settled.unwrap(), Settled::At(0));
    store.commit(&key, write(&scene, &head, b"theirs")).await.unwrap();
    let refused = owner.release(&key).await.unwrap_err();
    assert_eq!(refused.problem().kind, Kind::Conflict);
    let found = owner
        .load(&key, &BTreeSet::new(), Since::default())
        .await
        .unwrap()
        .unwrap();
    assert_eq!(found.head, mine.head);
}

/// What nobody said was stored may be, and is then no head of somebody else's.
#[tokio::test(start_paused = true)]
async fn a_write_that_was_done_and_nobody_heard_of_is_followed_by_the_next() {
    for durability in [
        Durability::Memory,
        Durability::Checkpoint,
        Durability::EveryCommit,
    ] {
        let scene = Scene::new("unheard");
        let key = scene.key(1);
        let store: Arc<dyn Store> = Arc::new(CutOff::unheard());
        let (owner, head) = owned_in(&store, &scene, &key).await;
        let first = write(&scene, &head, b"first");
        assert_eq!(owner.commit(&key, first.clone()), Committed::Done);
        let since = owner.since(&key).unwrap();
        let settled = owner.settle(&key, 1, since, durability).await;
        assert_eq!(settled.is_err(), durability == Durability::EveryCommit);
        if durability != Durability::EveryCommit {
            assert!(
                owner.release(&key).await.is_err(),
                "nobody knows whether it is stored"
            );
        }
        let second = write(&scene, &first.head, b"second");
        assert_eq!(owner.commit(&key, second.clone()), Committed::Done);
        owner.settle(&key, 2, since, durability).await.unwrap();
        owner.release(&key).await.unwrap();
        let stored = store.load(&key, &BTreeSet::new()).await.unwrap().unwrap();
        assert_eq!(stored.head, second.head);
    }
}

/// What the store has refused, and nobody was told of, is not done later.
#[tokio::test]
async fn what_the_store_refuses_is_taken_back_and_all_who_wait_for_it_are_told() {
    let scene = Scene::new("refused");
    let key = scene.key(1);
    let store: Arc<dyn Store> = Arc::new(CutOff::full());
    let (owner, head) = owned_in(&store, &scene, &key).await;
    let since = owner.since(&key).unwrap();
    let first = write(&scene, &head, b"first");
    let second = write(&scene, &first.head, b"second");
    let third = write(&scene, &second.head, b"third");
    for commit in [first, second] {
        assert_eq!(owner.commit(&key, commit), Committed::Done);
    }
    let settle = |version| owner.settle(&key, version, since, Durability::EveryCommit);
    let (first, second) = tokio::join!(settle(1), settle(2));
    // Whoever comes later is told, too; what was stored before is there as it was.
    for refused in [first, second, settle(2).await] {
        let problem = refused.unwrap_err();
        assert_eq!(problem.problem().kind, Kind::Unavailable);
        assert!(problem.problem().title.contains("the store is away"));
    }
    assert_eq!(settle(0).await.unwrap(), Settled::At(0));
    let found = owner.load(&key, &BTreeSet::new(), since).await.unwrap().unwrap();
    assert_eq!(found.head, head);
    assert_eq!(
        owner.commit(&key, third),
        Committed::Conflict(Some(head.clone())),
        "nothing goes on from there"
    );
    let since = owner.since(&key).unwrap();
    let mine = write(&scene, &head, b"mine");
    assert_eq!(owner.commit(&key, mine.clone()), Committed::Done);
    let settled = owner.settle(&key, 1, since, Durability::EveryCommit).await;
    assert_eq!(settled.unwrap(), Settled::At(1));
    let stored = store.load(&key, &BTreeSet::new()).await.unwrap().unwrap();
    assert_eq!(stored.head, mine.head);
}

/// What is in memory is counted there, until the store refuses it, and not again when it is stored.
#[tokio::test]
async fn a_tenant_uses_what_its_owner_has_in_memory() {
    let scene = Scene::new("counted");
    let key = scene.key(1);
    let quotas = Arc::new(Quotas::new([(scene.tenant.clone(), Quota::default())].into()));
    let used = || quotas.all()[0].1.bytes.0;
    let store = quotas.between(Arc::new(CutOff::full()));
    let birth = scene.birth();
    store.commit(&key, birth.clone()).await.unwrap();
    let owner = Owner::new(
        Arc::clone(&store),
        None,
        Arc::clone(&quotas),
        TaskTracker::new(),
        false,
    );
    owner
        .load(&key, &BTreeSet::new(), Since::default())
        .await
        .unwrap();
    let write = |head: &Head, value: usize| scene.next(head, &[("s", Some(vec![7; value].into()))]);
    assert_eq!(owner.commit(&key, write(&birth.head, 9000)), Committed::Done);
    assert_eq!(used(), 9000);
    let since = owner.since(&key).unwrap();
    let refused = owner.settle(&key, 1, since, Durability::EveryCommit).await;
    assert!(refused.is_err());
    assert_eq!(used(), 0);
    let mut head = birth.head;
    for bytes in [100, 7000, 50] {
        let next = write(&head, bytes);
        head = next.head.clone();
        assert_eq!(owner.commit(&key, next), Committed::Done);
        assert_eq!(used(), bytes as u64);
        let since = owner.since(&key).unwrap();
        let settled = owner.settle(&key, head.version, since, Durability::EveryCommit);
        settled.await.unwrap();
        assert_eq!(used(), bytes as u64);
    }
    owner.release(&key).await.unwrap();
    assert_eq!(used(), 50);
    // The store is one behind: memory counts.
    owner
        .load(&key, &BTreeSet::new(), Since::default())
        .await
        .unwrap();
    let behind = write(&head, 200);
    let ahead = write(&behind.head, 300);
    for commit in [behind.clone(), ahead] {
        assert_eq!(owner.commit(&key, commit), Committed::Done);
    }
    assert_eq!(store.commit(&key, behind).await.unwrap(), Committed::Done);
    assert_eq!(used(), 300);
    store.erase(&key).await.unwrap();
    assert_eq!(used(), 0);
}

/// What was acknowledged stays, and so does what was made of it.
#[tokio::test]
async fn what_the_store_refuses_is_kept_if_it_was_acknowledged() {
    let scene = Scene::new("kept");
    let key = scene.key(1);
    let store: Arc<dyn Store> = Arc::new(CutOff::full());
    let (owner, head) = owned_in(&store, &scene, &key).await;
    let since = owner.since(&key).unwrap();
    let first = write(&scene, &head, b"first");
    assert_eq!(owner.commit(&key, first.clone()), Committed::Done);
    let settled = owner.settle(&key, 1, since, Durability::Memory).await;
    assert_eq!(settled.unwrap(), Settled::At(0));
    let second = write(&scene, &first.head, b"second");
    assert_eq!(owner.commit(&key, second.clone()), Committed::Done);
    let refused = owner.settle(&key, 2, since, Durability::EveryCommit).await;
    assert!(refused.is_err());
    let settled = owner.settle(&key, 2, since, Durability::EveryCommit).await;
    assert_eq!(settled.unwrap(), Settled::At(2));
    let stored = store.load(&key, &BTreeSet::new()).await.unwrap().unwrap();
    assert_eq!(stored.head, second.head);
}

/// Who moves a session does not wait until its checkpoint is due.
#[tokio::test(start_paused = true)]
async fn a_checkpoint_that_is_awaited_is_written_at_once() {
    let scene = Scene::new("awaited");
    let key = scene.key(1);
    let (owner, store, head) = owned(&scene, &key).await;
    let since = owner.since(&key).unwrap();
    let mine = write(&scene, &head, b"mine");
    assert_eq!(owner.commit(&key, mine.clone()), Committed::Done);
    let settled = owner.settle(&key, 1, since, Durability::Checkpoint).await;
    assert_eq!(settled.unwrap(), Settled::At(0));
    let begin = tokio::time::Instant::now();
    owner.release(&key).await.unwrap();
    assert!(begin.elapsed() < CHECKPOINT_EVERY, "{:?}", begin.elapsed());
    let stored = store.load(&key, &BTreeSet::new()).await.unwrap().unwrap();
    assert_eq!(stored.head, mine.head);
}

/// What it has was acknowledged, and perhaps nobody comes again.
#[tokio::test(start_paused = true)]
async fn a_checkpoint_that_the_store_did_not_take_is_written_by_itself() {
    let scene = Scene::new("again");
    let key = scene.key(1);
    let store: Arc<dyn Store> = Arc::new(CutOff::unheard());
    let (owner, head) = owned_in(&store, &scene, &key).await;
    let mine = write(&scene, &head, b"mine");
    let since = owner.since(&key).unwrap();
    assert_eq!(owner.commit(&key, mine.clone()), Committed::Done);
    let settled = owner.settle(&key, 1, since, Durability::Checkpoint).await;
    assert_eq!(settled.unwrap(), Settled::At(0));
    let owned = owner.find(&key).unwrap();
    let mut stored = owned.stored.subscribe();
    let failed = stored.wait_for(|stored| stored.failures > 0).await;
    assert_eq!(failed.unwrap().version, 0);
    let all = stored.wait_for(|stored| stored.version == 1);
    tokio::time::timeout(2 * LONGEST_PAUSE, all)
        .await
        .unwrap()
        .unwrap();
    let found = store.load(&key, &BTreeSet::new()).await.unwrap().unwrap();
    assert_eq!(found.head, mine.head);
}

/// R6: a state of more than 4 KiB is a blob, which goes when its state is written again.
#[tokio::test]
async fn memory_has_the_blobs_of_its_head_and_no_others() {
    let scene = Scene::new("owner");
    let key = scene.key(1);
    let (owner, _, mut head) = owned(&scene, &key).await;
    let mut names: Vec<BlobName> = Vec::new();
    for byte in 1..=3 {
        let value = Bytes::from(vec![byte; 5000]);
        let commit = scene.next(&head, &[("s", Some(value.clone()))]);
        head = commit.head.clone();
        assert_eq!(owner.commit(&key, commit), Committed::Done);
        let name = head.blobs().pop_first().expect("it is a blob");
        assert_eq!(owner.blob(&key, &name), Some(value));
        for gone in &names {
            assert_eq!(owner.blob(&key, gone), None);
        }
        names.push(name);
    }
}

/// R12: after a crash a session goes on in a new epoch once, however often it comes back: what was lost stays known.
#[tokio::test]
async fn a_session_that_leaves_and_comes_back_in_one_life_loses_nothing_more() {
    let (scene, none) = (Scene::new("crashed"), BTreeSet::new());
    let key = scene.key(1);
    let store: Arc<dyn Store> = Arc::new(MemoryStore::default());
    store.commit(&key, scene.birth()).await.unwrap();
    let owner = of(&store, None, true);
    let load = async || {
        owner
            .load(&key, &none, Since::default())
            .await
            .unwrap()
            .unwrap()
            .head
    };
    let mut head = load().await;
    let lost = Lost { epoch: 0, after: 0 };
    assert_eq!((head.epoch, &*head.lost), (1, &[lost][..]));
    for moves in [0, 2].repeat(8) {
        owner.release(&key).await.unwrap();
        // It went elsewhere, and has come back; or it could not.
        let mut next = write(&scene, &head, b"elsewhere");
        next.head.epoch += moves;
        store.commit(&key, next.clone()).await.unwrap();
        head = load().await;
        assert_eq!(head, next.head);
    }
    assert_eq!(*head.lost, [lost]);
}

/// R12: a life that ended before all was stored is a crash.
#[tokio::test]
async fn what_a_life_could_not_store_is_lost_also_where_it_had_been_stored_before() {
    let (scene, none) = (Scene::new("unstored"), BTreeSet::new());
    let key = scene.key(1);
    let store: Arc<dyn Store> = Arc::new(CutOff::new(None, 2));
    store.commit(&key, scene.birth()).await.unwrap();
    let owner = of(&store, None, true);
    let load = async || {
        owner
            .load(&key, &none, Since::default())
            .await
            .unwrap()
            .unwrap()
            .head
    };
    load().await;
    owner.release(&key).await.unwrap();
    let head = load().await;
    assert_eq!(owner.commit(&key, write(&scene, &head, b"lost")), Committed::Done);
    let since = owner.since(&key).unwrap();
    owner.settle(&key, 1, since, Durability::Memory).await.unwrap();
    owner.begin_anew().await;
    let lost = [0, 1].map(|epoch| Lost { epoch, after: 0 });
    assert_eq!(*load().await.lost, lost);
}

/// Ends the life of a node, as another one would.
async fn end(leases: &MemoryStore, node: &NodeName) {
    loop {
        let stands = leases.lease(node, TERM).await.unwrap().unwrap();
        let over = LeaseRecord {
            counter: stands.counter + 1,
            alive: false,
            ..stands.clone()
        };
        if leases.swap_lease(node, Some(&stands), &over, TERM).await.unwrap() == Leased::Done {
            return;
        }
    }
}

/// R1, R11: whoever has read the record before finds it replaced by the life that answers from memory, and what a life
/// has shown does not leave under another one.
#[tokio::test]
async fn memory_is_one_life_s_who_has_replaced_the_record() {
    let scene = Scene::new("lives");
    let key = scene.key(1);
    let store = Arc::new(MemoryStore::default());
    let birth = scene.birth();
    store.commit(&key, birth.clone()).await.unwrap();
    let node: NodeName = "edge-1".parse().unwrap();
    let leases = Arc::clone(&store);
    let lease = Arc::new(Lease::new(node.clone(), leases.clone(), TERM));
    let store: Arc<dyn Store> = store;
    let owner = of(&store, Some(Arc::clone(&lease)), false);
    let none = BTreeSet::new();
    assert!(owner.since(&key).is_err(), "the lease is not held yet");
    let (owner, leaving) = (Arc::new(owner), CancellationToken::new());
    let keeping = {
        let (lease, owner, leaving) = (Arc::clone(&lease), Arc::clone(&owner), leaving.clone());
        tokio::spawn(async move { lease.keep(&owner, &leaving).await })
    };
    lease.wait().await;
    let mut stood = birth.head.commit;
    let mut earlier = None;
    for _ in 0..3 {
        let since = owner.since(&key).unwrap();
        let found = owner.load(&key, &none, since).await.unwrap().unwrap().head;
        let stands = store.load(&key, &none).await.unwrap().unwrap().head;
        assert_ne!(found.commit, stood, "this life has replaced the record");
        assert_eq!(found, stands);
        owner.check(since).unwrap();
        if let Some(earlier) = earlier {
            assert!(
                owner.check(earlier).is_err(),
                "what an earlier life has shown stays"
            );
        }
        (stood, earlier) = (found.commit, Some(since));
        end(&leases, &node).await;
        while owner.since(&key).map_or(true, |now| now.life == since.life) {
            tokio::task::yield_now().await;
        }
    }
    leaving.cancel();
    keeping.await.unwrap();
    assert!(owner.since(&key).is_err(), "it was given up");
    assert!(!leases.lease(&node, TERM).await.unwrap().unwrap().alive);
}
