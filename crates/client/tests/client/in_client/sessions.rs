//! Sessions as a whole, and states by themselves.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use super::{append, client, invoke, session, shop};
use crate::node::{Asked, Node, described, json, mixed, ok, parts, problem};
use axum::response::Response;
use fogline_client::{Client, Error};
use fogline_core::model::ExecutionModel;
use fogline_protocol::multipart::Part;
use fogline_protocol::problem::{Kind, Problem};

#[tokio::test]
async fn states_are_opened_and_sealed_by_the_node() {
    let folder = tempfile::tempdir().unwrap();
    let node = Node::start(|_, asked| async move {
        let end = asked
            .path
            .rsplit_once("/states/")
            .map(|(_, end)| end.to_owned())
            .unwrap_or_default();
        match (asked.method.as_str(), end.as_str()) {
            ("POST", "cart/open") => ok(asked.part("state.cart").strip_prefix("sealed:").unwrap(), &[]),
            ("PUT", "cart") => {
                let sealed = format!("sealed:{}", asked.part("value"));
                mixed("", &[("cart", &sealed)], &[])
            }
            ("DELETE", "cart") => mixed("", &[("cart", "")], &[]),
            _ => append(&asked),
        }
    })
    .await;
    let client = client(&node, folder.path());
    let (app, session, cart) = (shop(), session(), "cart".parse().unwrap());
    let refused = async || match client.get_state(&app, &session, &cart).await {
        Err(Error::Problem { problem }) => problem.kind,
        other => panic!("{other:?}"),
    };
    assert_eq!(
        refused().await,
        Kind::EnvelopeMissing,
        "it is with another client"
    );
    invoke(&client, "note", "n").await.unwrap();
    assert_eq!(refused().await, Kind::NotFound);
    client.put_state(&app, &session, &cart, "v").await.unwrap();
    assert_eq!(client.get_state(&app, &session, &cart).await.unwrap(), "v");
    client.delete_state(&app, &session, &cart).await.unwrap();
    assert!(client.get_state(&app, &session, &cart).await.is_err());
    let asked = node.asked();
    assert_eq!(asked[1].part_names(), ["state.notes", "value"]);
    assert_eq!(asked[3].part_names(), ["state.cart", "state.notes"]);
}

#[tokio::test]
async fn a_deleted_session_leaves_nothing_behind() {
    let folder = tempfile::tempdir().unwrap();
    let node = Node::start(|_, asked| async move { append_or_ok(&asked) }).await;
    let client = client(&node, folder.path());
    invoke(&client, "add", "a").await.unwrap();
    client.delete_session(&shop(), &session()).await.unwrap();
    assert_eq!(
        std::fs::read_dir(folder.path().join("sessions")).unwrap().count(),
        0
    );
}

fn append_or_ok(asked: &Asked) -> Response {
    if asked.method == "DELETE" {
        ok("", &[])
    } else {
        append(asked)
    }
}

#[tokio::test]
async fn a_new_session_begins_with_the_envelopes_that_it_was_given() {
    let folder = tempfile::tempdir().unwrap();
    let node = Node::start(|at, asked| async move {
        if at == 0 {
            let mut session = described(ExecutionModel::InClient);
            session.envelopes = [("cart".parse().unwrap(), data_encoding::BASE64.encode(b"sealed:"))].into();
            return json(&session);
        }
        append(&asked)
    })
    .await;
    let first = client(&node, folder.path());
    let created = first.create_session(&shop(), None).await.unwrap();
    assert!(created.envelopes.is_empty(), "they are the client's to keep");
    drop(first);
    let second = client(&node, folder.path());
    assert_eq!(invoke(&second, "add", "a").await.unwrap(), "sealed:a");
    assert_eq!(node.asked()[1].part("state.cart"), "sealed:");
}

/// The nodes moved the session, and the client never heard of it.
#[tokio::test]
async fn envelopes_of_a_session_that_has_left_are_let_go() {
    let folder = tempfile::tempdir().unwrap();
    let node = Node::start(|_, asked| async move {
        if asked.method == "GET" {
            return json(&described(ExecutionModel::InEdge));
        }
        match (asked.part("input"), asked.parts.len()) {
            ("b", 2) => problem(Kind::BadEnvelope, &[]),
            ("b", _) => ok("plain", &[]),
            _ => append(&asked),
        }
    })
    .await;
    let client = client(&node, folder.path());
    invoke(&client, "add", "a").await.unwrap();
    assert_eq!(invoke(&client, "add", "b").await.unwrap(), "plain");
    let numbers: Vec<_> = node
        .asked()
        .iter()
        .map(|asked| asked.header("fogline-sequence").to_owned())
        .collect();
    assert_eq!(numbers, ["1", "2", "", "2"]);
}

