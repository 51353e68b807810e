//! A session leaves a node that has too much to do, and does not come back for it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use fogline_core::model::NodeName;
use fogline_protocol::api::Session;
use fogline_protocol::multipart::Part;
use tokio::task::JoinSet;

use super::support::{Caller, Held, Nodes, Setup, deadline, program};

/// The example in Python under another name, each execution of which takes 5 ms and more.
fn slow(name: &str, migrate: &str) -> Vec<Part> {
    let (name, migrate) = (
        format!("name = \"{name}\""),
        format!("[application]\nmigrate = \"{migrate}\""),
    );
    let edit = |manifest: &str| {
        manifest
            .replacen("name = \"words\"", &name, 1)
            .replacen("[application]", &migrate, 1)
    };
    program(edit, "    import time\n    time.sleep(0.005)\n")
}

async fn place(caller: &Caller, held: &Held) -> (String, u64) {
    let path = format!("/v1/apps/{}/sessions/{}", held.app, held.id);
    let session: Session = caller.send(caller.get(&path)).await.ok().json();
    let part = &session.parts[0];
    let node = part.node.as_ref().map_or("", NodeName::as_str);
    (node.to_owned(), part.epoch)
}

/// What keeps a node's only slot taken, until this is dropped: sessions that stay, used without a pause.
struct Crowd {
    done: Arc<AtomicBool>,
    tasks: JoinSet<()>,
}

impl Crowd {
    async fn at(node: &str, url: &str, size: usize) -> Self {
        let done = Arc::new(AtomicBool::new(false));
        let mut tasks = JoinSet::new();
        for _ in 0..size {
            let (caller, done) = (Caller::new(url), Arc::clone(&done));
            let mut held = caller.session("crowd", "in-function").await;
            assert_eq!(place(&caller, &held).await.0, node);
            tasks.spawn(async move {
                while !done.load(Ordering::Relaxed) {
                    caller
                        .in_session(&mut held, "functions/count", "word", &[])
                        .await
                        .ok();
                }
            });
        }
        Self { done, tasks }
    }

    async fn leave(self) {
        self.done.store(true, Ordering::Relaxed);
        self.tasks.join_all().await;
    }
}

/// Its client stays where it is, so that nothing but the queue there speaks for another node.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_session_leaves_an_overloaded_node_once_and_does_not_flap() {
    let folder = tempfile::tempdir().unwrap();
    let setup = Setup {
        names: vec!["one", "two", "cloud"],
        slots: 1,
        gossip: true,
        ..Setup::default()
    };
    let nodes = Nodes::start(folder.path(), setup).await;
    let one = Caller::new(nodes.url("one"));
    let knows_two = |nodes: &[fogline_protocol::api::NodeInfo]| {
        nodes.iter().filter(|node| node.telemetry.is_some()).count() == 3
    };
    super::support::sees(&one, knows_two).await;
    one.deploy_parts(&slow("words", "auto")).await.ok();
    one.deploy_parts(&slow("crowd", "never")).await.ok();
    let mut held = one.session("words", "in-function").await;
    assert_eq!(place(&one, &held).await, ("one".to_owned(), 0));
    let crowd = Crowd::at("one", &nodes.url("one"), 6).await;
    let mut words = 0;
    let mut count = async |held: &mut Held| {
        words += 1;
        let counted = one.in_session(held, "functions/count", "word", &[]).await.ok();
        assert_eq!(counted.text(), format!("{{\"word\": {words}}}"));
    };
    let end = deadline();
    while place(&one, &held).await.0 == "one" {
        assert!(Instant::now() < end, "it stays in the queue of one");
        count(&mut held).await;
    }
    let there = ("two".to_owned(), 1);
    assert_eq!(place(&one, &held).await, there);
    // For longer than a session has to stay where it has just come to.
    let end = Instant::now() + Duration::from_secs(6);
    while Instant::now() < end {
        count(&mut held).await;
    }
    assert_eq!(place(&one, &held).await, there, "it has moved once");
    let metrics = one.send(one.get("/metrics")).await.text();
    let moved = "fogline_migrations_total{cause=\"overloaded\"} 1";
    assert!(metrics.contains(moved), "{metrics}");
    crowd.leave().await;
    nodes.stop().await;
}
