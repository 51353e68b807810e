//! What is kept, and what is not.

use std::sync::Arc;

use bytes::Bytes;
use fogline_core::model::{ClientId, InvocationId, Timestamp};
use fogline_core::session::{BlobName, BlobOf, BodyHash, Head, Origin, Reply, ReplyOutput};
use fogline_state::conformance::{self, Scene};
use fogline_state::{Committed, Durable, Store, StoreError};

use crate::started;

#[tokio::test(flavor = "multi_thread")]
async fn three_servers_conform() {
    let cluster = started!(3, &[]);
    let store = cluster.connect().await;
    assert_eq!(store.durable(), Durable::Disk);
    conformance::all(Arc::new(store)).await.unwrap();
}

#[tokio::test]
async fn prefixes_keep_networks_apart() {
    let cluster = started!(1, &[]);
    let (ours, mut options) = (cluster.connect().await, cluster.options());
    options.prefix = "other".to_owned();
    let other = fogline_state::EtcdStore::connect(&options).await.unwrap();
    let scene = Scene::new("apart");
    assert_eq!(
        ours.commit(&scene.key(1), scene.birth()).await.unwrap(),
        Committed::Done
    );
    assert_eq!(
        other.load(&scene.key(1), &Default::default()).await.unwrap(),
        None
    );
    assert_eq!(other.list(&scene.tenant, &scene.app, None, 10).await.unwrap(), []);
}

/// What is kept of a record is its head, its commit id and the blobs that are named: also after commits that
/// were written in several steps.
#[tokio::test]
async fn no_garbage_stays_in_the_servers() {
    let cluster = started!(1, &[]);
    let store = cluster.connect().await;
    let scene = Scene::new("garbage");
    let key = scene.key(1);
    let birth = scene.birth();
    let mut head = birth.head.clone();
    store.commit(&key, birth).await.unwrap();
    for number in 0..3u8 {
        let large = Bytes::from(vec![number; 3 << 20]);
        let writes = [("large", Some(large)), ("small", Some(vec![number; 9000].into()))];
        let commit = scene.next(&head, &writes);
        let stale = scene.next(&head, &writes);
        head = commit.head.clone();
        assert_eq!(store.commit(&key, commit.clone()).await.unwrap(), Committed::Done);
        assert_eq!(
            cluster.keys(),
            2 + 3 + 1,
            "head and commit, three chunks, one blob"
        );
        let lost = store.commit(&key, stale).await.unwrap();
        assert_eq!(lost, Committed::Conflict(Some(head.clone())));
        assert_eq!(cluster.keys(), 6, "the loser leaves nothing");
        let twice = store.commit(&key, commit).await.unwrap();
        assert_eq!(twice, Committed::Conflict(Some(head.clone())));
        assert_eq!(
            cluster.keys(),
            6,
            "what was committed stays when the same is sent again"
        );
    }
    store.erase(&key).await.unwrap();
    assert_eq!(cluster.keys(), 0);
}

#[tokio::test]
async fn a_commit_above_what_the_servers_take_is_refused_with_the_limit() {
    let cluster = started!(1, &[]);
    let scene = Scene::new("limit");
    let birth = scene.birth();
    let next = scene.next(&birth.head, &[("s", Some(vec![1; 1 << 20].into()))]);
    let mut options = cluster.options();
    options.max_request = fogline_core::model::Bytes(600_000);
    let small = fogline_state::EtcdStore::connect(&options).await.unwrap();
    assert_eq!(small.commit(&scene.key(1), birth).await.unwrap(), Committed::Done);
    let error = small.commit(&scene.key(1), next.clone()).await.unwrap_err();
    assert!(matches!(error, StoreError::TooLarge { .. }), "{error:?}");

    // We believe that they take more than they do.
    options.max_request = fogline_core::model::Bytes(8 << 20);
    let large = fogline_state::EtcdStore::connect(&options).await.unwrap();
    let next = scene.next(&next.head, &[("s", Some(vec![1; 7 << 20].into()))]);
    let error = large.commit(&scene.key(1), next).await.unwrap_err();
    assert!(matches!(error, StoreError::Unavailable { .. }), "{error:?}");
    assert!(error.to_string().contains("hint: "), "{error}");
}

/// 400 replies beside the head: more operations than etcd takes in one list.
#[tokio::test]
async fn a_head_that_names_hundreds_of_blobs_is_committed() {
    let cluster = started!(1, &[]);
    let store = cluster.connect().await;
    let scene = Scene::new("many");
    let key = scene.key(1);
    let mut commit = scene.birth();
    add_replies(&mut commit.head, &mut commit.blobs, 400);
    let head = commit.head.clone();
    assert_eq!(store.commit(&key, commit).await.unwrap(), Committed::Done);
    let blobs = head.blobs();
    assert_eq!(blobs.len(), 400);
    assert_eq!(cluster.keys(), 402);
    assert_eq!(
        store.commit(&key, scene.next(&head, &[])).await.unwrap(),
        Committed::Done
    );
    assert_eq!(cluster.keys(), 402, "they are named still");
    let mut last = scene.next(&head, &[]);
    last.expect = fogline_core::session::Expect::Commit(
        store
            .load(&key, &Default::default())
            .await
            .unwrap()
            .unwrap()
            .head
            .commit,
    );
    last.head.replies = Default::default();
    assert_eq!(store.commit(&key, last).await.unwrap(), Committed::Done);
    assert_eq!(cluster.keys(), 2);
}

fn add_replies(head: &mut Head, blobs: &mut std::collections::BTreeMap<BlobName, Bytes>, count: u64) {
    for number in 0..count {
        let name = BlobName {
            version: number,
            commit: head.commit,
            of: BlobOf::SealedReply,
        };
        let client = ClientId(u128::from(number / 32).to_be_bytes());
        let origin = Origin::Sequence {
            client,
            number: number % 32,
        };
        let reply = Reply {
            id: InvocationId(u128::from(number).to_be_bytes()),
            body: BodyHash([7; 32]),
            version: number,
            at: Timestamp(number),
            output: ReplyOutput::Blob(name.clone()),
        };
        head.replies.record(origin, reply);
        blobs.insert(name, Bytes::from_static(b"reply"));
    }
}
