//! Sessions that move from node to node, and nodes that are emptied.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};

use fogline_client::Client;
use fogline_core::model::{AppName, NodeName};
use fogline_protocol::api::{Drained, Session, Sessions};

use super::load::add_during;
use super::rules::{path, two_callers};
use super::support::{Caller, Gate, Held, Meddling, Nodes, Setup, deadline};

/// Three nodes that run functions, and one that keeps external state.
const FOUR: [&str; 4] = ["one", "two", "three", "cloud"];
const ON_NODES: [&str; 2] = ["in-edge", "in-function"];

async fn four(folder: &tempfile::TempDir) -> Nodes {
    four_with(folder, Meddling::None).await
}

async fn four_with(folder: &tempfile::TempDir, meddling: Meddling) -> Nodes {
    let setup = Setup {
        meddling,
        names: FOUR.to_vec(),
        ..Setup::default()
    };
    Nodes::start(folder.path(), setup).await
}

async fn add(caller: &Caller, held: &mut Held) -> String {
    let answer = caller.in_session(held, "functions/add", "1", &[]).await;
    answer.ok().text()
}

async fn migrate(caller: &Caller, held: &Held, node: &str) -> super::support::Answer {
    let path = format!("/v1/apps/{}/sessions/{}/migrate", held.app, held.id);
    caller
        .send(caller.post(&path).body(format!("{{\"node\": \"{node}\"}}")))
        .await
}

fn node_of(session: &Session) -> &str {
    session.parts[0].node.as_ref().map_or("", NodeName::as_str)
}

#[tokio::test]
async fn a_session_that_has_migrated_is_found_from_every_node() {
    let folder = tempfile::tempdir().unwrap();
    let nodes = four(&folder).await;
    let callers = FOUR.map(|name| Caller::new(nodes.url(name)));
    callers[0].deploy("counter", str::to_owned).await;
    for model in ON_NODES {
        let mut held = callers[0].session("counter", model).await;
        let mut total = 0;
        // To and fro, over nodes between, and from nodes that are neither source nor target.
        for (asked, to) in ["two", "three", "one", "two", "two", "one"]
            .into_iter()
            .enumerate()
        {
            let session: Session = migrate(&callers[asked % 3], &held, to).await.ok().json();
            assert_eq!(node_of(&session), to, "{model}");
            let listed = callers[3].get("/v1/apps/counter/sessions");
            let listed: Sessions = callers[3].send(listed).await.ok().json();
            let it = listed
                .sessions
                .iter()
                .find(|listed| listed.session.to_string() == held.id);
            assert_eq!(node_of(it.expect("it is listed")), to, "{model}");
            for caller in &callers {
                total += 1;
                assert_eq!(add(caller, &mut held).await, total.to_string(), "{model} at {to}");
            }
        }
    }
    nodes.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn migrations_under_load_lose_and_double_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let nodes = four(&folder).await;
    Caller::new(nodes.url("one"))
        .deploy("counter", str::to_owned)
        .await;
    let clients = ["one", "two", "cloud"].map(|node| Client::builder(nodes.url(node)).build().unwrap());
    let app: AppName = "counter".parse().unwrap();
    for model in ON_NODES {
        let model = Some(model.parse().unwrap());
        let session = clients[0].create_session(&app, model).await.unwrap().session;
        let migrations = async {
            for to in ["two", "three", "one"].into_iter().cycle().take(13) {
                let moved = clients[1].migrate(&app, &session, &to.parse().unwrap()).await;
                moved.unwrap_or_else(|error| panic!("to {to}: {error:?}"));
            }
        };
        add_during(&clients, &app, &session, migrations).await;
    }
    nodes.stop().await;
}

/// R4: the node where the session was born is gone, and its turns are taken where it is.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn writers_at_once_of_a_session_that_has_left_a_dead_node_all_commit_once() {
    let folder = tempfile::tempdir().unwrap();
    let mut nodes = four(&folder).await;
    let [one, three] = ["one", "three"].map(|name| Caller::new(nodes.url(name)));
    one.deploy("counter", str::to_owned).await;
    let mut held = one.session("counter", "in-edge").await;
    assert!(held.id.starts_with("one_"), "{}", held.id);
    migrate(&one, &held, "two").await.ok();
    assert_eq!(add(&three, &mut held).await, "1");
    nodes.stop_node("one").await;
    // More than a node may send again to others when one is not reached.
    let writers = (0..300).map(|_| {
        let (three, mut held) = (&three, held.clone());
        async move { add(three, &mut held).await }
    });
    let totals = futures_util::future::join_all(writers).await;
    let totals: BTreeSet<u32> = totals.iter().map(|total| total.parse().unwrap()).collect();
    assert_eq!(totals, (2..=301).collect());
    nodes.stop().await;
}

