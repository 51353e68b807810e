//! Runs that the node was left with.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use super::{append, client, invoke, session, shop};
use crate::node::{Node, broken, json, mixed, ok, parts, problem};
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

/// A node that accepts one run: it ends, well or with a problem of a kind, when it has been asked for so often.
async fn accepting(fails: Option<Kind>) -> Node {
    let polls = Arc::new(AtomicUsize::new(0));
    let problem = fails.map(|kind| Problem::new(kind, "a later step failed", "mend it"));
    Node::start(move |_, asked| {
        let (polls, problem) = (Arc::clone(&polls), problem.clone());
        async move {
            let has_ended = polls.load(Ordering::SeqCst) >= 3;
            match asked.path.rsplit('/').next().unwrap() {
                "runs" => {
                    assert_eq!(asked.header("prefer"), "respond-async");
                    json(&run(RunStatus::Accepted))
                }
                "result" => match &problem {
                    Some(failed) => {
                        let part = Part::json("problem", serde_json::to_vec(failed).unwrap());
                        parts(failed.status, part, &[("cart", "sealed:by the run")], &[])
                    }
                    None => mixed("result", &[("cart", "sealed:by the run")], &[]),
                },
                "add" => append(&asked),
                _ if has_ended => json(&Run {
                    status: problem.as_ref().map_or(RunStatus::Done, |_| RunStatus::Failed),
                    problem,
                    ..run(RunStatus::Accepted)
                }),
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
    for fails in [None, Some(Kind::InvalidInput), Some(Kind::DeadlineExceeded)] {
        let folder = tempfile::tempdir().unwrap();
        let node = accepting(fails).await;
        let first = client(&node, folder.path());
        invoke(&first, "add", "a").await.unwrap();
        let run = first.run_async(&shop(), &session(), "go").await.unwrap();
        assert_eq!(node.asked()[1].part("state.cart"), "sealed:a");
        if fails.is_none() {
            drop(first);
            let second = client(&node, folder.path());
            assert_eq!(invoke(&second, "add", "b").await.unwrap(), "sealed:by the runb");
            let result = second.run_result(&shop(), &session(), run.run).await.unwrap();
            assert_eq!(result, "result");
            assert_eq!(
                invoke(&second, "add", "c").await.unwrap(),
                "sealed:by the runbc",
                "what came back once does not come back again"
            );
        } else {
            assert_eq!(invoke(&first, "add", "b").await.unwrap(), "sealed:by the runb");
            let error = first.run_result(&shop(), &session(), run.run).await.unwrap_err();
            assert!(error.to_string().contains("a later step failed"), "{error}");
            let asked = node.asked();
            let results = asked.iter().filter(|asked| asked.path.ends_with("/result"));
            assert_eq!(results.count(), 2, "how it ended is not asked again: {fails:?}");
        }
    }
}

/// Of a session that the network keeps; its node accepts the run, and is gone before it says so.
#[tokio::test]
async fn a_run_that_was_perhaps_accepted_is_asked_for_again_under_its_key() {
    let is_gone = Arc::new(AtomicBool::new(true));
    let node = Node::start({
        let is_gone = Arc::clone(&is_gone);
        move |_, _| {
            let is_gone = is_gone.load(Ordering::SeqCst);
            async move { if is_gone { broken() } else { ok("result", &[]) } }
        }
    })
    .await;
    let folder = tempfile::tempdir().unwrap();
    let client = || Client::builder(&node.url).journal(folder.path()).build().unwrap();
    let session = crate::node::session(Birth::InEdge);
    let hasty = client().with_timeout(std::time::Duration::from_millis(200));
    let error = hasty.run_async(&shop(), &session, "go").await.unwrap_err();
    let Error::Unanswered { number, .. } = error else {
        panic!("{error}")
    };
    drop(hasty);
    is_gone.store(false, Ordering::SeqCst);
    let reply = client().resume(&shop(), &session, number).await.unwrap();
    assert_eq!(reply.output, "result");
    let asked = node.asked();
    let keys: BTreeSet<_> = asked
        .iter()
        .map(|asked| asked.header("idempotency-key"))
        .collect();
    assert_eq!(keys.len(), 1, "{keys:?}");
    assert_eq!(asked.last().unwrap().part("input"), "go");
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
