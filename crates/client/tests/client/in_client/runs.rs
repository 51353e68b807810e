//! Runs that the node was left with.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::{append, client, invoke, session, shop};
use crate::node::{Node, json, mixed, parts, problem};
use fogline_client::{Client, Error};
use fogline_core::model::{Birth, RunId};
use fogline_protocol::api::{Run, RunStatus};
use fogline_protocol::multipart::Part;
use fogline_protocol::problem::{Kind, Problem};

fn run(status: RunStatus) -> Run {
    Run {
        run: RunId([9; 16]),
        node: "edge-1".parse().unwrap(),
        status,
        finished: Vec::new(),
        problem: None,
    }
}

/// A node that accepts one run: it ends, well or not, when it has been asked for so often.
async fn accepting(ends_as: RunStatus) -> Node {
    let polls = Arc::new(AtomicUsize::new(0));
    Node::start(move |_, asked| {
        let polls = Arc::clone(&polls);
        async move {
            let has_ended = polls.load(Ordering::SeqCst) >= 3;
            match asked.path.rsplit('/').next().unwrap() {
                "runs" => {
                    assert_eq!(asked.header("prefer"), "respond-async");
                    json(&run(RunStatus::Accepted))
                }
                "result" if ends_as == RunStatus::Failed => {
                    let failed = Problem::new(Kind::InvalidInput, "a later step failed", "mend it");
                    let failed = Part::json("problem", serde_json::to_vec(&failed).unwrap());
                    parts(422, failed, &[("cart", "sealed:by the run")], &[])
                }
                "result" => mixed("result", &[("cart", "sealed:by the run")], &[]),
                "add" => append(&asked),
                _ if has_ended => json(&run(ends_as)),
                _ => {
                    polls.fetch_add(1, Ordering::SeqCst);
                    json(&run(RunStatus::Accepted))
                }
            }
        }
    })
    .await
}

#[tokio::test]
async fn states_that_a_run_was_accepted_with_are_taken_back_before_they_are_used() {
    for ends_as in [RunStatus::Done, RunStatus::Failed] {
        let folder = tempfile::tempdir().unwrap();
        let node = accepting(ends_as).await;
        let first = client(&node, folder.path());
        invoke(&first, "add", "a").await.unwrap();
        let run = first.run_async(&shop(), &session(), "go").await.unwrap();
        assert_eq!(node.asked()[1].part("state.cart"), "sealed:a");
        if ends_as == RunStatus::Done {
            drop(first);
            let second = client(&node, folder.path());
            assert_eq!(
                invoke(&second, "add", "b").await.unwrap(),
                "sealed:by the runb",
                "{ends_as:?}"
            );
            let result = second.run_result(&shop(), &session(), run.run).await.unwrap();
            assert_eq!(result, "result");
            assert_eq!(
                invoke(&second, "add", "c").await.unwrap(),
                "sealed:by the runbc",
                "what came back once does not come back again"
            );
        } else {
            assert_eq!(invoke(&first, "add", "b").await.unwrap(), "sealed:by the runb");
        }
    }
}

#[tokio::test]
async fn a_request_does_not_wait_longer_than_its_time_for_the_run_that_has_the_states() {
    let folder = tempfile::tempdir().unwrap();
    let node = Node::start(|_, asked| async move {
        if asked.path.ends_with("/add") {
            return append(&asked);
        }
        json(&run(RunStatus::Accepted))
    })
    .await;
    let client = Client::builder(&node.url)
        .journal(folder.path())
        .timeout(std::time::Duration::from_millis(200))
        .build()
        .unwrap();
    invoke(&client, "add", "a").await.unwrap();
    client.run_async(&shop(), &session(), "go").await.unwrap();
    let error = invoke(&client, "add", "b").await.unwrap_err();
    assert!(matches!(error, Error::Lent { .. }), "{error}");
    let adds = node
        .asked()
        .iter()
        .filter(|asked| asked.path.ends_with("/add"))
        .count();
    assert_eq!(adds, 1, "the old envelopes were not sent again");
}

#[tokio::test]
async fn a_run_that_nobody_knows_any_more_is_given_up_with_what_it_made() {
    let folder = tempfile::tempdir().unwrap();
    let node = Node::start(|_, asked| async move {
        if asked.path.ends_with("/add") {
            return append(&asked);
        }
        if asked.method == "GET" {
            return problem(Kind::NotFound, &[]);
        }
        json(&run(RunStatus::Accepted))
    })
    .await;
    let client = client(&node, folder.path());
    invoke(&client, "add", "a").await.unwrap();
    let run = client.run_async(&shop(), &session(), "go").await.unwrap().run;
    for _ in 0..2 {
        let error = invoke(&client, "add", "b").await.unwrap_err();
        assert!(
            matches!(&error, Error::RunForgotten { run: of, .. } if *of == run),
            "{error}"
        );
    }
    client.abandon_workflow(&shop(), &session(), run).await.unwrap();
    assert_eq!(invoke(&client, "add", "b").await.unwrap(), "sealed:ab");
}

#[tokio::test]
async fn states_that_come_while_a_run_is_left_with_the_node_go_with_it() {
    let folder = tempfile::tempdir().unwrap();
    let node = Node::start(|at, _| async move {
        if at == 0 {
            let moving = Problem::new(Kind::MovingToClient, "take your states", "send them");
            let moving = Part::json("problem", serde_json::to_vec(&moving).unwrap());
            return parts(409, moving, &[("cart", "sealed:x")], &[]);
        }
        json(&run(RunStatus::Accepted))
    })
    .await;
    let client = client(&node, folder.path());
    let session = crate::node::session(Birth::InEdge);
    client.run_async(&shop(), &session, "go").await.unwrap();
    let asked = node.asked();
    assert_eq!(asked[0].part_names(), ["input"]);
    assert_eq!(
        (asked[1].part("input"), asked[1].part("state.cart")),
        ("go", "sealed:x")
    );
}