#[tokio::test]
async fn a_session_cannot_go_where_no_node_is() {
    let folder = tempfile::tempdir().unwrap();
    let mut nodes = four(&folder).await;
    let one = Caller::new(nodes.url("one"));
    one.deploy("counter", str::to_owned).await;
    let mut held = one.session("counter", "in-function").await;
    assert_eq!(migrate(&one, &held, "nowhere").await.status, 404);
    nodes.stop_node("three").await;
    let refused = migrate(&one, &held, "three").await;
    refused.is(503, "unavailable");
    assert_eq!(add(&one, &mut held).await, "1", "it is where it was");
    let held = one.session("counter", "external").await;
    assert_eq!(migrate(&one, &held, "two").await.status, 400, "it is on no node");
    nodes.stop().await;
}

/// R9: a move that will never end is given up, at its target first, and the session goes on where it was.
#[tokio::test]
async fn a_session_that_is_not_taken_where_it_is_to_go_stays_and_may_go_later() {
    let folder = tempfile::tempdir().unwrap();
    let nodes = four_with(&folder, Meddling::Cramped).await;
    let [one, three] = ["one", "three"].map(|name| Caller::new(nodes.url(name)));
    one.deploy("counter", str::to_owned).await;
    for model in ON_NODES {
        let mut held = one.session("counter", model).await;
        assert_eq!(add(&one, &mut held).await, "1", "{model}");
        migrate(&three, &held, "two").await.is(413, "too-large");
        assert_eq!(add(&three, &mut held).await, "2", "{model}");
        one.convert(&mut held, "external", &[]).await.is(413, "too-large");
        assert_eq!(add(&one, &mut held).await, "3", "{model}");
        // There is room where it was given up.
        migrate(&one, &held, "two").await.ok();
        assert_eq!(add(&three, &mut held).await, "4", "{model}");
        let path = format!("{}/v1/apps/counter/sessions/{}", one.url, held.id);
        one.send(one.http.delete(path)).await.ok();
    }
    nodes.stop().await;
}

/// Nobody knows when there will be room: until then the session is where it was.
#[tokio::test]
async fn a_session_that_finds_no_room_where_it_is_to_go_stays_until_there_is_some() {
    static FULL: AtomicBool = AtomicBool::new(false);
    let folder = tempfile::tempdir().unwrap();
    let nodes = four_with(&folder, Meddling::Full(&FULL)).await;
    let [one, three] = ["one", "three"].map(|name| Caller::new(nodes.url(name)));
    one.deploy("counter", str::to_owned).await;
    for model in ON_NODES {
        let mut held = one.session("counter", model).await;
        assert_eq!(add(&one, &mut held).await, "1", "{model}");
        FULL.store(true, Ordering::Relaxed);
        migrate(&three, &held, "two").await.is(503, "unavailable");
        assert_eq!(add(&three, &mut held).await, "2", "{model}");
        FULL.store(false, Ordering::Relaxed);
        migrate(&three, &held, "two").await.ok();
        assert_eq!(add(&one, &mut held).await, "3", "{model}");
    }
    nodes.stop().await;
}

/// Three knows no more of the session than where it was born.
#[tokio::test]
async fn a_session_that_was_deleted_cannot_be_moved_any_more_whoever_is_asked() {
    let folder = tempfile::tempdir().unwrap();
    let nodes = four(&folder).await;
    let [one, two, three] = ["one", "two", "three"].map(|name| Caller::new(nodes.url(name)));
    one.deploy("counter", str::to_owned).await;
    for model in ON_NODES {
        for moved in [false, true] {
            let mut held = one.session("counter", model).await;
            if moved {
                migrate(&one, &held, "two").await.ok();
            }
            let path = format!("{}/v1/apps/counter/sessions/{}", two.url, held.id);
            two.send(two.http.delete(path)).await.ok();
            for caller in [&three, &two, &one] {
                let gone = migrate(caller, &held, "three").await;
                let case = format!("{model}, moved: {moved}: {}", gone.text());
                assert_eq!((gone.status, gone.kind().as_str()), (410, "gone"), "{case}");
                let gone = caller.convert(&mut held, "external", &[]).await;
                assert_eq!(gone.status, 410, "{case}");
            }
        }
    }
    nodes.stop().await;
}