#[tokio::test]
async fn a_bad_envelope_of_a_session_that_is_here_is_an_error_and_stays() {
    let folder = tempfile::tempdir().unwrap();
    let node = Node::start(|_, asked| async move {
        if asked.method == "GET" {
            return json(&described(ExecutionModel::InClient));
        }
        if asked.part("input") == "b" {
            problem(Kind::BadEnvelope, &[])
        } else {
            append(&asked)
        }
    })
    .await;
    let client = client(&node, folder.path());
    invoke(&client, "add", "a").await.unwrap();
    let error = invoke(&client, "add", "b").await.unwrap_err();
    assert!(
        matches!(error, Error::Problem { ref problem } if problem.kind == Kind::BadEnvelope),
        "{error}"
    );
    assert_eq!(invoke(&client, "add", "c").await.unwrap(), "sealed:ac");
}

/// A run that fails in its second step has changed what its first step wrote.
#[tokio::test]
async fn states_that_come_with_a_refusal_are_kept() {
    let folder = tempfile::tempdir().unwrap();
    let node = Node::start(|at, asked| async move {
        if at == 0 {
            let failed = Problem::new(Kind::FunctionFailed, "step two", "fix it");
            let failed = Part::json("problem", serde_json::to_vec(&failed).unwrap());
            return parts(502, failed, &[("cart", "sealed:x")], &[]);
        }
        append(&asked)
    })
    .await;
    let client = client(&node, folder.path());
    let error = client.run(&shop(), &session(), "in").await.unwrap_err();
    assert_eq!(error.to_string(), "step two");
    assert_eq!(invoke(&client, "add", "1").await.unwrap(), "sealed:x1");
    let asked = node.asked();
    assert_eq!(
        asked[0].header("idempotency-key"),
        format!("client:{}:1", client.id())
    );
}

/// A run whose second step found all workers busy has perhaps changed what its first step wrote: the node knows it by its key.
#[tokio::test]
async fn a_run_that_found_a_later_step_busy_can_be_asked_for_again() {
    let folder = tempfile::tempdir().unwrap();
    let is_busy = Arc::new(AtomicBool::new(true));
    let node = Node::start({
        let is_busy = Arc::clone(&is_busy);
        move |_, _| {
            let is_busy = is_busy.load(Ordering::SeqCst);
            async move {
                if !is_busy {
                    return mixed("done", &[("cart", "sealed:x")], &[]);
                }
                let busy = Problem::new(Kind::Overloaded, "all workers are busy", "try again");
                let busy = Problem {
                    step: Some("second".to_owned()),
                    ..busy
                };
                parts(
                    429,
                    Part::json("problem", serde_json::to_vec(&busy).unwrap()),
                    &[],
                    &[],
                )
            }
        }
    })
    .await;
    let client = client(&node, folder.path());
    let hasty = client.with_timeout(Duration::from_millis(100));
    let error = hasty.run(&shop(), &session(), "in").await.unwrap_err();
    let Error::Unanswered { number, .. } = error else {
        panic!("{error}")
    };
    is_busy.store(false, Ordering::SeqCst);
    let reply = client.resume(&shop(), &session(), number).await.unwrap();
    assert_eq!(reply.output, "done");
    let keys: BTreeSet<_> = node
        .asked()
        .iter()
        .map(|asked| asked.header("idempotency-key").to_owned())
        .collect();
    assert_eq!(keys.len(), 1, "{keys:?}");
}

/// Only its client can give the session away; an operator's client, which has nothing of it, asks.
#[tokio::test]
async fn an_operator_does_not_pretend_to_hold_the_states() {
    let node = Node::start(|_, _| async { json(&described(ExecutionModel::InClient)) }).await;
    let operator = Client::builder(&node.url).build().unwrap();
    let session = operator
        .convert(&shop(), &session(), ExecutionModel::InEdge)
        .await
        .unwrap();
    assert_eq!(session.parts[0].model, ExecutionModel::InClient);
    let asked = node.asked();
    assert_eq!((asked.len(), asked[0].header("fogline-client")), (1, ""));
}
