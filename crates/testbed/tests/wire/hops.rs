//! Runs whose steps call each other (R16).
#![expect(clippy::print_stdout, reason = "figures for the manual")]

use std::time::Duration;

use fogline_client::Client;
use fogline_core::model::{AppName, ExecutionModel};
use fogline_node::Limits;
use tokio::sync::Semaphore;

use super::support::{Caller, Meddling, Nodes, Setup, deadline, with_guard};

const HOPS: (&str, &str) = ("fogline-run-by", "hops");

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
        assert!(std::time::Instant::now() < end, "{metrics}");
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
