//! States that come to the client, and leave it.

use std::sync::Arc;

use super::{append, client, function, invoke, session, shop};
use crate::node::{Node, app, described, json, mixed, never, ok, parts, problem};
use fogline_core::model::{Birth, ExecutionModel};
use fogline_protocol::multipart::Part;
use fogline_protocol::problem::{Kind, Problem};
use tokio::sync::{Barrier, Notify};

#[tokio::test]
async fn states_that_come_to_the_client_are_taken_and_the_request_is_sent_again() {
    let folder = tempfile::tempdir().unwrap();
    let node = Node::start(|at, asked| async move {
        if at == 0 {
            let moving = Problem::new(Kind::MovingToClient, "take your states", "send them");
            let moving = Part::json("problem", serde_json::to_vec(&moving).unwrap());
            return parts(409, moving, &[("cart", "sealed:x"), ("notes", "sealed:y")], &[]);
        }
        append(&asked)
    })
    .await;
    let client = client(&node, folder.path());
    let session = crate::node::session(Birth::InEdge);
    let reply = client
        .invoke(&shop(), &session, &function("add"), "1")
        .await
        .unwrap();
    assert_eq!(reply.output, "sealed:x1");
    client
        .invoke(&shop(), &session, &function("note"), "2")
        .await
        .unwrap();
    let asked = node.asked();
    let numbers: Vec<_> = asked
        .iter()
        .map(|asked| asked.header("fogline-sequence"))
        .collect();
    assert_eq!(numbers, ["1", "1", "2"]);
    assert_eq!(asked[2].part("state.notes"), "sealed:y");
}

/// Two requests that meet the move get the states twice; the first may have changed them when the second comes.
#[tokio::test]
async fn states_that_come_twice_do_not_undo_what_was_done_with_them() {
    let folder = tempfile::tempdir().unwrap();
    let changed = Arc::new(Notify::new());
    let node = Node::start(move |_, asked| {
        let changed = Arc::clone(&changed);
        async move {
            if asked.parts.len() == 1 {
                if asked.path.ends_with("/look") {
                    changed.notified().await;
                }
                let moving = Problem::new(Kind::MovingToClient, "take your states", "send them");
                let moving = Part::json("problem", serde_json::to_vec(&moving).unwrap());
                return parts(409, moving, &[("cart", "sealed:x")], &[]);
            }
            if asked.path.ends_with("/look") {
                return mixed(asked.part("state.cart"), &[], &[]);
            }
            changed.notify_one();
            append(&asked)
        }
    })
    .await;
    let client = client(&node, folder.path());
    let session = crate::node::session(Birth::InEdge);
    let (shop, add, look) = (shop(), function("add"), function("look"));
    let (added, looked) = tokio::join!(
        client.invoke(&shop, &session, &add, "1"),
        client.invoke(&shop, &session, &look, "")
    );
    assert_eq!(added.unwrap().output, "sealed:x1");
    let last = client.invoke(&shop, &session, &look, "").await.unwrap();
    assert_eq!(last.output, "sealed:x1");
    assert!(looked.is_ok());
}

/// The answer that brings states may be overtaken by all that another request does with them: change them, and send them
/// on.
#[tokio::test]
async fn states_that_come_late_are_not_taken_when_the_session_has_left_again() {
    let folder = tempfile::tempdir().unwrap();
    let (both, gone) = (Arc::new(Barrier::new(2)), Arc::new(Notify::new()));
    let node = Node::start(move |at, asked| {
        let (both, gone) = (Arc::clone(&both), Arc::clone(&gone));
        async move {
            if asked.path.ends_with("/convert") {
                gone.notify_one();
                return json(&described(ExecutionModel::InEdge));
            }
            if asked.part_names() == ["input", "state.cart"] && asked.path.ends_with("/add") {
                return mixed("x1", &[("cart", "sealed:x1")], &[("fogline-convert", "in-edge")]);
            }
            if at < 2 {
                both.wait().await;
                if asked.path.ends_with("/look") {
                    gone.notified().await;
                }
                let moving = Problem::new(Kind::MovingToClient, "take your states", "send them");
                let moving = Part::json("problem", serde_json::to_vec(&moving).unwrap());
                return parts(409, moving, &[("cart", "sealed:x")], &[]);
            }
            ok("x1", &[])
        }
    })
    .await;
    let client = client(&node, folder.path());
    let session = crate::node::session(Birth::InEdge);
    let (shop, add, look) = (shop(), function("add"), function("look"));
    let (added, looked) = tokio::join!(
        client.invoke(&shop, &session, &add, "1"),
        client.invoke(&shop, &session, &look, "")
    );
    assert_eq!(
        (added.unwrap().output, looked.unwrap().output),
        ("x1".into(), "x1".into())
    );
    let asked = node.asked();
    let last = asked.last().unwrap();
    assert!(last.path.ends_with("/look"), "{}", last.path);
    assert_eq!(last.part_names(), ["input"]);
}

