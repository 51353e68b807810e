//! What ends by itself, and what it must not take along.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use fogline_core::model::{AppName, CommitId, TenantName, Timestamp};
use fogline_core::session::{Commit, Expect, Head};
use fogline_protocol::api::Session;
use fogline_state::{Committed, EmbeddedOptions, EmbeddedStore, Store};

use super::rules::path;
use super::support::{Caller, Meddling, Nodes, Setup, deadline};

/// Lets the time be over of all sessions of an application that the cloud, which does not run, has.
async fn expire(folder: &Path, app: &str) {
    let store = EmbeddedStore::open(&folder.join("cloud/store.redb"), &EmbeddedOptions::default()).unwrap();
    let (tenant, app): (TenantName, AppName) = ("local".parse().unwrap(), app.parse().unwrap());
    for listed in store.list(&tenant, &app, None, 1000).await.unwrap() {
        let commit = Commit {
            expect: Expect::Commit(listed.head.commit),
            head: Head {
                commit: CommitId([7; 16]),
                expires: Timestamp(1),
                ..listed.head
            },
            blobs: BTreeMap::new(),
        };
        assert_eq!(store.commit(&listed.key, commit).await.unwrap(), Committed::Done);
    }
}

/// R10, R20: the source of a move that nobody could close leads on to where the session lives.
#[tokio::test]
async fn the_home_that_a_session_has_left_leads_on_to_it_though_it_was_never_told() {
    static LEFT: AtomicU64 = AtomicU64::new(0);
    let setup = Setup {
        meddling: Meddling::Unclosed(&LEFT),
        ..Setup::sweeping()
    };
    let folder = tempfile::tempdir().unwrap();
    let mut nodes = Nodes::start(folder.path(), setup).await;
    let one = Caller::new(nodes.url("one"));
    one.deploy("counter", str::to_owned).await;
    let mut held = one.session("counter", "external").await;
    one.in_session(&mut held, "functions/add", "5", &[]).await.ok();
    // Applications are swept in the order of their names.
    one.deploy("figure3", str::to_owned).await;
    let swept_last = one.session("figure3", "external").await;
    LEFT.store(u64::MAX, Ordering::Relaxed);
    let moved = one.convert(&mut held, "in-edge", &[]).await;
    assert!(moved.status >= 400, "nobody lets go of it: {}", moved.text());
    nodes.stop_node("cloud").await;
    for app in ["counter", "figure3"] {
        expire(folder.path(), app).await;
    }
    nodes.start_node("cloud").await;
    let end = deadline();
    while one.send(one.get(&path(&swept_last))).await.status != 404 {
        assert!(Instant::now() < end, "nothing is swept");
    }
    LEFT.store(0, Ordering::Relaxed);
    let two = Caller::new(nodes.url("two"));
    let added = two.in_session(&mut held, "functions/add", "1", &[]).await.ok();
    assert_eq!(added.text(), "6");
    nodes.stop().await;
}

/// A part that nobody uses ends by itself, and the session goes on.
#[tokio::test]
async fn a_session_one_part_of_which_has_ended_is_described_and_deleted() {
    let folder = tempfile::tempdir().unwrap();
    let mut nodes = Nodes::start(folder.path(), Setup::sweeping()).await;
    let one = Caller::new(nodes.url("one"));
    let split = |manifest: &str| manifest.to_owned() + "\n[states.rate]\nmodel = \"external\"\nschema = 1\n";
    one.deploy("counter", split).await;
    let mut held = one.session("counter", "in-edge").await;
    let parts = async || {
        let session: Session = one.send(one.get(&path(&held))).await.ok().json();
        session.parts.len()
    };
    assert_eq!(parts().await, 2);
    nodes.stop_node("cloud").await;
    expire(folder.path(), "counter").await;
    nodes.start_node("cloud").await;
    assert_eq!(parts().await, 1, "whether it is swept yet or not");
    one.in_session(&mut held, "functions/add", "1", &[]).await.ok();
    let delete = one.http.delete(format!("{}{}", one.url, path(&held)));
    one.send(delete).await.ok();
    let gone = one.in_session(&mut held, "functions/add", "1", &[]).await;
    gone.is(410, "gone");
    nodes.stop().await;
}
