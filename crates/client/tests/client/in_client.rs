//! Sessions whose states live with the client.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::node::{Asked, Node, described, json, mixed, never, ok, parts, problem};
use axum::response::Response;
use fogline_client::{Client, Error};
use fogline_core::model::{AppName, Birth, ExecutionModel, FunctionName, RunId, SessionId};
use fogline_protocol::api::{Run, RunStatus};
use fogline_protocol::multipart::Part;
use fogline_protocol::problem::{Kind, Problem};
use tokio::sync::Notify;

fn shop() -> AppName {
    "shop".parse().unwrap()
}

fn function(name: &str) -> FunctionName {
    name.parse().unwrap()
}

fn session() -> SessionId {
    crate::node::session(Birth::InClient)
}

fn client(node: &Node, journal: &Path) -> Client {
    Client::builder(&node.url).journal(journal).build().unwrap()
}

async fn invoke(client: &Client, name: &str, input: &str) -> Result<String, Error> {
    let reply = client
        .invoke(&shop(), &session(), &function(name), input.to_owned())
        .await?;
    Ok(String::from_utf8(reply.output.to_vec()).unwrap())
}

/// Functions that append their input to the state that they write; an envelope is `sealed:` and what is in it.
fn append(asked: &Asked) -> Response {
    let state = if asked.path.ends_with("/add") {
        "cart"
    } else {
        "notes"
    };
    let before = asked
        .parts
        .get(&format!("state.{state}"))
        .map_or("sealed:", |_| asked.part(&format!("state.{state}")));
    let after = format!("{before}{}", asked.part("input"));
    mixed(&after, &[(state, &after)], &[("fogline-seen", "0.1.1")])
}

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
        assert!(
            matches!(
                error,
                Error::Unanswered {
                    number: 2,
                    source: None,
                    ..
                }
            ),
            "{error}"
        );
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

#[tokio::test]
async fn states_that_come_to_the_client_are_taken_and_the_request_is_sent_again() {
    let folder = tempfile::tempdir().unwrap();
    let node = Node::start(|at, asked| async move {
        if at == 0 {
            let moving = Problem::new(Kind::MovingToClient, "take your states", "send them");
            let moving = Part::json("problem", serde_json::to_vec(&moving).unwrap());
            return parts(
                409,
                moving,
                &[("cart", "sealed:x"), ("notes", "sealed:y")],
                &[("fogline-seen", "1.4.4")],
            );
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
                return parts(409, moving, &[("cart", "sealed:x")], &[("fogline-seen", "1.4.4")]);
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
    let missing = client.get_state(&app, &session, &cart).await.unwrap_err();
    assert!(
        matches!(missing, Error::Problem { ref problem } if problem.kind == Kind::NotFound),
        "{missing}"
    );
    invoke(&client, "note", "n").await.unwrap();
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

/// A node that accepts one run: it ends, well or not, when it has been asked for so often.
async fn accepting(ends_as: RunStatus) -> Node {
    let polls = Arc::new(AtomicUsize::new(0));
    Node::start(move |_, asked| {
        let polls = Arc::clone(&polls);
        async move {
            let has_ended = polls.load(Ordering::SeqCst) >= 3;
            let run = |status| Run {
                run: RunId([9; 16]),
                node: "edge-1".parse().unwrap(),
                status,
                finished: Vec::new(),
                problem: None,
            };
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
        json(&Run {
            run: RunId([9; 16]),
            node: "edge-1".parse().unwrap(),
            status: RunStatus::Accepted,
            finished: Vec::new(),
            problem: None,
        })
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
