use fogline_state::MemoryStore;
use fogline_state::conformance::Scene;

use super::*;

/// A session in the memory of its owner, and the store behind it.
async fn owned(scene: &Scene, key: &RecordKey) -> (Owner, Arc<dyn Store>, Head) {
    let store: Arc<dyn Store> = Arc::new(MemoryStore::default());
    let birth = scene.birth();
    let head = birth.head.clone();
    store.commit(key, birth).await.unwrap();
    let owner = Owner::new(Arc::clone(&store), TaskTracker::new());
    owner.load(key, &BTreeSet::new()).await.unwrap();
    (owner, store, head)
}

fn write(scene: &Scene, head: &Head, value: &'static [u8]) -> Commit {
    scene.next(head, &[("s", Some(Bytes::from_static(value)))])
}

#[tokio::test]
async fn what_somebody_else_has_stored_meanwhile_takes_the_place_of_what_nobody_was_told() {
    let scene = Scene::new("overtaken");
    let key = scene.key(1);
    let (owner, store, head) = owned(&scene, &key).await;
    let since = owner.overtaken(&key);
    let other = write(&scene, &head, b"theirs");
    assert_eq!(owner.commit(&key, write(&scene, &head, b"mine")), Committed::Done);
    store.commit(&key, other.clone()).await.unwrap();
    // They are of one version, so that versions do not tell.
    let settled = owner.settle(&key, 1, since, Durability::EveryCommit).await;
    assert_eq!(settled.unwrap(), Settled::Overtaken);
    let found = owner.load(&key, &BTreeSet::new()).await.unwrap().unwrap();
    assert_eq!(found.head, other.head);
    let since = owner.overtaken(&key);
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
    let since = owner.overtaken(&key);
    let mine = write(&scene, &head, b"mine");
    assert_eq!(owner.commit(&key, mine.clone()), Committed::Done);
    let settled = owner.settle(&key, 1, since, Durability::Memory).await;
    assert_eq!(settled.unwrap(), Settled::At(0));
    store.commit(&key, write(&scene, &head, b"theirs")).await.unwrap();
    let refused = owner.release(&key).await.unwrap_err();
    assert_eq!(refused.problem().kind, Kind::Conflict);
    let found = owner.load(&key, &BTreeSet::new()).await.unwrap().unwrap();
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