#[tokio::test]
async fn a_newer_application_that_declares_more_gets_all_that_is_here() {
    let folder = tempfile::tempdir().unwrap();
    let node = Node::start(|_, asked| async move {
        if asked.path.ends_with("/add") && asked.parts.len() < 3 && asked.part("input") == "b" {
            return problem(Kind::EnvelopeMissing, &[]);
        }
        append(&asked)
    })
    .await;
    let client = client(&node, folder.path());
    invoke(&client, "add", "a").await.unwrap();
    invoke(&client, "note", "n").await.unwrap();
    assert_eq!(invoke(&client, "add", "b").await.unwrap(), "sealed:ab");
    assert_eq!(
        node.asked()[3].part_names(),
        ["input", "state.cart", "state.notes"]
    );
}

/// The functions of one that is deployed beside the client's back still find what they need; what it must no longer send twice
/// at once it learns of their answers.
#[tokio::test]
async fn a_newer_application_that_writes_what_was_only_read_is_learnt_from_its_answer() {
    let folder = tempfile::tempdir().unwrap();
    let node = Node::start(|_, asked| async move {
        match asked.path.ends_with("/look") {
            true => mixed("looked", &[("cart", "sealed:by look")], &[]),
            false => append(&asked),
        }
    })
    .await;
    let client = client(&node, folder.path());
    invoke(&client, "add", "a").await.unwrap();
    invoke(&client, "note", "n").await.unwrap();
    let mut newer = app();
    let look = newer.functions.iter_mut().find(|it| it.name == function("look"));
    let look = look.unwrap();
    look.reads.push("notes".parse().unwrap());
    look.writes.push("cart".parse().unwrap());
    node.deploy(newer);
    for carries in [
        vec!["input", "state.cart"],
        vec!["input", "state.cart", "state.notes"],
    ] {
        invoke(&client, "look", "").await.unwrap();
        assert_eq!(node.asked().last().unwrap().part_names(), carries);
    }
}

#[tokio::test]
async fn an_operator_who_asks_for_the_states_gets_them_at_the_next_request() {
    let folder = tempfile::tempdir().unwrap();
    let node = Node::start(|at, asked| async move {
        match at {
            0 => append(&asked),
            1 => mixed("2", &[("cart", "sealed:2")], &[("fogline-convert", "in-edge")]),
            2 => json(&described(ExecutionModel::InEdge)),
            _ => ok("plain", &[]),
        }
    })
    .await;
    let client = client(&node, folder.path());
    for input in ["a", "b", "c"] {
        invoke(&client, "add", input).await.unwrap();
    }
    let asked = node.asked();
    assert!(asked[2].path.ends_with("/convert"), "{}", asked[2].path);
    assert_eq!(
        (asked[2].part("convert"), asked[2].part("state.cart")),
        ("{\"to\":\"in-edge\"}", "sealed:2")
    );
    assert_eq!(asked[3].part_names(), ["input"]);
    assert!(!asked[3].header("content-type").starts_with("multipart"));
}

#[tokio::test]
async fn a_move_away_that_was_cut_off_is_finished_before_the_next_request() {
    let folder = tempfile::tempdir().unwrap();
    let there = Arc::new(Notify::new());
    let node = Node::start({
        let there = Arc::clone(&there);
        move |at, asked| {
            let there = Arc::clone(&there);
            async move {
                match at {
                    0 => append(&asked),
                    1 => {
                        there.notify_one();
                        never().await
                    }
                    2 => json(&described(ExecutionModel::External)),
                    _ => ok("plain", &[]),
                }
            }
        }
    })
    .await;
    let first = client(&node, folder.path());
    invoke(&first, "add", "a").await.unwrap();
    let (app, session) = (shop(), session());
    tokio::select! {
        _ = first.convert(&app, &session, ExecutionModel::External) => panic!("it is not answered"),
        () = there.notified() => {}
    }
    drop(first);
    let second = client(&node, folder.path());
    assert_eq!(invoke(&second, "add", "b").await.unwrap(), "plain");
    let asked = node.asked();
    assert_eq!(asked[1].parts, asked[2].parts);
    assert_eq!(asked[3].part_names(), ["input"]);
}
