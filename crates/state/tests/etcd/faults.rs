//! Servers that die, stop or are too few.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use fogline_core::session::Snapshot;
use fogline_state::conformance::{Acknowledged, Pen, Scene, what_was_acknowledged_is_there};
use fogline_state::{Committed, EtcdStore, Store, StoreError};
use tokio::task::JoinSet;

use crate::cluster::Cluster;
use crate::started;

/// Writers that go on through the loss of one server after the other, never of two at once.
#[tokio::test(flavor = "multi_thread")]
async fn writes_go_on_while_one_of_three_servers_is_killed_and_nothing_acknowledged_is_lost() {
    let mut cluster = started!(3, &[]);
    let store = Arc::new(cluster.connect().await);
    let (mut pens, written) = (JoinSet::new(), Arc::new(AtomicU64::new(0)));
    let stop = Arc::new(std::sync::atomic::AtomicBool::new(false));
    for record in 0..4 {
        let (store, written, stop) = (Arc::clone(&store), Arc::clone(&written), Arc::clone(&stop));
        pens.spawn(async move {
            let (mut pen, mut last) = (Pen::new(record), None);
            while !stop.load(Ordering::Relaxed) {
                match pen.write(&*store).await {
                    Ok(Some(number)) => {
                        last = Some(number);
                        written.fetch_add(1, Ordering::Relaxed);
                    }
                    // Nobody knows: this writer is at its end.
                    Ok(None) => break,
                    Err(error) => panic!("one of three is down: {error}"),
                }
            }
            last.map(|last| (record, last))
        });
    }
    let more = async |count: u64| {
        let goal = written.load(Ordering::Relaxed) + count;
        let end = Instant::now() + Duration::from_secs(20);
        while written.load(Ordering::Relaxed) < goal {
            assert!(Instant::now() < end, "writing does not go on");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    for victim in 0..3 {
        more(20).await;
        cluster.kill(victim);
        more(20).await;
        cluster.restart(victim);
    }
    more(20).await;
    stop.store(true, Ordering::Relaxed);
    let acknowledged: Acknowledged = pens.join_all().await.into_iter().flatten().collect();
    assert!(!acknowledged.is_empty());
    what_was_acknowledged_is_there(&*store, &acknowledged)
        .await
        .unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_acknowledged_survives_kill_9_of_all_servers_at_once() {
    let mut cluster = started!(3, &[]);
    let store = cluster.connect().await;
    let (mut pen, mut acknowledged) = (Pen::new(1), Acknowledged::new());
    for _ in 0..30 {
        acknowledged.insert(1, pen.write(&store).await.unwrap().unwrap());
    }
    (0..3).for_each(|at| cluster.kill(at));
    cluster.start_again();
    what_was_acknowledged_is_there(&store, &acknowledged)
        .await
        .unwrap();
}

#[tokio::test]
async fn a_server_that_stops_answering_costs_one_wait_and_then_others_are_asked() {
    let cluster = started!(3, &[]);
    let store = cluster.connect().await;
    let scene = Scene::new("stopped");
    let birth = scene.birth();
    let next = scene.next(&birth.head, &[("s", Some(Bytes::from_static(b"1")))]);
    assert_eq!(store.commit(&scene.key(1), birth).await.unwrap(), Committed::Done);
    // The one that the store asks first; it may lead the others, who then elect another.
    cluster.pause(0);
    let begun = Instant::now();
    assert_eq!(
        store.commit(&scene.key(1), next.clone()).await.unwrap(),
        Committed::Done,
        "whether it was carried out there before or not"
    );
    assert!(begun.elapsed() < Duration::from_secs(4), "{:?}", begun.elapsed());
    let begun = Instant::now();
    let seen = store
        .load(&scene.key(1), &Default::default())
        .await
        .unwrap()
        .unwrap();
    assert_eq!(seen.head, next.head);
    assert!(
        begun.elapsed() < Duration::from_millis(300),
        "it is not asked again: {:?}",
        begun.elapsed()
    );
    cluster.go_on(0);
}

async fn impatient(cluster: &Cluster, timeout: Duration) -> EtcdStore {
    let mut options = cluster.options();
    options.timeout = timeout;
    EtcdStore::connect(&options).await.unwrap()
}

#[tokio::test]
async fn a_lost_quorum_is_said_within_the_timeout_and_then_at_once() {
    let mut cluster = started!(3, &[]);
    let timeout = Duration::from_secs(3);
    let store = impatient(&cluster, timeout).await;
    let scene = Scene::new("quorum");
    assert_eq!(
        store.commit(&scene.key(1), scene.birth()).await.unwrap(),
        Committed::Done
    );
    cluster.kill(1);
    cluster.kill(2);
    let begun = Instant::now();
    let read = store.load(&scene.key(1), &Default::default()).await.unwrap_err();
    assert!(matches!(read, StoreError::Unavailable { .. }), "{read:?}");
    assert!(read.to_string().contains("more than half"), "{read}");
    assert!(
        begun.elapsed() < timeout + Duration::from_millis(500),
        "{:?}",
        begun.elapsed()
    );

    // The server knows by now that it follows nobody, and says so.
    let begun = Instant::now();
    let written = store.commit(&scene.key(2), scene.birth()).await.unwrap_err();
    assert!(matches!(written, StoreError::Unavailable { .. }), "{written:?}");
    assert!(
        begun.elapsed() < Duration::from_millis(700),
        "{:?}",
        begun.elapsed()
    );

    cluster.restart(1);
    let again = Instant::now() + Duration::from_secs(10);
    while store.load(&scene.key(1), &Default::default()).await.is_err() {
        assert!(Instant::now() < again, "there is a quorum again");
    }
    assert_eq!(
        store.load(&scene.key(2), &Default::default()).await.unwrap(),
        None,
        "it did nothing"
    );
}

#[tokio::test]
async fn an_answer_that_does_not_come_is_an_unknown_outcome_that_reading_resolves() {
    let cluster = started!(3, &[]);
    let store = impatient(&cluster, Duration::from_millis(800)).await;
    let scene = Scene::new("unknown");
    let key = scene.key(1);
    let birth = scene.birth();
    let next = scene.next(&birth.head, &[("s", Some(Bytes::from_static(b"1")))]);
    assert_eq!(store.commit(&key, birth).await.unwrap(), Committed::Done);
    (0..3).for_each(|at| cluster.pause(at));
    assert_eq!(
        store.commit(&key, next.clone()).await.unwrap(),
        Committed::Unknown
    );
    (0..3).for_each(|at| cluster.go_on(at));

    let end = Instant::now() + Duration::from_secs(10);
    let seen = loop {
        match store.load(&key, &["s".parse().unwrap()].into()).await {
            Ok(seen) => break seen,
            Err(error) => assert!(Instant::now() < end, "{error}"),
        }
    };
    let Some(Snapshot { head, .. }) = seen else {
        panic!("it was made")
    };
    // The servers may or may not have found it in their sockets: reading says which, and a retry is safe in
    // both cases.
    let again = store.commit(&key, next.clone()).await.unwrap();
    if head == next.head {
        assert!(matches!(again, Committed::Conflict(Some(_))), "{again:?}");
    } else {
        assert!(
            matches!(again, Committed::Done | Committed::Conflict(Some(_))),
            "{again:?}"
        );
    }
    let last = store.load(&key, &Default::default()).await.unwrap().unwrap();
    assert_eq!(last.head, next.head);
}