#[tokio::test]
async fn sessions_of_a_node_that_was_emptied_go_on_when_it_is_gone() {
    let folder = tempfile::tempdir().unwrap();
    let mut nodes = four(&folder).await;
    let (one, two) = (Caller::new(nodes.url("one")), Caller::new(nodes.url("two")));
    one.deploy("counter", str::to_owned).await;
    let mut sessions = Vec::new();
    for model in ["in-edge", "in-function", "in-edge", "in-function", "external"] {
        let mut held = one.session("counter", model).await;
        add(&one, &mut held).await;
        sessions.push(held);
    }
    let drained: Drained = two.send(two.post("/v1/nodes/one/drain")).await.ok().json();
    assert_eq!((drained.moved, drained.left), (4, 0));
    // What it is asked to make from now on, others get.
    let late = one.session("counter", "in-edge").await;
    assert!(!late.id.starts_with("one_"), "{}", late.id);
    nodes.stop_node("one").await;
    // A node that was not there knows of no move, and the birth home cannot say.
    nodes.stop_node("three").await;
    nodes.start_node("three").await;
    let three = Caller::new(nodes.url("three"));
    for held in &mut sessions {
        let path = format!("/v1/apps/counter/sessions/{}", held.id);
        let described: Session = three.send(three.get(&path)).await.ok().json();
        assert_ne!(node_of(&described), "one", "{}", held.id);
        assert_eq!(add(&three, held).await, "2", "{}", held.id);
        assert_eq!(add(&two, held).await, "3", "{}", held.id);
    }
    nodes.stop().await;
}

/// What lives in memory alone is moved though the store says that its time is over.
#[tokio::test]
async fn a_session_that_was_used_since_it_was_stored_is_not_left_behind() {
    static OLD: AtomicBool = AtomicBool::new(false);
    let folder = tempfile::tempdir().unwrap();
    let setup = Setup {
        meddling: Meddling::OldInLists(&OLD),
        ..Setup::default()
    };
    let nodes = Nodes::start(folder.path(), setup).await;
    let (one, two) = (Caller::new(nodes.url("one")), Caller::new(nodes.url("two")));
    one.deploy("counter", str::to_owned).await;
    let mut held = one.session("counter", "in-function").await;
    add(&one, &mut held).await;
    OLD.store(true, Ordering::Relaxed);
    let drained: Drained = two.send(two.post("/v1/nodes/one/drain")).await.ok().json();
    assert_eq!((drained.moved, drained.left), (1, 0));
    assert_eq!(add(&two, &mut held).await, "2");
    nodes.stop().await;
}

/// A node that finds nobody for its sessions is of use where it is.
#[tokio::test]
async fn a_node_that_cannot_be_emptied_says_why_and_takes_work_as_before() {
    let folder = tempfile::tempdir().unwrap();
    let setup = Setup {
        names: vec!["one", "two", "cloud"],
        ..Setup::default()
    };
    let mut nodes = Nodes::start(folder.path(), setup).await;
    let one = Caller::new(nodes.url("one"));
    one.deploy("counter", str::to_owned).await;
    let mut held = one.session("counter", "in-function").await;
    add(&one, &mut held).await;
    let drain = async || one.send(one.post("/v1/nodes/one/drain")).await;
    nodes.stop_node("two").await;
    let refused = drain().await;
    assert_eq!(refused.kind(), "unavailable");
    assert!(refused.text().contains(&held.id), "{}", refused.text());
    let late = one.session("counter", "in-edge").await;
    assert!(late.id.starts_with("one_"), "{}", late.id);
    nodes.start_node("two").await;
    let drained: Drained = drain().await.ok().json();
    assert_eq!((drained.moved, drained.left), (2, 0));
    assert_eq!(add(&Caller::new(nodes.url("two")), &mut held).await, "2");
    nodes.stop().await;
}

#[tokio::test]
async fn the_only_node_that_runs_functions_is_not_emptied() {
    let folder = tempfile::tempdir().unwrap();
    let nodes = Nodes::start(folder.path(), Setup::one_worker()).await;
    let one = Caller::new(nodes.url("one"));
    one.deploy("counter", str::to_owned).await;
    let refused = one.send(one.post("/v1/nodes/one/drain")).await;
    assert_eq!(refused.kind(), "unavailable");
    let born = one.session("counter", "in-edge").await;
    assert!(born.id.starts_with("one_"), "{}", born.id);
    nodes.stop().await;
}

/// Three states of 6 MiB are more than one message between nodes.
#[tokio::test]
async fn a_session_larger_than_a_message_moves() {
    let folder = tempfile::tempdir().unwrap();
    let nodes = four(&folder).await;
    let (one, two) = (Caller::new(nodes.url("one")), Caller::new(nodes.url("two")));
    let states = "[states.a]\nsize = \"6 MB\"\n[states.b]\nsize = \"6 MB\"\n[states.c]\nsize = \"6 MB\"\n[functions.add]\n";
    let edit = |manifest: &str| manifest.replacen("[functions.add]\n", states, 1);
    one.deploy("counter", edit).await;
    let mut held = one.session("counter", "in-edge").await;
    let path = format!("/v1/apps/counter/sessions/{}", held.id);
    let value = |byte: u8| vec![byte; 6 << 20];
    for (state, byte) in [("a", 1), ("b", 2), ("c", 3)] {
        let put = one
            .http
            .put(format!("{}{path}/states/{state}", one.url))
            .body(value(byte));
        one.send(put).await.ok();
    }
    for to in ["two", "three"] {
        migrate(&two, &held, to).await.ok();
        for model in ["external", "in-function", "in-edge"] {
            one.convert(&mut held, model, &[]).await.ok();
        }
        for (state, byte) in [("a", 1), ("b", 2), ("c", 3)] {
            let got = two.send(two.get(&format!("{path}/states/{state}"))).await.ok();
            assert!(got.body == value(byte), "{state} at {to}");
        }
    }
    nodes.stop().await;
}

