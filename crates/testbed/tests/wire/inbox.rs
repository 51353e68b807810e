//! Runs that were accepted, and what a node that stops leaves of them to the next start (R16, R21).

use std::time::{Duration, Instant};

use fogline_protocol::api::{Drained, Run, RunStatus};
use fogline_protocol::multipart::Part;

use super::rules::{path, two_callers};
use super::support::{CLIENT, Caller, Gated, Held, Setup, deadline, program, with_guard};

/// A run of this name that nobody waits for.
fn later(key: &str) -> [(&'static str, &str); 2] {
    [("idempotency-key", key), ("prefer", "respond-async")]
}

/// Leaves a run to a node; gives its id.
pub(super) async fn accept(
    caller: &Caller,
    held: &mut Held,
    input: &str,
    headers: &[(&str, &str)],
) -> String {
    let accepted = caller.in_session(held, "runs", input.to_owned(), headers).await;
    assert_eq!(accepted.status, 202, "{}", accepted.text());
    accepted.json::<Run>().run.to_string()
}

/// A run, once it has ended.
pub(super) async fn ended(caller: &Caller, held: &Held, run: &str) -> Run {
    let end = deadline();
    loop {
        let described = caller.get(&format!("{}/runs/{run}", path(held)));
        let described: Run = caller.send(described).await.ok().json();
        if described.status != RunStatus::Accepted {
            return described;
        }
        assert!(Instant::now() < end, "{described:?}");
        tokio::task::yield_now().await;
    }
}

/// The result of a run, once it has one.
pub(super) async fn result(caller: &Caller, held: &Held, run: &str) -> String {
    let described = ended(caller, held, run).await;
    assert_eq!(described.status, RunStatus::Done, "{described:?}");
    let result = caller.get(&format!("{}/runs/{run}/result", path(held)));
    caller.send(result).await.ok().text()
}

/// The session's node is down until all runs are accepted, and the node that accepted them was started again.
#[tokio::test]
async fn accepted_runs_outlive_their_node_and_are_executed_in_the_order_of_their_coming() {
    let (_folder, mut nodes, one, two) = two_callers(Setup::default()).await;
    one.deploy("counter", str::to_owned).await;
    let mut held = two.session("counter", "in-edge").await;
    assert!(held.id.starts_with("two_"), "{}", held.id);
    nodes.stop_node("two").await;
    let mut runs = Vec::new();
    for at in 1..=12 {
        runs.push(accept(&one, &mut held, "1", &later(&format!("run {at}"))).await);
    }
    nodes.stop_node("one").await;
    nodes.start_node("one").await;
    nodes.start_node("two").await;
    let one = Caller::new(nodes.url("one"));
    for (before, run) in runs.iter().enumerate() {
        assert_eq!(result(&one, &held, run).await, (before + 1).to_string());
    }
    nodes.stop().await;
}

/// A step without states leaves nothing in any session: that it has finished is known from the run alone.
#[tokio::test]
async fn a_step_that_has_finished_is_not_executed_again_after_a_restart() {
    let (folder, mut nodes, one, two) = two_callers(Setup::default()).await;
    let notes = folder.path().join("notes");
    one.deploy_parts(&two_steps(&notes)).await.ok();
    let mut held = two.session("words", "in-edge").await;
    assert!(held.id.starts_with("two_"), "{}", held.id);
    nodes.stop_node("two").await;
    let run = accept(&one, &mut held, "word", &later("run")).await;
    let end = deadline();
    loop {
        let described = one
            .send(one.get(&format!("{}/runs/{run}", path(&held))))
            .await
            .ok();
        if !described.json::<Run>().finished.is_empty() {
            break;
        }
        assert!(Instant::now() < end, "{}", described.text());
        tokio::task::yield_now().await;
    }
    nodes.stop_node("one").await;
    nodes.start_node("one").await;
    nodes.start_node("two").await;
    let one = Caller::new(nodes.url("one"));
    assert_eq!(result(&one, &held, &run).await, "{\"word\": 1}");
    assert_eq!(std::fs::read_to_string(&notes).unwrap(), "word\n");
    nodes.stop().await;
}

/// The run was waited for under a name; half of it was done when the session went to its client.
#[tokio::test]
async fn a_step_that_has_finished_is_not_executed_again_when_the_session_is_with_its_client_meanwhile() {
    let (folder, mut nodes, one, two) = two_callers(Setup::default()).await;
    let notes = folder.path().join("notes");
    one.deploy_parts(&two_steps(&notes)).await.ok();
    let mut held = two.session("words", "in-edge").await;
    assert!(held.id.starts_with("two_"), "{}", held.id);
    nodes.stop_node("two").await;
    let named = [("idempotency-key", "run"), ("fogline-client", CLIENT)];
    let soon = [named[0], named[1], ("fogline-timeout-ms", "300")];
    let cut = one.in_session(&mut held, "runs", "word", &soon).await;
    assert!(matches!(cut.status, 503 | 504), "{}: {}", cut.status, cut.text());
    nodes.start_node("two").await;
    let two = Caller::new(nodes.url("two"));
    two.convert(&mut held, "in-client", &named[1..]).await.ok();
    assert!(!held.envelopes.is_empty());
    let ran = one.in_session(&mut held, "runs", "word", &named).await.ok();
    assert_eq!(ran.text(), "{\"word\": 1}");
    assert_eq!(std::fs::read_to_string(&notes).unwrap(), "word\n");
    nodes.stop().await;
}

/// Nobody else has the states that its client has lent to the run.
#[tokio::test]
async fn a_node_is_not_empty_before_the_runs_that_were_left_to_it_have_ended() {
    let (folder, nodes, one, _) = two_callers(Setup::default()).await;
    let gates = Gated::new(&folder.path().join("gates"));
    one.deploy_parts(&gates.parts(&[("only", &[])], &["only"]))
        .await
        .ok();
    let mut held = one.session("gated", "in-client").await;
    let run = accept(&one, &mut held, "", &later("run")).await;
    let left = async |timeout: &str| {
        let drain = one.post("/v1/nodes/one/drain");
        let drained = one.send(drain.header("fogline-timeout-ms", timeout)).await;
        drained.ok().json::<Drained>().runs
    };
    assert_eq!(left("500").await, 1);
    gates.open("only");
    assert_eq!(left("20000").await, 0);
    result(&one, &held, &run).await;
    nodes.stop().await;
}

/// The answer to the run was lost, and the client asks again with what it held before.
#[tokio::test]
async fn a_run_that_has_ended_meanwhile_is_answered_with_what_it_made_of_the_clients_states() {
    for guard in ["none", "mark"] {
        let (_folder, nodes, one, _) = two_callers(Setup::default()).await;
        one.deploy("counter", with_guard(guard)).await;
        let mut held = one.session("counter", "in-client").await;
        let mut before = held.clone();
        let run = accept(&one, &mut held, "4", &later("run")).await;
        ended(&one, &held, &run).await;
        let named = [("idempotency-key", "run")];
        let answer = one.in_session(&mut held, "runs", "4", &named).await.ok();
        assert_eq!(answer.text(), "4", "{guard}");
        for total in ["5", "6"] {
            let added = one.in_session(&mut held, "functions/add", "1", &[]).await.ok();
            assert_eq!(added.text(), total, "{guard}");
        }
        // Whoever has gone on from it is not taken back.
        one.in_session(&mut held, "runs", "4", &named).await.ok();
        let added = one.in_session(&mut held, "functions/add", "1", &[]).await.ok();
        assert_eq!(added.text(), "7", "{guard}");
        one.in_session(&mut before, "runs", "4", &named).await.ok();
        assert_ne!(before.envelopes, held.envelopes);
        nodes.stop().await;
    }
}

/// The first of two steps that count is done when the caller stops waiting; the second works on what it left.
#[tokio::test]
async fn a_run_of_what_its_client_holds_goes_on_from_what_its_finished_steps_made() {
    let (folder, nodes, one, _) = two_callers(Setup::default()).await;
    let gates = Gated::new(&folder.path().join("gates"));
    let parts = gates.parts(&[("first", &[]), ("last", &["first"])], &["first", "last"]);
    one.deploy_parts(&parts).await.ok();
    let mut held = one.session("gated", "in-client").await;
    gates.open("first");
    let soon = [later("run")[0], later("run")[1], ("fogline-timeout-ms", "1000")];
    let run = accept(&one, &mut held, "", &soon).await;
    let described = ended(&one, &held, &run).await;
    assert_eq!(
        (described.status, described.finished.len()),
        (RunStatus::Failed, 1)
    );
    gates.open("last");
    let answer = one
        .in_session(&mut held, "runs", "", &[("idempotency-key", "run")])
        .await
        .ok();
    assert_eq!((answer.text().as_str(), gates.begun("first")), ("2", 1));
    nodes.stop().await;
}

/// Its caller stopped waiting, and leaves it to the node under the same name.
#[tokio::test]
async fn a_run_that_was_waited_for_in_vain_is_executed_when_it_is_left_to_the_node() {
    let (folder, nodes, one, _) = two_callers(Setup::default()).await;
    let gates = Gated::new(&folder.path().join("gates"));
    let parts = gates.parts(&[("first", &[]), ("last", &["first"])], &["last"]);
    one.deploy_parts(&parts).await.ok();
    let mut held = one.session("gated", "in-edge").await;
    gates.open("first");
    let soon = [("idempotency-key", "run"), ("fogline-timeout-ms", "1000")];
    let cut = one.in_session(&mut held, "runs", "", &soon).await;
    assert_eq!(cut.status, 504, "{}", cut.text());
    let run = accept(&one, &mut held, "", &later("run")).await;
    gates.open("last");
    assert_eq!(result(&one, &held, &run).await, "1");
    assert_eq!(gates.begun("first"), 1, "it goes on from what is done");
    nodes.stop().await;
}

#[tokio::test]
async fn a_run_that_is_left_to_the_node_many_times_at_once_is_executed_once() {
    let (folder, nodes, one, _) = two_callers(Setup::default()).await;
    let gates = Gated::new(&folder.path().join("gates"));
    one.deploy_parts(&gates.parts(&[("step", &[])], &[])).await.ok();
    let held = one.session("gated", "in-edge").await;
    let all = (0..8).map(|_| {
        let (mut held, one) = (held.clone(), &one);
        async move { accept(one, &mut held, "", &later("run")).await }
    });
    let runs = futures_util::future::join_all(all).await;
    gates.open("step");
    // One behind it, so that whatever has a place has been executed.
    let last = accept(&one, &mut held.clone(), "", &later("last")).await;
    result(&one, &held, &last).await;
    assert_eq!(result(&one, &held, &runs[0]).await, "");
    assert_eq!(gates.begun("step"), 2);
    nodes.stop().await;
}

/// `note` writes its input down in a file, and is followed by the example's `count`.
fn two_steps(notes: &std::path::Path) -> Vec<Part> {
    let note = format!(
        "    if request[\"function\"] == \"note\":\n        \
         with open({:?}, \"a\") as file:\n            \
         file.write(base64.b64decode(request[\"input\"]).decode() + \"\\n\")\n        \
         return {{\"output\": request[\"input\"]}}\n",
        notes.display().to_string()
    );
    let steps = "[functions.note]\nprocess = [\"python3\", \"app.py\"]\n\n\
                 [[workflow.steps]]\nname = \"note\"\nfunction = \"note\"\n\n[[workflow.steps]]";
    let manifest = |manifest: &str| manifest.replacen("[[workflow.steps]]", steps, 1);
    program(manifest, &note)
}

/// Its mark says that the client's envelope was used.
#[tokio::test]
async fn a_run_whose_outputs_are_too_large_to_be_joined_gives_its_client_what_the_last_of_them_changed() {
    let (folder, nodes, one, _) = two_callers(Setup::default()).await;
    let gates = Gated::new(&folder.path().join("gates"));
    let steps: [(&str, &[&str]); 3] = [("left", &[]), ("right", &["left"]), ("last", &["left", "right"])];
    let mut parts = gates.parts(&steps, &["right"]);
    for part in &mut parts {
        let text = String::from_utf8(part.bytes.to_vec()).unwrap();
        let text = with_guard("mark")(&text);
        let text = text.replace("'output': value", "'output': request['input']");
        part.bytes = text.into();
    }
    one.deploy_parts(&parts).await.ok();
    let mut held = one.session("gated", "in-client").await;
    for step in ["left", "right"] {
        gates.open(step);
    }
    let input = "x".repeat(8 << 20);
    let run = accept(&one, &mut held, &input, &later("run")).await;
    // Each look at so large a record takes time from the run.
    let result = format!("runs/{run}/result");
    let end = deadline();
    let failed = loop {
        let answer = one.get_in_session(&mut held, &result).await;
        if answer.kind() != "conflict" {
            break answer;
        }
        assert!(Instant::now() < end, "it does not end");
        tokio::time::sleep(Duration::from_millis(200)).await;
    };
    failed.is(413, "too-large");
    one.in_session(&mut held, "functions/right", "", &[]).await.ok();
    nodes.stop().await;
}
