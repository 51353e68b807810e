//! States that come to the client, and leave it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::{append, client, function, invoke, session, shop};
use crate::node::{Node, app, broken, described, json, mixed, never, ok, parts, problem};
use axum::response::Response;
use fogline_client::Error;
use fogline_core::model::{Birth, ExecutionModel};
use fogline_protocol::multipart::Part;
use fogline_protocol::problem::{Kind, Problem};
use tokio::sync::{Barrier, Notify};

/// The states are on their way to the client.
fn moving(states: &[(&str, &str)]) -> Response {
    let moving = Problem::new(Kind::MovingToClient, "take your states", "send them");
    let moving = Part::json("problem", serde_json::to_vec(&moving).unwrap());
    parts(409, moving, states, &[])
}

#[tokio::test]
async fn states_that_come_to_the_client_are_taken_and_the_request_is_sent_again() {
    let folder = tempfile::tempdir().unwrap();
    let node = Node::start(|at, asked| async move {
        if at == 0 {
            return moving(&[("cart", "sealed:x"), ("notes", "sealed:y")]);
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
            if asked.path.ends_with("/open") {
                return ok(asked.part("state.cart"), &[]);
            }
            if !asked.parts.contains_key("state.cart") {
                if asked.method == "GET" {
                    changed.notified().await;
                }
                return moving(&[("cart", "sealed:x")]);
            }
            changed.notify_one();
            append(&asked)
        }
    })
    .await;
    let client = client(&node, folder.path());
    let session = crate::node::session(Birth::InEdge);
    let (shop, add, cart) = (shop(), function("add"), "cart".parse().unwrap());
    let (added, looked) = tokio::join!(
        client.invoke(&shop, &session, &add, "1"),
        client.get_state(&shop, &session, &cart)
    );
    assert_eq!(added.unwrap().output, "sealed:x1");
    assert_eq!(looked.unwrap(), "sealed:x1");
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
                if asked.method == "GET" {
                    gone.notified().await;
                }
                return moving(&[("cart", "sealed:x")]);
            }
            ok("x1", &[])
        }
    })
    .await;
    let client = client(&node, folder.path());
    let session = crate::node::session(Birth::InEdge);
    let (shop, add, cart) = (shop(), function("add"), "cart".parse().unwrap());
    let (added, looked) = tokio::join!(
        client.invoke(&shop, &session, &add, "1"),
        client.get_state(&shop, &session, &cart)
    );
    assert_eq!(
        (added.unwrap().output, looked.unwrap()),
        ("x1".into(), "x1".into())
    );
    let asked = node.asked();
    let last = asked.last().unwrap();
    assert_eq!((last.method.as_str(), last.part_names()), ("GET", vec!["input"]));
}

/// With its states it would be executed again: where they are now, nobody keeps its reply.
#[tokio::test]
async fn states_do_not_come_before_it_is_known_whether_another_request_was_executed() {
    let folder = tempfile::tempdir().unwrap();
    let (executed, come) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let has_come = Arc::new(AtomicBool::new(false));
    let node = Node::start(move |at, asked| {
        let (executed, come, has_come) = (Arc::clone(&executed), Arc::clone(&come), Arc::clone(&has_come));
        async move {
            let is_add = asked.path.ends_with("/add");
            match (is_add, asked.parts.contains_key("state.cart")) {
                (true, false) if at == 0 => {
                    executed.notify_one();
                    come.notified().await;
                    broken()
                }
                (true, false) if has_come.load(Ordering::Relaxed) => problem(Kind::EnvelopeMissing, &[]),
                (true, false) => ok("1", &[]),
                (false, false) => {
                    executed.notified().await;
                    come.notify_one();
                    moving(&[("cart", "sealed:1")])
                }
                (_, true) => {
                    has_come.store(true, Ordering::Relaxed);
                    append(&asked)
                }
            }
        }
    })
    .await;
    let client = client(&node, folder.path());
    let session = crate::node::session(Birth::InEdge);
    let (shop, add, look) = (shop(), function("add"), function("look"));
    let added = client.invoke(&shop, &session, &add, "1");
    let looked = async {
        while node.asked().is_empty() {
            tokio::task::yield_now().await;
        }
        client.invoke(&shop, &session, &look, "").await
    };
    let (added, looked) = tokio::join!(added, looked);
    assert_eq!(added.unwrap().output, "1");
    looked.unwrap();
    let asked = node.asked();
    let carry = |function: &str| {
        let of = asked.iter().filter(|asked| asked.path.ends_with(function));
        of.map(|asked| asked.parts.contains_key("state.cart"))
            .collect::<Vec<_>>()
    };
    assert_eq!(
        (carry("/add"), carry("/look")),
        (vec![false; 2], vec![false, true])
    );
}

#[tokio::test]
async fn states_do_not_come_before_a_request_of_an_earlier_process_is_resumed() {
    let folder = tempfile::tempdir().unwrap();
    let there = Arc::new(Notify::new());
    let node = Node::start({
        let there = Arc::clone(&there);
        move |at, asked| {
            let there = Arc::clone(&there);
            async move {
                match (at, asked.header("fogline-sequence"), asked.parts.len()) {
                    (0, ..) => {
                        there.notify_one();
                        never().await
                    }
                    (_, "1", _) => ok("1", &[]),
                    (_, _, 1) => moving(&[("cart", "sealed:1")]),
                    _ => append(&asked),
                }
            }
        }
    })
    .await;
    let session = crate::node::session(Birth::InEdge);
    let (shop, add) = (shop(), function("add"));
    let first = client(&node, folder.path());
    tokio::select! {
        _ = first.invoke(&shop, &session, &add, "1") => panic!("it is not answered"),
        () = there.notified() => {}
    }
    drop(first);
    let client = client(&node, folder.path());
    let refused = client.invoke(&shop, &session, &add, "2").await.unwrap_err();
    assert!(
        matches!(refused, Error::Outstanding { number: 1, .. }),
        "{refused}"
    );
    let resumed = client.resume(&shop, &session, 1).await.unwrap();
    assert_eq!(resumed.output, "1");
    let added = client.invoke(&shop, &session, &add, "2").await.unwrap();
    assert_eq!(added.output, "sealed:12");
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
