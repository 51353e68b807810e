//! Workflows that the client runs.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crate::node::{Asked, Node, mixed, never, problem, session};
use axum::response::Response;
use fogline_client::{Client, Error};
use fogline_core::model::Birth;
use fogline_protocol::problem::Kind;
use tokio::sync::{Barrier, Notify};

fn function(asked: &Asked) -> &str {
    asked.path.rsplit('/').next().unwrap()
}

/// Each function answers its name; `add` and `note` count up the state that they write.
fn execute(asked: &Asked) -> Response {
    let count = |state: &str| {
        let before = asked.parts.get(&format!("state.{state}")).map_or(0, |_| {
            asked.part(&format!("state.{state}")).parse::<u32>().unwrap()
        });
        (before + 1).to_string()
    };
    match function(asked) {
        "add" => mixed("add", &[("cart", &count("cart"))], &[]),
        "note" => mixed("note", &[("notes", &count("notes"))], &[]),
        name => mixed(name, &[], &[]),
    }
}

#[tokio::test]
async fn branches_run_at_once_and_a_join_gets_their_outputs_in_order() {
    let at_once = Arc::new(Barrier::new(2));
    let node = Node::start(move |_, asked| {
        let at_once = Arc::clone(&at_once);
        async move {
            if ["look", "note"].contains(&function(&asked)) {
                at_once.wait().await;
            }
            execute(&asked)
        }
    })
    .await;
    let client = Client::builder(&node.url).build().unwrap();
    let reply = client
        .run_workflow(&crate::node::app(), &session(Birth::InClient), "in")
        .await
        .unwrap();
    assert_eq!(reply.output, "join");
    let asked = node.asked();
    assert_eq!((function(&asked[0]), asked[0].part("input")), ("add", "in"));
    assert_eq!(&asked[3].parts["input"][..], b"\x04\0\0\0look\x04\0\0\0note");
    for asked in &asked[1..3] {
        let (step, carries) = match function(asked) {
            "look" => ("left", vec!["input", "state.cart"]),
            _ => ("right", vec!["input"]),
        };
        assert_eq!(
            asked.header("idempotency-key"),
            format!("run:{}:{step}", reply.run)
        );
        assert_eq!(asked.header("fogline-sequence"), "");
        assert_eq!(asked.part_names(), carries);
    }
}

#[tokio::test]
async fn an_error_of_a_step_names_it_and_ends_the_run() {
    let node = Node::start(|_, asked| async move {
        if function(&asked) == "look" {
            problem(Kind::FunctionFailed, &[])
        } else {
            execute(&asked)
        }
    })
    .await;
    let client = Client::builder(&node.url).build().unwrap();
    let (app, session) = (crate::node::app(), session(Birth::InClient));
    let error = client.run_workflow(&app, &session, "in").await.unwrap_err();
    assert_eq!(error.to_string(), "step left: it did not work");
    assert!(
        client
            .pending_workflows(&app.name, &session)
            .await
            .unwrap()
            .is_empty()
    );
    // The other branch's answer held a state, which was kept.
    client
        .invoke(&app.name, &session, &"note".parse().unwrap(), "")
        .await
        .unwrap();
    assert_eq!(node.asked().last().unwrap().part("state.notes"), "1");
}

/// Of two branches one is refused, and the other's answer, which holds a state, is lost.
#[tokio::test]
async fn a_run_that_is_refused_is_kept_until_its_other_branch_has_answered() {
    let is_lost = Arc::new(AtomicBool::new(true));
    let node = Node::start({
        let is_lost = Arc::clone(&is_lost);
        move |_, asked| {
            let is_lost = is_lost.load(Ordering::SeqCst);
            async move {
                match function(&asked) {
                    "look" => problem(Kind::FunctionFailed, &[]),
                    "note" if is_lost => never().await,
                    _ => execute(&asked),
                }
            }
        }
    })
    .await;
    let client = Client::builder(&node.url).build().unwrap();
    let (app, session) = (crate::node::app(), session(Birth::InClient));
    let hasty = client.with_timeout(Duration::from_millis(500));
    let error = hasty.run_workflow(&app, &session, "in").await.unwrap_err();
    let Error::Interrupted { run, .. } = error else {
        panic!("{error}")
    };
    is_lost.store(false, Ordering::SeqCst);
    let error = client
        .resume_workflow(&app.name, &session, run)
        .await
        .unwrap_err();
    assert_eq!(error.to_string(), "step left: it did not work");
    let pending = client.pending_workflows(&app.name, &session).await.unwrap();
    assert!(pending.is_empty(), "{pending:?}");
    client
        .invoke(&app.name, &session, &"note".parse().unwrap(), "")
        .await
        .unwrap();
    assert_eq!(node.asked().last().unwrap().part("state.notes"), "1");
}

