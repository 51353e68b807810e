//! Compare-and-swap: exact, also under contention.

use std::sync::Arc;

use bytes::Bytes;
use fogline_core::model::{ClientId, InvocationId, Timestamp};
use fogline_core::session::{
    BodyHash, Commit, Content, Expect, Head, Lookup, Origin, RecordKey, Reply, ReplyOutput, Snapshot,
};
use tokio::task::JoinSet;

use super::scene::{Scene, name, names};
use crate::{Committed, Store, StoreError};

/// A record is made once, and what is not there cannot be replaced.
///
/// # Errors
/// When the store fails.
pub async fn absent_means_absent(store: &dyn Store) -> Result<(), StoreError> {
    let scene = Scene::new("absent");
    let key = scene.key(1);
    assert_eq!(
        store.load(&key, &names(&["s"])).await?,
        None,
        "nothing was made yet"
    );

    let mut early = scene.birth();
    early.expect = Expect::Commit(scene.id());
    assert_eq!(
        store.commit(&key, early).await?,
        Committed::Conflict(None),
        "nothing can be replaced yet"
    );
    assert_eq!(
        store.load(&key, &names(&[])).await?,
        None,
        "a conflict leaves nothing"
    );

    let first = scene.birth();
    assert_eq!(store.commit(&key, first.clone()).await?, Committed::Done);
    let again = store.commit(&key, scene.birth()).await?;
    assert_eq!(
        again,
        Committed::Conflict(Some(first.head)),
        "a session is made once"
    );
    Ok(())
}

/// A commit on a head that was replaced changes nothing, and is told what stands.
///
/// # Errors
/// When the store fails.
pub async fn a_stale_commit_is_told_what_stands(store: &dyn Store) -> Result<(), StoreError> {
    let scene = Scene::new("stale");
    let key = scene.key(1);
    let birth = scene.birth();
    let base = birth.head.clone();
    assert_eq!(store.commit(&key, birth).await?, Committed::Done);
    let winner = scene.next(&base, &[("s", Some(Bytes::from_static(b"winner")))]);
    assert_eq!(store.commit(&key, winner.clone()).await?, Committed::Done);

    let loser = scene.next(&base, &[("s", Some(Bytes::from(vec![7; 9000])))]);
    let lost = loser.blobs.keys().next().cloned().expect("9000 bytes are a blob");
    let told = store.commit(&key, loser).await?;
    assert_eq!(
        told,
        Committed::Conflict(Some(winner.head.clone())),
        "the head that stands"
    );
    assert_eq!(store.blob(&key, &lost).await?, None, "the loser leaves no blob");
    // The same version, and another commit: only the commit id counts (R3).
    let mut same_version = scene.next(&winner.head, &[]);
    same_version.expect = Expect::Commit(scene.id());
    assert_eq!(
        store.commit(&key, same_version).await?,
        Committed::Conflict(Some(winner.head))
    );
    Ok(())
}

/// Two states that every commit sets to the same number are never seen apart.
///
/// # Errors
/// When the store fails.
pub async fn several_states_change_together(store: Arc<dyn Store>) -> Result<(), StoreError> {
    let scene = Scene::new("together");
    let key = scene.key(1);
    let mut base = scene.birth().head;
    let birth = Commit {
        expect: Expect::Absent,
        head: base.clone(),
        blobs: Default::default(),
    };
    assert_eq!(store.commit(&key, birth).await?, Committed::Done);
    let reading = tokio::spawn(see_pairs(Arc::clone(&store), key.clone(), 30));
    for number in 1..=30u64 {
        // One inside the head, one beside it.
        let (small, large) = (number.to_be_bytes().to_vec(), number.to_be_bytes().repeat(1000));
        let commit = scene.next(
            &base,
            &[("small", Some(small.into())), ("large", Some(large.into()))],
        );
        base = commit.head.clone();
        assert_eq!(store.commit(&key, commit).await?, Committed::Done);
    }
    reading.await.expect("a reader sees pairs")
}

/// Reads until it has seen the last pair.
async fn see_pairs(store: Arc<dyn Store>, key: RecordKey, last: u64) -> Result<(), StoreError> {
    loop {
        let snapshot = store
            .load(&key, &names(&["small", "large"]))
            .await?
            .expect("it was made");
        let Some(small) = snapshot.values.get(&name("small")) else {
            assert!(snapshot.values.is_empty(), "half a commit");
            tokio::task::yield_now().await;
            continue;
        };
        let large = snapshot.values.get(&name("large")).expect("half a commit");
        assert_eq!(large, &small.repeat(1000), "one moment's states");
        assert_eq!(snapshot.head.version, number(small), "the head of that moment");
        if number(small) == last {
            return Ok(());
        }
        tokio::task::yield_now().await;
    }
}

