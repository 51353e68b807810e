//! How a node says how it is.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use fogline_node::{Operator, Tenants};
use fogline_protocol::multipart::{self, Part};
use reqwest::Method;

use crate::call::{Server, send};
use crate::node::{self, form, root};

/// What moves on a node alone; bytes exchanged with peers need some.
const MOVING: [&str; 19] = [
    "fogline_requests_total{status=\"200\"}",
    "fogline_requests_total{status=\"201\"}",
    "fogline_requests_total{status=\"404\"}",
    "fogline_request_seconds_count",
    "fogline_request_seconds_sum",
    "faas_invocations_total{tenant=\"local\"}",
    "faas_errors_total{tenant=\"local\"}",
    "faas_coldstarts_total{tenant=\"local\"}",
    "faas_invoke_duration_seconds_count{tenant=\"local\"}",
    "fogline_queue_wait_seconds_count{tenant=\"local\"}",
    "fogline_state_access_seconds_count{tenant=\"local\",model=\"in-edge\",access=\"load\"}",
    "fogline_state_access_seconds_sum{tenant=\"local\",model=\"in-edge\",access=\"commit\"}",
    "fogline_commits_total{tenant=\"local\",model=\"external\"}",
    "fogline_commits_total{tenant=\"local\",model=\"in-edge\"}",
    "fogline_commits_total{tenant=\"local\",model=\"in-function\"}",
    "fogline_conflicts_total{tenant=\"local\",model=\"in-edge\"}",
    "fogline_move_pause_seconds_count{from=\"in-edge\",to=\"external\"}",
    "fogline_owned_sessions",
    "fogline_rebases_total{tenant=\"local\",model=\"in-edge\"}",
];

const REBASES: &str = "fogline_rebases_total{tenant=\"local\",model=\"in-edge\"}";
const CONFLICTS: &str = "fogline_conflicts_total{tenant=\"local\",model=\"in-edge\"}";

type Samples = BTreeMap<String, f64>;

/// The samples of a text in the OpenMetrics format, by name and labels.
fn samples(text: &str) -> Samples {
    let text = text.strip_suffix("# EOF\n").expect("the text is whole");
    let mut samples = Samples::new();
    let mut typed = Vec::new();
    for line in text.lines() {
        if let Some(comment) = line.strip_prefix("# ") {
            let mut words = comment.split(' ');
            let (what, name) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
            assert!(["HELP", "TYPE", "UNIT"].contains(&what), "{line}");
            if what == "TYPE" {
                assert!(!typed.contains(&name), "{name} stands there twice");
                typed.push(name);
            }
            continue;
        }
        let (name, value) = line.rsplit_once(' ').expect("a sample has a value");
        assert!(
            typed.iter().any(|typed| name.starts_with(typed)),
            "{line} has no type"
        );
        let value = value.parse().expect("a value is a number");
        assert_eq!(
            samples.insert(name.to_owned(), value),
            None,
            "{line} stands there twice"
        );
    }
    samples
}