/// The client is killed at each step in turn.
#[tokio::test]
async fn wherever_the_client_is_killed_finished_steps_never_run_again() {
    for killed_at in ["add", "look", "note", "join"] {
        let folder = tempfile::tempdir().unwrap();
        let there = Arc::new(Notify::new());
        let node = Node::start({
            let there = Arc::clone(&there);
            let killed = Arc::new(AtomicBool::new(false));
            move |_, asked| {
                let (there, killed) = (Arc::clone(&there), Arc::clone(&killed));
                async move {
                    if function(&asked) == killed_at && !killed.swap(true, Ordering::SeqCst) {
                        there.notify_one();
                        return never().await;
                    }
                    execute(&asked)
                }
            }
        })
        .await;
        let start = || Client::builder(&node.url).journal(folder.path()).build().unwrap();
        let (app, session) = (crate::node::app(), session(Birth::InClient));
        let first = start();
        tokio::select! {
            _ = first.run_workflow(&app, &session, "in") => panic!("it is not answered"),
            () = there.notified() => {}
        }
        drop(first);
        let before = node.asked().len();

        let second = start();
        let pending = second.pending_workflows(&app.name, &session).await.unwrap();
        assert_eq!(pending.len(), 1, "{killed_at}");
        let reply = second
            .resume_workflow(&app.name, &session, pending[0])
            .await
            .unwrap();
        assert_eq!(
            (&reply.output[..], reply.run),
            (&b"join"[..], pending[0]),
            "{killed_at}"
        );
        assert!(
            second
                .pending_workflows(&app.name, &session)
                .await
                .unwrap()
                .is_empty()
        );
        let asked = node.asked();
        let again = asked[before..]
            .iter()
            .filter(|asked| function(asked) == "add")
            .count();
        assert_eq!(again, usize::from(killed_at == "add"), "{killed_at}");
        // `add` counts its executions in the state that travels: had it run twice, this would be 2.
        let last_look = asked
            .iter()
            .rev()
            .find(|asked| function(asked) == "look")
            .unwrap();
        assert_eq!(last_look.part("state.cart"), "1", "{killed_at}");
        let keys: Vec<_> = asked
            .iter()
            .map(|asked| asked.header("idempotency-key"))
            .collect();
        assert!(
            keys.iter()
                .all(|key| key.starts_with(&format!("run:{}:", reply.run))),
            "{keys:?}"
        );
    }
}

#[tokio::test]
async fn a_run_whose_node_is_gone_is_interrupted_and_not_ended() {
    let folder = tempfile::tempdir().unwrap();
    let gone = tokio::net::TcpListener::bind("127.0.0.1:0")
        .await
        .unwrap()
        .local_addr()
        .unwrap();
    let client = Client::builder(format!("http://{gone}")).journal(folder.path());
    let client = client.timeout(Duration::from_millis(300)).build().unwrap();
    let (app, session) = (crate::node::app(), session(Birth::InEdge));
    let error = client.run_workflow(&app, &session, "in").await.unwrap_err();
    let Error::Interrupted { run, .. } = error else {
        panic!("{error}")
    };
    assert_eq!(
        client.pending_workflows(&app.name, &session).await.unwrap(),
        [run]
    );
    client.abandon_workflow(&app.name, &session, run).await.unwrap();
    assert!(
        client
            .pending_workflows(&app.name, &session)
            .await
            .unwrap()
            .is_empty()
    );
}

#[tokio::test]
async fn an_application_without_a_workflow_cannot_be_run() {
    let client = Client::builder("http://127.0.0.1:9").build().unwrap();
    let app = fogline_protocol::api::App {
        workflow: Vec::new(),
        ..crate::node::app()
    };
    let error = client
        .run_workflow(&app, &session(Birth::InEdge), "in")
        .await
        .unwrap_err();
    assert!(matches!(error, Error::Workflow { .. }), "{error}");
}
