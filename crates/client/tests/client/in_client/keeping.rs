//! What the client keeps, and sends.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::{append, client, invoke, session, shop};
use crate::node::{Asked, Node, mixed, never, problem};
use fogline_client::Error;
use fogline_protocol::problem::Kind;
use tokio::sync::Notify;

#[tokio::test]
async fn what_a_function_declares_is_sent_and_what_comes_back_is_kept_beyond_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let node = Node::start(|_, asked| async move {
        if asked.path.ends_with("/look") {
            mixed("seen", &[], &[])
        } else {
            append(&asked)
        }
    })
    .await;
    let first = client(&node, folder.path());
    invoke(&first, "add", "a").await.unwrap();
    invoke(&first, "note", "n").await.unwrap();
    drop(first);
    let second = client(&node, folder.path());
    assert_eq!(invoke(&second, "add", "b").await.unwrap(), "sealed:ab");
    invoke(&second, "look", "").await.unwrap();
    let asked = node.asked();
    let names: Vec<_> = asked.iter().map(Asked::part_names).collect();
    assert_eq!(names[..2], [vec!["input"], vec!["input"]]);
    assert_eq!(
        names[2..],
        [vec!["input", "state.cart"], vec!["input", "state.cart"]]
    );
    assert_eq!(
        (asked[2].part("state.cart"), asked[3].part("state.cart")),
        ("sealed:a", "sealed:ab")
    );
}

#[tokio::test]
async fn an_empty_envelope_says_that_the_state_is_gone() {
    let folder = tempfile::tempdir().unwrap();
    let node = Node::start(|at, asked| async move {
        if at == 1 {
            mixed("", &[("cart", "")], &[])
        } else {
            append(&asked)
        }
    })
    .await;
    let client = client(&node, folder.path());
    for input in ["a", "clear", "c"] {
        invoke(&client, "add", input).await.unwrap();
    }
    assert_eq!(node.asked()[2].part_names(), ["input"]);
}

/// The client is killed while a request is at the node: before it is executed, after, or when it has been answered.
#[tokio::test]
async fn wherever_the_client_is_killed_each_request_counts_once() {
    for executes_before_the_kill in [false, true] {
        let folder = tempfile::tempdir().unwrap();
        let (there, executions) = (Arc::new(Notify::new()), Arc::new(AtomicUsize::new(0)));
        let node = Node::start({
            let (there, executions) = (Arc::clone(&there), Arc::clone(&executions));
            move |at, asked| {
                let (there, executions) = (Arc::clone(&there), Arc::clone(&executions));
                async move {
                    let is_killed = at == 1;
                    // As under `guard = "mark"`: number 2 is executed once, whenever it comes.
                    let is_second = asked.header("fogline-sequence") == "2";
                    if !is_second || executes_before_the_kill == is_killed {
                        executions.fetch_add(1, Ordering::SeqCst);
                    }
                    if is_killed {
                        there.notify_one();
                        return never().await;
                    }
                    append(&asked)
                }
            }
        })
        .await;
        let first = client(&node, folder.path());
        invoke(&first, "add", "a").await.unwrap();
        tokio::select! {
            _ = invoke(&first, "add", "b") => panic!("it is not answered"),
            () = there.notified() => {}
        }
        drop(first);

        let second = client(&node, folder.path());
        // A newer request needs the state that the answer brings.
        let error = invoke(&second, "add", "c").await.unwrap_err();
        assert!(matches!(error, Error::Outstanding { number: 2, .. }), "{error}");
        let reply = second.resume(&shop(), &session(), 2).await.unwrap();
        assert_eq!(reply.output, "sealed:ab");
        assert_eq!(invoke(&second, "add", "c").await.unwrap(), "sealed:abc");
        assert_eq!(executions.load(Ordering::SeqCst), 3);
        let asked = node.asked();
        assert_eq!(
            asked[1].parts, asked[2].parts,
            "the same request, with the same envelopes"
        );
        assert_eq!(
            asked[1].header("fogline-sequence"),
            asked[2].header("fogline-sequence")
        );
    }
}

#[tokio::test]
async fn functions_that_write_one_state_wait_for_each_other_and_others_do_not() {
    let folder = tempfile::tempdir().unwrap();
    let at_once = Arc::new(tokio::sync::Barrier::new(2));
    let node = Node::start(move |_, asked| {
        let at_once = Arc::clone(&at_once);
        async move {
            // One `add` and one `note` are here at once, or this never ends.
            if ["1", "3"].contains(&asked.part("input")) {
                at_once.wait().await;
            }
            append(&asked)
        }
    })
    .await;
    let client = client(&node, folder.path());
    let (first, second, note) = tokio::join!(
        invoke(&client, "add", "1"),
        invoke(&client, "add", "2"),
        invoke(&client, "note", "3")
    );
    let (first, second) = (first.unwrap(), second.unwrap());
    assert_eq!(note.unwrap(), "sealed:3");
    // Neither is lost, whichever was first.
    let ends = [&first, &second]
        .into_iter()
        .max_by_key(|text| text.len())
        .unwrap();
    assert!(
        ["sealed:12", "sealed:21"].contains(&ends.as_str()),
        "{first}, {second}"
    );
}

/// Each envelope says when the session ends, as of when its state was written; the newest is right.
#[tokio::test]
async fn an_envelope_whose_time_is_over_is_sent_again_with_those_of_the_other_states() {
    let folder = tempfile::tempdir().unwrap();
    let node = Node::start(|_, asked| async move {
        if asked.path.ends_with("/note") && asked.part("input") == "b" && asked.parts.len() < 3 {
            return problem(Kind::Gone, &[]);
        }
        append(&asked)
    })
    .await;
    let client = client(&node, folder.path());
    invoke(&client, "note", "a").await.unwrap();
    invoke(&client, "add", "c").await.unwrap();
    assert_eq!(invoke(&client, "note", "b").await.unwrap(), "sealed:ab");
    let asked = node.asked();
    assert_eq!(asked[2].part_names(), ["input", "state.notes"]);
    assert_eq!(asked[3].part_names(), ["input", "state.cart", "state.notes"]);
}