async fn metrics(server: &Server) -> Samples {
    let answer = server.get("/metrics").await.status(200);
    let media_type = answer.header("content-type").expect("it has a media type");
    assert!(
        media_type.starts_with("application/openmetrics-text; version=1.0.0"),
        "{media_type}"
    );
    samples(&answer.text())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_runs_is_live_and_ready() {
    let server = Server::with(&[]).await;
    assert_eq!(server.get("/livez").await.status(200).text(), "live\n");
    assert_eq!(server.get("/readyz").await.status(200).text(), "ready\n");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_metric_moves_when_what_it_counts_happens() {
    let server = Server::with(&["counter"]).await;
    let two_states = |manifest: &str| format!("{manifest}\n[states.other]\nsize = \"8 B\"\n");
    server.deploy("counter", two_states).await.status(200);
    let before = metrics(&server).await;
    for model in ["external", "in-edge", "in-function"] {
        let session = server.session("counter", model).await;
        for _ in 0..2 {
            let answer = server.post(&format!("{session}/functions/add"), "1").await;
            answer.status(200);
        }
    }
    server.get("/v1/apps/none").await.status(404);
    let session = server.session("counter", "in-edge").await;
    server
        .post(&format!("{session}/functions/add"), "no number")
        .await
        .status(422);
    server
        .post(&format!("{session}/convert"), "{\"to\": \"external\"}")
        .await
        .status(200);
    // Conflicts need several at once, and what is committed all the same, states that others do not write.
    let session = server.session("counter", "in-edge").await;
    let path = format!("{session}/functions/add");
    let mut sets = 0.0;
    for _ in 0..50 {
        sets += 8.0;
        let adding = futures_util::future::join_all((0..8).map(|_| server.post(&path, "1")));
        let other = format!("{session}/states/other");
        let setting = futures_util::future::join_all((0..8).map(|_| server.put(&other, "x")));
        tokio::join!(adding, setting);
        let now = metrics(&server).await;
        if now[CONFLICTS] > 0.0 && now[REBASES] > 0.0 {
            break;
        }
    }
    let after = metrics(&server).await;
    let value = |samples: &Samples, name: &str| samples.get(name).copied().unwrap_or(0.0);
    let moved = |name: &str| value(&after, name) - value(&before, name);
    for name in MOVING {
        assert!(moved(name) > 0.0, "{name} has not moved: {after:#?}");
    }
    assert_eq!(moved("fogline_owned_sessions"), 1.0);
    assert_eq!(
        moved("fogline_commits_total{tenant=\"local\",model=\"in-function\"}"),
        2.0
    );
    let total = server.get(&format!("{session}/states/total")).await.status(200);
    let counted: f64 = total.text().parse().unwrap();
    let commits = moved("fogline_commits_total{tenant=\"local\",model=\"in-edge\"}");
    assert_eq!(
        commits,
        2.0 + counted + sets,
        "one commit for each addition and setting"
    );
    are_on_the_page(&after);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tenant_sees_its_own_figures_and_the_operator_those_of_all() {
    let tenants = ["red", "blue"].map(|name| (name.parse().unwrap(), format!("{name}-token")));
    let who = (Tenants::with_tokens(tenants), Operator::with_token("operator"));
    let folder = tempfile::tempdir().unwrap();
    let node = node::node(folder.path(), who, false, None).await;
    let url = format!("http://{}/metrics", node.http());
    for (token, seen) in [
        ("red-token", ["red"].as_slice()),
        ("blue-token", &["blue"]),
        ("operator", &["blue", "others", "red"]),
    ] {
        let asked = reqwest::Client::new()
            .get(&url)
            .bearer_auth(token)
            .send()
            .await
            .unwrap();
        let samples = samples(&asked.text().await.unwrap());
        let labels = samples
            .keys()
            .filter_map(|name| name.split("tenant=\"").nth(1)?.split('"').next());
        let tenants: BTreeSet<&str> = labels.collect();
        assert_eq!(tenants.into_iter().collect::<Vec<_>>(), seen);
        assert!(samples.contains_key("fogline_owned_sessions"));
    }
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_whose_execution_fails_was_made_too() {
    let server = Server::with(&["faults"]).await;
    let echoed = server.post("/v1/apps/faults/functions/echo", "1").await;
    echoed.status(200);
    let counted = async |name: &str| metrics(&server).await[&format!("{name}{{tenant=\"local\"}}")];
    for (failed, fault) in ["panic", "endless-loop", "memory-bomb", "big-output"]
        .into_iter()
        .enumerate()
    {
        let path = format!("/v1/apps/faults/functions/{fault}");
        server.post(&path, "100000").await.status(502);
        assert_eq!(counted("faas_errors_total").await, failed as f64 + 1.0);
        assert_eq!(
            counted("faas_coldstarts_total").await,
            failed as f64 + 2.0,
            "{fault}"
        );
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_no_route_is_for_is_counted_too() {
    let server = Server::with(&[]).await;
    server.get("/v1/nothing").await.status(404);
    server.get("/v1/apps/%ff").await.status(400);
    send(server.ask(Method::PATCH, "/v1/apps")).await.status(405);
    let counted = metrics(&server).await;
    for status in [400, 404, 405] {
        let name = format!("fogline_requests_total{{status=\"{status}\"}}");
        assert_eq!(counted.get(&name), Some(&1.0), "{counted:#?}");
    }
    server.stop().await;
}

/// So many bytes that do not compress: more than a head has room for.
fn noise() -> Bytes {
    let mut word = 1_u64;
    let mut next = || {
        // Marsaglia's xorshift64.
        word ^= word << 13;
        word ^= word >> 7;
        word ^= word << 17;
        word.to_le_bytes()[3]
    };
    (0..5000).map(|_| next()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn bytes_that_are_written_and_read_are_counted_under_their_model() {
    let server = Server::with(&["counter", "basket"]).await;
    let before = metrics(&server).await;
    for model in ["external", "in-edge", "in-function"] {
        let state = format!("{}/states/total", server.session("counter", model).await);
        server.put(&state, noise()).await.status(200);
        assert_eq!(server.get(&state).await.status(200).body, noise());
    }
    let (session, envelopes) = server.held("basket").await;
    let state = format!("{session}/states/basket");
    let (content_type, body) = form(&[&[Part::new(multipart::VALUE, noise())][..], &envelopes].concat());
    let put = server
        .ask(Method::PUT, &state)
        .header("content-type", content_type);
    let parts = send(put.body(body)).await.status(200).parts().await;
    let held = [Part::new("state.basket", parts["state.basket"].clone())];
    let opened = send(server.in_parts(&format!("{state}/open"), "", &held)).await;
    assert_eq!(opened.status(200).body, noise());
    let after = metrics(&server).await;
    for model in ["external", "in-edge", "in-function", "in-client"] {
        for metric in ["fogline_commit_bytes_total", "fogline_state_moved_bytes_total"] {
            let name = format!("{metric}{{tenant=\"local\",model=\"{model}\"}}");
            let counted = after[&name] - before.get(&name).copied().unwrap_or_default();
            // With heads, which are small.
            assert!((5000.0..7000.0).contains(&counted), "{name}: {counted}");
        }
    }
    server.stop().await;
}

fn are_on_the_page(samples: &Samples) {
    let page = std::fs::read_to_string(root().join("docs/src/api.md")).expect("there is a page");
    for sample in samples.keys() {
        let name = sample.split('{').next().unwrap_or_default();
        let of_histogram = ["_bucket", "_count", "_sum"];
        let name = of_histogram
            .iter()
            .find_map(|end| name.strip_suffix(end))
            .unwrap_or(name);
        assert!(
            page.contains(&format!("| `{name}")),
            "{name} is not on the page on the API"
        );
    }
}
