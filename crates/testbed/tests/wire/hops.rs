//! Runs whose steps call each other (R16).
#![expect(clippy::print_stdout, reason = "figures for the manual")]

use std::time::{Duration, Instant};

use data_encoding::BASE64;
use fogline_client::Client;
use fogline_core::model::{AppName, ExecutionModel};
use fogline_node::Limits;
use fogline_protocol::api::{Envelopes, Run};
use tokio::sync::Semaphore;

use super::inbox::{accept, ended as until_ended, result};
use super::rules::{path, two_callers};
use super::support::{Caller, Gated, Held, Meddling, Nodes, Setup, deadline, with_guard};

const HOPS: (&str, &str) = ("fogline-run-by", "hops");

/// A run hop by hop that nobody waits for.
const LATER: [(&str, &str); 3] = [HOPS, ("idempotency-key", "run"), ("prefer", "respond-async")];

/// A chain of four steps whose outputs have 20 kB, each on another node than the one before.
fn chain(manifest: &str) -> String {
    let end = manifest.find("[[workflow.steps]]").unwrap();
    let steps = (1..=4).map(|step| format!("[[workflow.steps]]\nname = \"s{step}\"\nfunction = \"f1\"\n"));
    let chain = format!("{}{}", &manifest[..end], steps.collect::<String>());
    chain.replacen("[application]", "[application]\nplacement = \"round-robin\"", 1)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn outputs_that_go_from_step_to_step_cross_the_network_once() {
    let folder = tempfile::tempdir().unwrap();
    let names = vec!["one", "two", "three", "cloud"];
    let nodes = Nodes::start(
        folder.path(),
        Setup {
            names,
            ..Setup::default()
        },
    )
    .await;
    let caller = Caller::new(nodes.url("one"));
    caller.deploy("figure3", chain).await;
    let client = Client::builder(nodes.url("one")).build().unwrap();
    let app: AppName = "figure3".parse().unwrap();
    let session = client
        .create_session(&app, Some(ExecutionModel::InEdge))
        .await
        .unwrap()
        .session;
    let input = vec![7; 20_000];
    let mut traffic = Vec::new();
    for by_hops in [false, true] {
        let before = nodes.sent();
        for _ in 0..12 {
            let ran = match by_hops {
                false => client.run(&app, &session, input.clone()).await,
                true => client.run_by_hops(&app, &session, input.clone()).await,
            };
            assert!(ran.unwrap().output.len() > 10_000);
        }
        traffic.push(nodes.sent().0 - before.0);
    }
    println!(
        "12 runs of 4 steps: {} bytes by one node, {} hop by hop",
        traffic[0], traffic[1]
    );
    assert!(traffic[1] * 4 < traffic[0] * 3, "{traffic:?}");
    nodes.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_step_that_was_lost_with_its_node_is_fired_again() {
    static DISK: Semaphore = Semaphore::const_new(0);
    let folder = tempfile::tempdir().unwrap();
    let setup = Setup {
        meddling: Meddling::Held(&DISK),
        limits: Limits {
            fire_again_after: Duration::from_millis(50),
            ..Limits::default()
        },
        ..Setup::default()
    };
    let mut nodes = Nodes::start(folder.path(), setup).await;
    let (one, two) = (Caller::new(nodes.url("one")), Caller::new(nodes.url("two")));
    one.deploy("counter", str::to_owned).await;
    let mut held = two.session("counter", "in-function").await;
    let mut same = held.clone();
    let running = tokio::spawn(async move {
        one.in_session(&mut held, "runs", "5", &[HOPS, ("idempotency-key", "run")])
            .await
    });
    // It has come to its owner, and what it writes does not reach the disk.
    let end = deadline();
    loop {
        let metrics = two.send(two.get("/metrics")).await.text();
        if metrics.contains("fogline_owned_sessions 1") {
            break;
        }
        assert!(Instant::now() < end, "{metrics}");
        tokio::task::yield_now().await;
    }
    let (_, ()) = tokio::join!(nodes.stop_node("two"), async { DISK.add_permits(1000) });
    nodes.start_node("two").await;
    assert_eq!(running.await.unwrap().ok().text(), "5");
    let two = Caller::new(nodes.url("two"));
    let peek = two.in_session(&mut same, "functions/peek", "null", &[]).await;
    assert_eq!(peek.ok().text(), "5", "it was executed once");
    nodes.stop().await;
}

#[tokio::test]
async fn a_run_that_fails_in_a_hop_gives_its_client_what_it_has_changed() {
    let folder = tempfile::tempdir().unwrap();
    let nodes = Nodes::start(folder.path(), Setup::default()).await;
    let one = Caller::new(nodes.url("one"));
    let edit = |manifest: &str| {
        let end = manifest.find("[[workflow.steps]]").unwrap();
        let step = |name| format!("[[workflow.steps]]\nname = \"{name}\"\nfunction = \"window\"\n");
        with_guard("mark")(&format!(
            "{}{}{}",
            &manifest[..end],
            step("window"),
            step("again")
        ))
    };
    one.deploy("sensor", edit).await;
    let mut held = one.session("sensor", "in-client").await;
    let failed = one.in_session(&mut held, "runs", "20.5", &[HOPS]).await;
    assert_eq!(failed.kind(), "invalid-input", "{}", failed.text());
    assert!(failed.text().contains("\"step\":\"again\""), "{}", failed.text());
    let next = one
        .in_session(&mut held, "functions/window", "20.5", &[])
        .await
        .ok();
    assert!(
        next.text().contains("\"count\":1"),
        "the first step counts: {}",
        next.text()
    );
    let unknown = one
        .in_session(&mut held, "runs", "1", &[("fogline-run-by", "magic")])
        .await;
    assert_eq!(unknown.kind(), "bad-request");
    nodes.stop().await;
}

/// Waits until the record of a run has the output of a step.
async fn recorded(caller: &Caller, held: &Held, run: &str, step: &str) {
    let end = deadline();
    loop {
        let described = caller
            .send(caller.get(&format!("{}/runs/{run}", path(held))))
            .await;
        let run: Run = described.ok().json();
        if run.finished.iter().any(|finished| finished.as_str() == step) {
            return;
        }
        assert!(Instant::now() < end, "{step} is not recorded: {run:?}");
        tokio::task::yield_now().await;
    }
}

/// The result of a run, once it has one, of a session that is with its client.
async fn with_envelopes(caller: &Caller, held: &Held, run: &str) -> String {
    result(caller, held, run).await;
    let result = caller.get(&format!("{}/runs/{run}/result", path(held)));
    let result = caller
        .send(result.header("accept", "application/json"))
        .await
        .ok();
    let output = result.json::<Envelopes>().output;
    String::from_utf8(BASE64.decode(output.as_bytes()).unwrap()).unwrap()
}

/// Two ways lead to the join, and one of them makes the state anew: the join works on that, whichever comes first.
#[tokio::test]
async fn of_two_envelopes_of_a_state_a_join_takes_the_one_that_was_made_later() {
    for order in [["left", "right"], ["right", "left"]] {
        let (folder, nodes, one, _) = two_callers(Setup::default()).await;
        let gates = Gated::new(&folder.path().join("gates"));
        let steps: [(&str, &[&str]); 4] = [
            ("first", &[]),
            ("left", &["first"]),
            ("right", &["first"]),
            ("last", &["left", "right"]),
        ];
        let parts = gates.parts(&steps, &["first", "left", "last"]);
        one.deploy_parts(&parts).await.ok();
        let mut held = one.session("gated", "in-client").await;
        for step in ["first", "last"] {
            gates.open(step);
        }
        let run = accept(&one, &mut held, "", &LATER).await;
        gates.open(order[0]);
        recorded(&one, &held, &run, order[0]).await;
        gates.open(order[1]);
        assert_eq!(with_envelopes(&one, &held, &run).await, "3", "{order:?}");
        nodes.stop().await;
    }
}

/// One of two ways from a step has come to the record; what it has made of the client's state is there too.
#[tokio::test]
async fn what_comes_before_a_fork_is_not_executed_again_while_one_of_the_ways_is_awaited() {
    let (folder, mut nodes, one, _) = two_callers(Setup::default()).await;
    let gates = Gated::new(&folder.path().join("gates"));
    let steps: [(&str, &[&str]); 3] = [("first", &[]), ("short", &["first"]), ("long", &["first"])];
    one.deploy_parts(&gates.parts(&steps, &["first"])).await.ok();
    let mut held = one.session("gated", "in-client").await;
    for step in ["first", "short"] {
        gates.open(step);
    }
    let run = accept(&one, &mut held, "", &LATER).await;
    for step in ["first", "short"] {
        recorded(&one, &held, &run, step).await;
    }
    // Its record begins with firing what it does not have.
    nodes.stop_node("one").await;
    nodes.start_node("one").await;
    gates.open("long");
    let one = Caller::new(nodes.url("one"));
    result(&one, &held, &run).await;
    one.in_session(&mut held, "runs", "", &LATER[..2]).await.ok();
    let next = one.in_session(&mut held, "functions/first", "", &[]).await;
    assert_eq!((next.ok().text().as_str(), gates.begun("first")), ("2", 2));
    nodes.stop().await;
}

/// Nobody keeps replies for a client without a mark: what a run has not recorded is executed again when it goes on.
#[tokio::test]
async fn a_step_of_a_run_that_goes_on_works_on_what_came_before_it() {
    let (_folder, nodes, one, _) = two_callers(Setup::default()).await;
    let edit = |manifest: &str| {
        let end = manifest.find("[[workflow.steps]]").unwrap();
        let step = |name| format!("[[workflow.steps]]\nname = \"{name}\"\nfunction = \"window\"\n");
        format!("{}{}{}", &manifest[..end], step("window"), step("again"))
    };
    one.deploy("sensor", edit).await;
    let mut held = one.session("sensor", "in-client").await;
    let run = accept(&one, &mut held, "20.5", &LATER).await;
    let path = format!("runs/{run}/result");
    until_ended(&one, &held, &run).await;
    for _ in 0..2 {
        let failed = one.in_session(&mut held, "runs", "20.5", &LATER[..2]).await;
        assert_eq!(failed.kind(), "invalid-input", "{}", failed.text());
    }
    let failed = one.get_in_session(&mut held, &path).await;
    assert_eq!(failed.kind(), "invalid-input", "{}", failed.text());
    let next = one.in_session(&mut held, "functions/window", "20.5", &[]).await;
    let next = next.ok().text();
    assert!(next.contains("\"count\":1"), "the first step counts once: {next}");
    nodes.stop().await;
}

/// A step that was lost is executed again, and its two outcomes go different ways.
#[tokio::test]
async fn a_request_that_is_executed_twice_on_the_same_states_makes_no_fork() {
    let (_folder, nodes, one, two) = two_callers(Setup::default()).await;
    one.deploy("sensor", str::to_owned).await;
    let mut held = one.session("sensor", "in-client").await;
    let mut again = held.clone();
    for held in [&mut held, &mut again] {
        let name = [("idempotency-key", "once")];
        one.in_session(held, "functions/window", "20.5", &name).await.ok();
    }
    assert_ne!(held.envelopes["window"], again.envelopes["window"]);
    let reading = r#"{"value": 99.0, "count": 32, "mean": 20.0, "deviation": 0.1}"#;
    one.in_session(&mut held, "functions/detect", reading, &[])
        .await
        .ok();
    held.envelopes
        .insert("window".to_owned(), again.envelopes["window"].clone());
    two.convert(&mut held, "external", &[]).await.ok();
    nodes.stop().await;
}

/// The record has not heard of a step for a while, and sends it once more to the node that executes it.
#[tokio::test]
async fn a_step_that_is_under_way_at_a_node_is_not_begun_there_again() {
    let folder = tempfile::tempdir().unwrap();
    let setup = Setup {
        limits: Limits {
            fire_again_after: Duration::from_millis(100),
            ..Limits::default()
        },
        ..Setup::one_worker()
    };
    let nodes = Nodes::start(folder.path(), setup).await;
    let cloud = Caller::new(nodes.url("cloud"));
    let gates = Gated::new(&folder.path().join("gates"));
    let parts = gates.parts(&[("slow", &[]), ("quick", &[])], &[]);
    cloud.deploy_parts(&parts).await.ok();
    gates.open("quick");
    let mut held = cloud.session("gated", "in-edge").await;
    let mut same = held.clone();
    let input = "x".repeat(100_000);
    let before = nodes.received("one");
    let run = async { cloud.in_session(&mut held, "runs", input.clone(), &[HOPS]).await };
    let sent_thrice = async {
        let end = deadline();
        // The other step is sent once.
        while nodes.received("one") < before + 4 * input.len() as u64 {
            assert!(Instant::now() < end, "it is not sent again");
            tokio::task::yield_now().await;
        }
        // What came before this is taken.
        cloud.in_session(&mut same, "functions/quick", "", &[]).await.ok();
        gates.open("slow");
    };
    let (ran, ()) = tokio::join!(run, sent_thrice);
    assert!(ran.ok().body.len() > 2 * input.len(), "both outputs");
    assert_eq!(gates.begun("slow"), 1);
    nodes.stop().await;
}

/// A step without states leaves nothing in any session: that it has finished is known from the run's record alone.
#[tokio::test]
async fn a_step_that_the_record_has_is_not_executed_again_after_a_restart() {
    let (folder, mut nodes, one, _) = two_callers(Setup::default()).await;
    let gates = Gated::new(&folder.path().join("gates"));
    let steps: [(&str, &[&str]); 3] = [("first", &[]), ("next", &["first"]), ("last", &["first", "next"])];
    one.deploy_parts(&gates.parts(&steps, &["last"])).await.ok();
    let mut held = one.session("gated", "in-edge").await;
    for step in ["first", "last"] {
        gates.open(step);
    }
    let run = accept(&one, &mut held, "", &LATER).await;
    recorded(&one, &held, &run, "first").await;
    nodes.stop_node("one").await;
    gates.open("next");
    nodes.start_node("one").await;
    let one = Caller::new(nodes.url("one"));
    assert_eq!(result(&one, &held, &run).await, "1");
    assert_eq!(gates.begun("first"), 1);
    nodes.stop().await;
}

/// A session is on its way to its client, who has not got it: the step that finds it so brings it.
#[tokio::test]
async fn the_states_that_a_step_is_refused_with_come_to_the_client() {
    let (_folder, nodes, one, two) = two_callers(Setup::default()).await;
    one.deploy("counter", str::to_owned).await;
    let mut held = two.session("counter", "in-edge").await;
    two.in_session(&mut held, "functions/add", "5", &[]).await.ok();
    // What is handed over is thrown away.
    two.convert(&mut held.clone(), "in-client", &[]).await.ok();
    let refused = one.in_session(&mut held, "runs", "1", &[HOPS]).await;
    refused.is(409, "moving-to-client");
    assert!(!held.envelopes.is_empty(), "they come with the refusal");
    let ran = one.in_session(&mut held, "runs", "1", &[HOPS]).await;
    assert_eq!(ran.ok().text(), "6");
    nodes.stop().await;
}
