//! Nodes that find each other by the address of one.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use fogline_core::model::{BitRate, Device, Seconds};
use fogline_core::network::{Link, Network, NetworkBuilder, Node, VertexKind};
use fogline_protocol::api::{Candidate, Explanation, NodeInfo, Presence};

use super::support::{Answer, Caller, Held, Nodes, Setup, deadline, sees};

/// Gossip among some nodes, the first of which is the seed.
async fn found(folder: &tempfile::TempDir, names: &[&'static str]) -> Nodes {
    let setup = Setup {
        names: names.to_vec(),
        gossip: true,
        labels: BTreeMap::from([("late", "gpu=pascal")]),
        ..Setup::default()
    };
    Nodes::start(folder.path(), setup).await
}

fn alive(nodes: &[NodeInfo], name: &str) -> bool {
    nodes.iter().any(|node| {
        node.name.as_str() == name && node.presence == Presence::Alive && node.telemetry.is_some()
    })
}

/// Changes a manifest so that its first function needs a capability.
fn requiring(capability: &'static str) -> impl Fn(&str) -> String {
    move |manifest| {
        let (before, after) = manifest.split_once("[functions.add]").unwrap();
        format!("{before}[functions.add]\nrequires = [\"{capability}\"]{after}")
    }
}

async fn add(caller: &Caller, held: &mut Held) -> Answer {
    caller.in_session(held, "functions/add", "1", &[]).await
}

#[tokio::test]
async fn a_node_that_joins_by_one_address_is_used_within_seconds() {
    let folder = tempfile::tempdir().unwrap();
    let mut nodes = found(&folder, &["one", "cloud"]).await;
    let one = Caller::new(nodes.url("one"));
    sees(&one, |nodes| alive(nodes, "cloud")).await;
    one.deploy("counter", requiring("gpu")).await;
    let mut held = one.session("counter", "in-edge").await;
    assert_eq!(
        add(&one, &mut held).await.kind(),
        "unavailable",
        "nobody has a GPU"
    );

    let started = Instant::now();
    nodes.start_node("late").await;
    // It knows the seed only, and yet the cloud hears of it.
    let cloud = Caller::new(nodes.url("cloud"));
    sees(&cloud, |nodes| alive(nodes, "late")).await;
    sees(&one, |nodes| alive(nodes, "late")).await;
    one.deploy("counter", requiring("gpu")).await;
    let answer = add(&one, &mut held).await.ok();
    assert_eq!(answer.header("fogline-node"), "late");
    assert!(
        started.elapsed() < Duration::from_secs(10),
        "{:?}",
        started.elapsed()
    );
    nodes.stop().await;
}

fn presence(nodes: &[NodeInfo], name: &str) -> Option<Presence> {
    let node = nodes.iter().find(|node| node.name.as_str() == name);
    node.map(|node| node.presence)
}

/// Changes a manifest so that its invocations are dealt out in turn.
fn in_turn(manifest: &str) -> String {
    manifest.replacen("[application]", "[application]\nplacement = \"round-robin\"", 1)
}

/// The nodes that execute some invocations of a new session.
async fn used(caller: &Caller) -> BTreeSet<String> {
    let mut held = caller.session("counter", "external").await;
    let mut used = BTreeSet::new();
    for _ in 0..8 {
        let answer = add(caller, &mut held).await.ok();
        used.insert(answer.header("fogline-node").to_owned());
    }
    used
}

/// Two nodes that run functions and use each other, and the counter on them.
async fn pair(folder: &tempfile::TempDir) -> (Nodes, Caller) {
    let nodes = found(folder, &["one", "two", "cloud"]).await;
    let one = Caller::new(nodes.url("one"));
    sees(&one, |nodes| alive(nodes, "two") && alive(nodes, "cloud")).await;
    one.deploy("counter", in_turn).await;
    assert_eq!(
        used(&one).await,
        BTreeSet::from(["one".to_owned(), "two".to_owned()])
    );
    (nodes, one)
}

#[tokio::test]
async fn a_node_that_is_cut_off_is_sent_nothing_and_its_sessions_wait_for_it() {
    let folder = tempfile::tempdir().unwrap();
    let (nodes, one) = pair(&folder).await;
    let mut of_two = Caller::new(nodes.url("two"))
        .session("counter", "in-function")
        .await;
    add(&one, &mut of_two).await.ok();
    nodes.cut("two").await;
    sees(&one, |nodes| presence(nodes, "two") == Some(Presence::Silent)).await;
    assert_eq!(used(&one).await, BTreeSet::from(["one".to_owned()]));
    assert_eq!(add(&one, &mut of_two).await.kind(), "unavailable");
    nodes.stop().await;
}

#[tokio::test]
async fn a_node_that_says_goodbye_and_comes_back_elsewhere_is_found() {
    let folder = tempfile::tempdir().unwrap();
    let (mut nodes, one) = pair(&folder).await;
    let mut of_two = Caller::new(nodes.url("two"))
        .session("counter", "in-function")
        .await;
    add(&one, &mut of_two).await.ok();
    nodes.stop_node("two").await;
    sees(&one, |nodes| presence(nodes, "two") == Some(Presence::Left)).await;
    assert_eq!(used(&one).await, BTreeSet::from(["one".to_owned()]));
    nodes.start_node("two").await;
    sees(&one, |nodes| alive(nodes, "two")).await;
    assert_eq!(add(&one, &mut of_two).await.ok().text(), "2");
    assert_eq!(
        used(&one).await,
        BTreeSet::from(["one".to_owned(), "two".to_owned()])
    );
    nodes.stop().await;
}

#[tokio::test]
async fn a_node_that_is_emptied_gets_nothing_new() {
    let folder = tempfile::tempdir().unwrap();
    let (nodes, one) = pair(&folder).await;
    one.send(one.post("/v1/nodes/two/drain")).await.ok();
    let draining = |nodes: &[NodeInfo]| {
        let two = nodes.iter().find(|node| node.name.as_str() == "two");
        two.is_some_and(|two| two.telemetry.as_ref().is_some_and(|told| told.draining))
    };
    for name in ["one", "two", "cloud"] {
        let caller = Caller::new(nodes.url(name));
        sees(&caller, draining).await;
        assert_eq!(
            used(&caller).await,
            BTreeSet::from(["one".to_owned()]),
            "asked by {name}"
        );
        let held = caller.session("counter", "in-function").await;
        assert!(held.id.starts_with("one_"), "{} is born elsewhere", held.id);
    }
    nodes.stop().await;
}

#[tokio::test]
async fn a_node_that_is_emptied_does_what_nobody_else_can() {
    let folder = tempfile::tempdir().unwrap();
    let (nodes, one) = pair(&folder).await;
    let mut held = one.session("counter", "external").await;
    one.send(one.post("/v1/nodes/one/drain")).await.ok();
    assert_eq!(used(&one).await, BTreeSet::from(["two".to_owned()]));
    nodes.cut("two").await;
    sees(&one, |nodes| presence(nodes, "two") == Some(Presence::Silent)).await;
    let answer = add(&one, &mut held).await.ok();
    assert_eq!(answer.header("fogline-node"), "one");
    let born = one
        .post("/v1/apps/counter/sessions")
        .body("{\"model\": \"in-edge\"}");
    let refused = one.send(born).await;
    assert_eq!(refused.kind(), "unavailable", "it would have to be moved again");
    nodes.stop().await;
}

/// Waits until a node reckons so with another.
async fn reckons(caller: &Caller, held: &mut Held, with: &str, as_wanted: impl Fn(&Candidate) -> bool) {
    let ends = deadline();
    loop {
        let answer = caller.in_session(held, "functions/add/explain", "1", &[]).await;
        let explained: Explanation = answer.ok().json();
        let mut candidates = explained.candidates.iter();
        let candidate = candidates.find(|it| it.node.as_str() == with);
        if candidate.is_some_and(&as_wanted) {
            return;
        }
        assert!(Instant::now() < ends, "it reckons with {candidate:#?}");
        // Nothing tells of the next change.
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn how_long_executions_take_at_a_node_the_others_know() {
    // A kept worker's first execution made it, and is not counted.
    for (instance, executions) in [("per-invocation", 1), ("per-session", 2)] {
        let folder = tempfile::tempdir().unwrap();
        let nodes = found(&folder, &["one", "two", "cloud"]).await;
        let (one, two) = (Caller::new(nodes.url("one")), Caller::new(nodes.url("two")));
        sees(&one, |nodes| alive(nodes, "two")).await;
        sees(&two, |nodes| alive(nodes, "one")).await;
        // By what the manifest says an execution takes minutes.
        let operations = "operations = 1_000_000_000_000";
        let function = format!("[functions.add]\ninstance = \"{instance}\"");
        let slow = |manifest: &str| {
            manifest
                .replacen("operations = 30_000", operations, 1)
                .replacen("[functions.add]", &function, 1)
        };
        one.deploy("counter", slow).await;
        let mut held = two.session("counter", "in-function").await;
        assert!(held.id.starts_with("two_"), "{}", held.id);
        reckons(&one, &mut held, "two", |two| two.processing_seconds.0 > 1.0).await;
        for _ in 0..executions {
            add(&two, &mut held).await.ok();
        }
        reckons(&one, &mut held, "two", |two| two.processing_seconds.0 < 1.0).await;
        nodes.stop().await;
    }
}

/// Two nodes side by side, and a cloud 20 ms and 10 Mb/s away.
fn far_cloud() -> Network {
    let mut builder = NetworkBuilder::new();
    let switch = builder.add("switch", VertexKind::Switch).unwrap();
    for (name, mbps, ms) in [("one", 1000.0, 0.0), ("two", 1000.0, 0.0), ("cloud", 10.0, 20.0)] {
        let machine = Node::of(Device::NUC, true, false);
        let at = builder.add(name, VertexKind::Node(machine)).unwrap();
        let link = Link {
            rate: BitRate::from_mbps(mbps),
            kind: "node".to_owned(),
        };
        let link = builder
            .add(format!("link of {name}"), VertexKind::Link(link))
            .unwrap();
        for (from, to, ms) in [
            (at, link, 0.0),
            (link, at, 0.0),
            (link, switch, ms),
            (switch, link, ms),
        ] {
            builder.connect(from, to, Seconds::from_millis(ms)).unwrap();
        }
    }
    builder.build().unwrap()
}

/// What is between nodes that no file describes: each measures the ways from itself, and tells them.
#[tokio::test]
async fn ways_between_nodes_are_measured_without_need_and_told() {
    let folder = tempfile::tempdir().unwrap();
    let setup = Setup {
        gossip: true,
        links: Some(far_cloud()),
        ..Setup::default()
    };
    let nodes = Nodes::start(folder.path(), setup).await;
    let one = Caller::new(nodes.url("one"));
    // Nothing large was sent there.
    sees(&one, |nodes| {
        let cloud = nodes.iter().find(|node| node.name.as_str() == "cloud");
        cloud.is_some_and(|cloud| {
            cloud.rtt_us.is_some_and(|rtt| rtt >= 40_000)
                && cloud.rate_bps.is_some_and(|rate| rate < 20_000_000)
        })
    })
    .await;
    sees(&one, |nodes| alive(nodes, "two")).await;
    one.deploy("counter", |it| {
        it.replacen("[application]", "[application]\nplacement = \"model-aware\"", 1)
    })
    .await;
    let mut held = one.session("counter", "external").await;
    reckons(&one, &mut held, "two", |two| two.states_seconds.0 >= 0.04).await;
    nodes.stop().await;
}
