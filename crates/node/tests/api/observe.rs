//! How a node says how it is.

use std::collections::BTreeMap;

use crate::call::{Server, send};
use crate::node::root;

/// The samples of a text in the OpenMetrics format, by name and labels.
fn samples(text: &str) -> BTreeMap<String, f64> {
    let (text, end) = text.split_at(text.len() - "# EOF\n".len());
    assert_eq!(end, "# EOF\n");
    let mut samples = BTreeMap::new();
    let mut typed = Vec::new();
    for line in text.lines() {
        if let Some(comment) = line.strip_prefix("# ") {
            let mut words = comment.split(' ');
            let (what, name) = (words.next().unwrap(), words.next().unwrap().to_owned());
            assert!(["HELP", "TYPE", "UNIT"].contains(&what), "{line}");
            if what == "TYPE" {
                assert!(!typed.contains(&name), "{name} stands there twice");
                typed.push(name);
            }
            continue;
        }
        let (name, value) = line.rsplit_once(' ').unwrap();
        let of = name.split('{').next().unwrap();
        assert!(
            typed.iter().any(|typed| of.starts_with(typed.as_str())),
            "{line} has no type"
        );
        assert_eq!(
            samples.insert(name.to_owned(), value.parse().unwrap()),
            None,
            "{line} stands there twice"
        );
    }
    samples
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
    let metrics = async || {
        let answer = server.get("/metrics").await.status(200);
        assert!(
            answer
                .header("content-type")
                .unwrap()
                .starts_with("application/openmetrics-text; version=1.0.0")
        );
        samples(&answer.text())
    };
    let before = metrics().await;
    for model in ["external", "in-edge", "in-function"] {
        let session = server.session("counter", model).await;
        for _ in 0..2 {
            server
                .post(&format!("{session}/functions/add"), "1")
                .await
                .status(200);
        }
    }
    server.get("/v1/apps/none").await.status(404);
    // Conflicts need several at once.
    let session = server.session("counter", "in-edge").await;
    let path = format!("{session}/functions/add");
    for _ in 0..50 {
        futures_util::future::join_all((0..8).map(|_| server.post(&path, "1"))).await;
        if metrics()
            .await
            .contains_key("fogline_conflicts_total{model=\"in-edge\"}")
        {
            break;
        }
    }
    let after = metrics().await;
    let moved =
        |name: &str| after.get(name).copied().unwrap_or(0.0) - before.get(name).copied().unwrap_or(0.0);
    for name in [
        "fogline_requests_total{status=\"200\"}",
        "fogline_requests_total{status=\"201\"}",
        "fogline_requests_total{status=\"404\"}",
        "fogline_request_seconds_count",
        "fogline_request_seconds_sum",
        "fogline_executions_total",
        "fogline_cold_starts_total",
        "fogline_execution_seconds_count",
        "fogline_commits_total{model=\"external\"}",
        "fogline_commits_total{model=\"in-edge\"}",
        "fogline_commits_total{model=\"in-function\"}",
        "fogline_commit_bytes_total{model=\"in-function\"}",
        "fogline_conflicts_total{model=\"in-edge\"}",
        "fogline_state_moved_bytes_total{model=\"external\"}",
        "fogline_owned_sessions",
    ] {
        assert!(moved(name) > 0.0, "{name} has not moved: {after:#?}");
    }
    assert_eq!(moved("fogline_owned_sessions"), 1.0);
    assert_eq!(moved("fogline_commits_total{model=\"in-function\"}"), 2.0);
    let page = std::fs::read_to_string(root().join("docs/src/api.md")).unwrap();
    let kinds = ["_bucket", "_count", "_sum"];
    for sample in after.keys() {
        let name = sample.split('{').next().unwrap();
        let name = kinds
            .iter()
            .find_map(|kind| name.strip_suffix(kind))
            .unwrap_or(name);
        assert!(
            page.contains(&format!("| `{name}")),
            "{name} is not on the page on the API"
        );
    }
    let total = send(server.ask(reqwest::Method::GET, &format!("{session}/states/total")))
        .await
        .status(200);
    let counted: f64 = total.text().parse().unwrap();
    assert_eq!(
        moved("fogline_commits_total{model=\"in-edge\"}"),
        2.0 + counted,
        "one commit for each addition"
    );
    server.stop().await;
}
