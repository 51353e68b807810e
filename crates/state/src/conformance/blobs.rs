//! What is kept beside the head: there while it is named, gone when it is not (R6).

use bytes::Bytes;
use fogline_core::model::limits::MAX_STATE;
use fogline_core::session::{Commit, Head, RecordKey, Status};

use super::scene::{Scene, name, names, noise};
use crate::{Committed, Store, StoreError};

async fn done(store: &dyn Store, key: &RecordKey, commit: Commit) -> Result<Head, StoreError> {
    let head = commit.head.clone();
    assert_eq!(store.commit(key, commit).await?, Committed::Done);
    Ok(head)
}

/// A blob lives as long as the head names it: through commits that do not touch it, not through those that replace
/// or delete its state; and it belongs to its session.
///
/// # Errors
/// When the store fails.
pub async fn blobs_come_and_go(store: &dyn Store) -> Result<(), StoreError> {
    let scene = Scene::new("blobs");
    let (key, neighbour) = (scene.key(1), scene.key(2));
    let bystander = done(store, &neighbour, scene.birth()).await?;
    let bystander = done(
        store,
        &neighbour,
        scene.next(&bystander, &[("a", Some(noise(9, 7000)))]),
    )
    .await?;

    let head = done(store, &key, scene.birth()).await?;
    let (a, b) = (noise(1, 5000), noise(2, 6000));
    let writes = [("a", Some(a.clone())), ("b", Some(b.clone()))];
    let head = done(store, &key, scene.next(&head, &writes)).await?;
    let first = head.blobs();
    assert_eq!(first.len(), 2);

    let small = Bytes::from_static(b"small");
    let head = done(store, &key, scene.next(&head, &[("c", Some(small.clone()))])).await?;
    for (blob, bytes) in first.iter().zip([&a, &b]) {
        assert_eq!(store.blob(&key, blob).await?.as_ref(), Some(bytes), "named still");
    }

    done(
        store,
        &key,
        scene.next(&head, &[("a", Some(noise(3, 5000))), ("b", None)]),
    )
    .await?;
    for blob in &first {
        assert_eq!(store.blob(&key, blob).await?, None, "garbage");
    }
    let seen = store
        .load(&key, &names(&["a", "b", "c"]))
        .await?
        .expect("it was made");
    assert_eq!(
        seen.values.keys().cloned().collect::<Vec<_>>(),
        [name("a"), name("c")]
    );
    assert_eq!(seen.values[&name("c")], small);

    let theirs = bystander.blobs().pop_first().expect("one blob");
    assert_eq!(
        store.blob(&neighbour, &theirs).await?,
        Some(noise(9, 7000)),
        "another session's"
    );
    assert_eq!(
        store.blob(&key, &theirs).await?,
        None,
        "blobs belong to one session"
    );
    Ok(())
}

/// A blob that no head names is not kept, and a record that is closed keeps none.
///
/// # Errors
/// When the store fails.
pub async fn only_named_blobs_are_kept(store: &dyn Store) -> Result<(), StoreError> {
    let scene = Scene::new("named");
    let key = scene.key(1);
    let head = done(store, &key, scene.birth()).await?;
    let head = done(store, &key, scene.next(&head, &[("a", Some(noise(1, 5000)))])).await?;

    let mut strays = scene.next(&head, &[("d", Some(noise(4, 5000)))]);
    let stray = strays
        .blobs
        .keys()
        .next()
        .cloned()
        .expect("5000 bytes are a blob");
    strays.head.states.remove(&name("d"));
    let head = done(store, &key, strays).await?;
    assert_eq!(
        store.blob(&key, &stray).await?,
        None,
        "a blob that is not named is not kept"
    );

    let mut closing = scene.next(&head, &[("a", None)]);
    closing.head.status = Status::Deleted;
    let last = head.blobs();
    done(store, &key, closing).await?;
    for blob in &last {
        assert_eq!(
            store.blob(&key, blob).await?,
            None,
            "a closed record keeps no blob"
        );
    }
    Ok(())
}

/// Whoever holds an old head and misses its blob finds a newer head, with its blobs.
///
/// # Errors
/// When the store fails.
pub async fn a_reader_that_misses_a_blob_finds_the_next_head(store: &dyn Store) -> Result<(), StoreError> {
    let scene = Scene::new("missed");
    let key = scene.key(1);
    let mut old = done(store, &key, scene.birth()).await?;
    for seed in 1..=3 {
        let head = done(store, &key, scene.next(&old, &[("s", Some(noise(seed, 20_000)))])).await?;
        for missed in old.blobs() {
            assert_eq!(store.blob(&key, &missed).await?, None, "replaced");
        }
        let again = store.load(&key, &names(&["s"])).await?.expect("it was made");
        assert!(again.head.version > old.version, "there is a newer head");
        assert_eq!(again.values[&name("s")], noise(seed, 20_000));
        old = head;
    }
    Ok(())
}

/// A head with inline states, states at both sides of the limit, and one of the largest size comes back as it was.
///
/// # Errors
/// When the store fails.
pub async fn a_head_comes_back_with_large_states(store: &dyn Store) -> Result<(), StoreError> {
    let scene = Scene::new("large");
    let key = scene.key(1);
    let head = done(store, &key, scene.birth()).await?;
    let largest = usize::try_from(MAX_STATE.0).expect("8 MiB");
    let values = [
        ("empty", 0),
        ("inline", 4096),
        ("blob", 4097),
        ("largest", largest),
    ];
    let writes = values.map(|(state, length)| (state, Some(noise(length as u64, length))));
    let head = done(store, &key, scene.next(&head, &writes)).await?;
    let seen = store
        .load(&key, &names(&["empty", "inline", "blob", "largest", "none"]))
        .await?;
    let seen = seen.expect("it was made");
    assert_eq!(seen.head, head);
    assert_eq!(seen.values.len(), 4, "a state that does not exist has no bytes");
    for (state, bytes) in writes {
        assert!(
            seen.values.get(&name(state)) == bytes.as_ref(),
            "the bytes of {state}"
        );
    }
    let few = store.load(&key, &names(&["inline"])).await?.expect("it was made");
    assert_eq!(few.values.len(), 1, "only what was asked for");
    Ok(())
}