/// So many writers that each add one so many times, in one session: the sum is exact.
///
/// # Errors
/// When the store fails.
pub async fn increments_are_exact(store: Arc<dyn Store>, writers: u64, each: u64) -> Result<(), StoreError> {
    let scene = Arc::new(Scene::new("increments"));
    let key = scene.key(1);
    assert_eq!(store.commit(&key, scene.birth()).await?, Committed::Done);
    let mut tasks = JoinSet::new();
    for writer in 0..writers {
        let (store, scene, key) = (Arc::clone(&store), Arc::clone(&scene), key.clone());
        tasks.spawn(async move {
            for sequence in 0..each {
                increment(&*store, &scene, &key, writer, sequence).await?;
            }
            Ok::<_, StoreError>(())
        });
    }
    while let Some(done) = tasks.join_next().await {
        done.expect("a writer ends")?;
    }
    let end = store.load(&key, &names(&["n"])).await?.expect("it was made");
    assert_eq!(
        number(&end.values[&name("n")]),
        writers * each,
        "nothing lost, nothing doubled"
    );
    assert_eq!(end.head.version, writers * each, "one version for each");
    Ok(())
}

/// One increment of `n`, exactly once whatever the store answers: an unknown outcome is resolved by reading (R2).
pub(super) async fn increment(
    store: &dyn Store,
    scene: &Scene,
    key: &RecordKey,
    writer: u64,
    sequence: u64,
) -> Result<(), StoreError> {
    let id = InvocationId(u128::from(writer << 32 | sequence).to_be_bytes());
    let (client, body) = (ClientId(u128::from(writer).to_be_bytes()), BodyHash([0; 32]));
    let origin = Origin::Sequence {
        client,
        number: sequence,
    };
    loop {
        let base = store.load(key, &names(&["n"])).await?.expect("it was made");
        if base.head.replies.lookup(id, origin, body) != Lookup::New {
            return Ok(());
        }
        let n = base.values.get(&name("n")).map_or(0, |bytes| number(bytes)) + 1;
        let mut commit = scene.next(&base.head, &[("n", Some(n.to_be_bytes().to_vec().into()))]);
        let (version, at) = (commit.head.version, Timestamp(0));
        let output = ReplyOutput::Inline(Bytes::new());
        commit.head.replies.record(
            origin,
            Reply {
                id,
                body,
                version,
                at,
                output,
            },
        );
        match store.commit(key, commit).await? {
            Committed::Done => return Ok(()),
            Committed::Conflict(head) => assert_newer(head.as_ref(), &base),
            Committed::Unknown => {}
        }
    }
}

fn assert_newer(head: Option<&Head>, base: &Snapshot) {
    let head = head.expect("nobody erases it");
    assert!(
        head.version > base.head.version,
        "a conflict shows what was faster"
    );
    assert!(matches!(head.states[&name("n")].content, Content::Inline(_)));
}

/// Commits to many records at once, which a store may do as a group: each is done, and seen afterwards.
///
/// # Errors
/// When the store fails.
pub async fn many_records_at_once(store: Arc<dyn Store>, records: u64, each: u64) -> Result<(), StoreError> {
    let scene = Arc::new(Scene::new("many"));
    let mut tasks = JoinSet::new();
    for record in 0..records {
        let (store, scene) = (Arc::clone(&store), Arc::clone(&scene));
        tasks.spawn(async move {
            let key = scene.key(record);
            assert_eq!(store.commit(&key, scene.birth()).await?, Committed::Done);
            for sequence in 0..each {
                increment(&*store, &scene, &key, record, sequence).await?;
                let seen = store.load(&key, &names(&["n"])).await?.expect("it was made");
                assert_eq!(
                    number(&seen.values[&name("n")]),
                    sequence + 1,
                    "a commit is seen once it is done"
                );
            }
            Ok::<_, StoreError>(())
        });
    }
    while let Some(done) = tasks.join_next().await {
        done.expect("a writer ends")?;
    }
    Ok(())
}

pub(super) fn number(bytes: &[u8]) -> u64 {
    bytes
        .try_into()
        .map(u64::from_be_bytes)
        .expect("eight bytes were written")
}