/// A session's requests come from another node than its owner's: it goes there, and stays when they come from both.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_session_follows_its_client_once_and_does_not_flap() {
    let folder = tempfile::tempdir().unwrap();
    let nodes = four(&folder).await;
    let callers = ["one", "two", "three"].map(|name| Caller::new(nodes.url(name)));
    let auto = |manifest: &str| manifest.replacen("[application]", "[application]\nmigrate = \"auto\"", 1);
    callers[0].deploy("counter", auto).await;
    let mut held = callers[0].session("counter", "in-function").await;
    let at = async |held: &Held| {
        let path = format!("/v1/apps/counter/sessions/{}", held.id);
        let session: Session = callers[0].send(callers[0].get(&path)).await.ok().json();
        (node_of(&session).to_owned(), session.parts[0].epoch)
    };
    assert_eq!(at(&held).await, ("one".to_owned(), 0));
    let mut total = 0;
    let mut count = async |caller: &Caller, held: &mut Held| {
        total += 1;
        assert_eq!(add(caller, held).await, total.to_string());
    };
    // The client has moved to two.
    let end = deadline();
    while at(&held).await.0 == "one" {
        assert!(std::time::Instant::now() < end, "it stays at one");
        for _ in 0..20 {
            count(&callers[1], &mut held).await;
        }
    }
    assert_eq!(at(&held).await, ("two".to_owned(), 1));
    // It goes to and fro for longer than any session has to stay.
    let end = std::time::Instant::now() + std::time::Duration::from_secs(6);
    while std::time::Instant::now() < end {
        for caller in [&callers[1], &callers[2]] {
            count(caller, &mut held).await;
        }
    }
    assert_eq!(at(&held).await, ("two".to_owned(), 1), "it has moved once");
    let metrics = callers[0].send(callers[0].get("/metrics")).await.text();
    assert!(
        metrics.contains("fogline_migrations_total{cause=\"nearer\"} 1"),
        "{metrics}"
    );
    nodes.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_session_stays_where_it_is_unless_its_manifest_says_otherwise() {
    let folder = tempfile::tempdir().unwrap();
    let nodes = four(&folder).await;
    let (one, two) = (Caller::new(nodes.url("one")), Caller::new(nodes.url("two")));
    one.deploy("counter", str::to_owned).await;
    let mut held = one.session("counter", "in-function").await;
    let end = std::time::Instant::now() + std::time::Duration::from_secs(6);
    while std::time::Instant::now() < end {
        assert!(!add(&two, &mut held).await.is_empty());
    }
    let path = format!("/v1/apps/counter/sessions/{}", held.id);
    let session: Session = one.send(one.get(&path)).await.ok().json();
    assert_eq!(node_of(&session), "one");
    nodes.stop().await;
}

#[tokio::test]
async fn a_session_that_leaves_while_its_deletion_waits_is_deleted_where_it_went() {
    static LEAVES: Gate = Gate::new();
    static LOOKED: Gate = Gate::new();
    let setup = Setup {
        meddling: Meddling::Leaving(&LEAVES, &LOOKED),
        ..Setup::default()
    };
    let (_folder, nodes, one, two) = two_callers(setup).await;
    one.deploy("counter", str::to_owned).await;
    let mut held = one.session("counter", "in-function").await;
    add(&one, &mut held).await;
    LEAVES.shut();
    let deletion = async {
        LEAVES.come().await;
        LOOKED.forget();
        let let_go = async {
            // The deletion has found it, and stands behind the migration.
            LOOKED.come().await;
            LEAVES.let_in();
        };
        let url = format!("{}{}", one.url, path(&held));
        tokio::join!(one.send(one.http.delete(url)), let_go).0
    };
    // The answer to the migration may find it deleted already.
    let (_, deleted) = tokio::join!(migrate(&one, &held, "two"), deletion);
    assert_eq!(deleted.status, 204, "{}", deleted.text());
    for caller in [&one, &two] {
        let gone = caller.send(caller.get(&path(&held))).await;
        assert_eq!(gone.status, 410, "{}", gone.text());
    }
    nodes.stop().await;
}
