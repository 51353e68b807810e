//! Servers that keep too much, and an hour of large writes.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use fogline_core::lease::{LeaseRecord, TERM};
use fogline_core::model::{Incarnation, NodeName};
use fogline_state::conformance::Scene;
use fogline_state::{Committed, EtcdStore, Leased, Leases, Store, StoreError};
use serde_json::json;
use tokio::task::JoinSet;

use crate::started;

#[tokio::test]
async fn servers_that_never_compacted_are_told_from_those_that_did() {
    let cluster = started!(1, &[]);
    let store = cluster.connect().await;
    let scene = Scene::new("upkeep");
    let birth = scene.birth();
    let next = scene.next(&birth.head, &[]);
    store.commit(&scene.key(1), birth).await.unwrap();
    store.commit(&scene.key(1), next).await.unwrap();
    let before = store.upkeep().await.unwrap();
    assert!(!before.compacted, "{before:?}");
    assert!(before.version.starts_with("3."), "{before:?}");
    assert!(before.size.0 > 0 && before.in_use.0 > 0, "{before:?}");
    cluster.ask("kv/compaction", &json!({"revision": before.revision.to_string()}));
    assert!(store.upkeep().await.unwrap().compacted);
}

#[tokio::test]
async fn servers_without_room_say_so_and_what_to_do() {
    let cluster = started!(1, &["--quota-backend-bytes", "16777216"]);
    let store = cluster.connect().await;
    let scene = Scene::new("room");
    let birth = scene.birth();
    let mut head = birth.head.clone();
    store.commit(&scene.key(1), birth).await.unwrap();
    let error = loop {
        let commit = scene.next(&head, &[("s", Some(vec![1; 1 << 20].into()))]);
        head = commit.head.clone();
        match store.commit(&scene.key(1), commit).await {
            Ok(done) => assert_eq!(done, Committed::Done),
            Err(error) => break error,
        }
        assert!(head.version < 40, "16 MiB are full");
    };
    assert!(matches!(error, StoreError::Unavailable { .. }), "{error:?}");
    assert!(error.to_string().contains("defragment"), "{error}");
    let upkeep = store.upkeep().await.unwrap();
    assert_eq!(upkeep.warnings().len(), 1, "{upkeep:?}");
    assert!(
        store
            .load(&scene.key(1), &Default::default())
            .await
            .unwrap()
            .is_some(),
        "reading goes on"
    );
}

/// Renews the lease of a node as nodes do, every quarter of its term.
async fn renew(store: Arc<EtcdStore>, node: NodeName) {
    let mut stands = None;
    let mut pace = tokio::time::interval(TERM / 4);
    loop {
        pace.tick().await;
        let next = LeaseRecord {
            incarnation: Incarnation([1; 16]),
            counter: stands
                .as_ref()
                .map_or(1, |stands: &LeaseRecord| stands.counter + 1),
            term: TERM,
            alive: true,
        };
        let swapped = store.swap_lease(&node, stands.as_ref(), &next, TERM / 2).await;
        match swapped {
            Ok(Leased::Done) => stands = Some(next),
            Ok(Leased::Conflict(found)) => stands = found,
            Ok(Leased::Unknown) | Err(_) => {}
        }
    }
}

/// 10 commits a second of 1 MB each to one session, beside the leases of three nodes, on servers that are kept as the
/// manual says: old values for a minute, a quota of six times what is written in that, and few changes in memory. A
/// shorter run scales times and quota down, so that it too writes several times more than the servers have room for.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes as long as FOGLINE_SOAK_SECONDS says, an hour by default: see the manual, State, etcd"]
async fn an_hour_of_a_megabyte_ten_times_a_second() {
    let seconds = std::env::var("FOGLINE_SOAK_SECONDS").map_or(3600, |text| text.parse().unwrap());
    let retention: u64 = (seconds / 60).clamp(5, 60);
    let quota = 6 * retention * 10 * 1_000_000;
    let (retention, quota) = (format!("{retention}s"), quota.to_string());
    let cluster = started!(
        3,
        &[
            "--auto-compaction-mode",
            "periodic",
            "--auto-compaction-retention",
            &retention,
            "--quota-backend-bytes",
            &quota,
            "--snapshot-count",
            "100"
        ]
    );
    let store = Arc::new(cluster.connect().await);
    let mut leases = JoinSet::new();
    for node in ["edge-1", "edge-2", "edge-3"] {
        leases.spawn(renew(Arc::clone(&store), node.parse().unwrap()));
    }
    let scene = Scene::new("soak");
    let key = scene.key(1);
    let birth = scene.birth();
    let mut head = birth.head.clone();
    assert_eq!(store.commit(&key, birth).await.unwrap(), Committed::Done);
    let begun = Instant::now();
    let (mut took, mut largest, mut memory) = (Vec::new(), 0, 0);
    let mut pace = tokio::time::interval(Duration::from_millis(100));
    for number in 0..seconds * 10 {
        pace.tick().await;
        let value: Bytes = vec![u8::try_from(number % 251).unwrap(); 1_000_000].into();
        let commit = scene.next(&head, &[("s", Some(value))]);
        head = commit.head.clone();
        let sent = Instant::now();
        assert_eq!(
            store.commit(&key, commit).await.unwrap(),
            Committed::Done,
            "commit {number}"
        );
        took.push(sent.elapsed());
        if number % 100 == 0 {
            largest = largest.max(store.upkeep().await.unwrap().size.0);
            memory = memory.max(cluster.memory());
        }
    }
    took.sort();
    let at = |part: f64| took[(took.len() as f64 * part) as usize];
    let upkeep = store.upkeep().await.unwrap();
    #[expect(clippy::print_stderr, reason = "the figure is what it is run for")]
    {
        eprintln!(
            "{} commits of 1 MB in {:.0} s, old values kept for {retention}, quota {quota} B: \
             p50 {:?}, p99 {:?}; \
             file at most {} MB, {} MB at the end, {} MB in use; memory of a server at most {} MB",
            took.len(),
            begun.elapsed().as_secs_f64(),
            at(0.5),
            at(0.99),
            largest / 1_000_000,
            upkeep.size.0 / 1_000_000,
            upkeep.in_use.0 / 1_000_000,
            memory / 1_000_000,
        );
    }
    assert_eq!(upkeep.alarms, Vec::<String>::new());
    assert!(upkeep.compacted, "{upkeep:?}");
}
