//! Applications with programs: who may have them, and how a node starts that has them.
#![expect(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

use std::time::{Duration, Instant};

use fogline_node::{Limits, Operator, Options, Tenants, start};
use fogline_protocol::multipart::Part;
use fogline_protocol::problem::Kind;
use reqwest::Method;

use crate::call::{Server, send};
use crate::node;

/// The example in Python, with something before its program, as it would be deployed.
fn example(version: &str, before: &str) -> (String, bytes::Bytes) {
    let folder = node::root().join("functions/process-python");
    let file = |name: &str| std::fs::read_to_string(folder.join(name)).unwrap();
    let manifest = file("fogline.toml").replace("version = \"0.1.0\"", &format!("version = \"{version}\""));
    node::form(&[
        Part::new("manifest", manifest),
        Part::new("app.py", format!("{before}\n{}", file("app.py"))),
    ])
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tenant_with_a_token_has_programs_only_if_the_operator_says_so() {
    let tenants = Tenants::with_tokens(["red", "blue"].map(|name| (name.parse().unwrap(), name.to_owned())));
    let limits = Limits {
        processes: ["blue".parse().unwrap()].into(),
        ..Limits::default()
    };
    let folder = tempfile::tempdir().unwrap();
    let options = Options {
        limits,
        ..node::options(folder.path(), (tenants, Operator::Nobody), false)
    };
    let node = start(options).await.unwrap();
    let deploy = async |token: &str| {
        let (content_type, body) = example("0.1.0", "");
        let asked = reqwest::Client::new().post(format!("http://{}/v1/apps", node.http()));
        let asked = asked.header("content-type", content_type).bearer_auth(token);
        send(asked.body(body)).await
    };
    let problem = deploy("red").await.problem(Kind::NotDeployable);
    assert!(problem.title.contains("red may not run processes"), "{problem}");
    assert!(!folder.path().join("apps/red").exists(), "nothing is laid out");
    deploy("blue").await.status(200);
    node.stop().await;
}

/// Restarts a node with a program that the second time does this instead of serving, and that replaced one that serves.
async fn starts_without(what: &str) {
    let server = Server::with(&["counter"]).await;
    let folder = tempfile::tempdir().unwrap();
    let started = folder.path().join("started");
    let once = format!(
        "import os, time\nif os.path.exists({started:?}): {what}\nopen({started:?}, \"w\").close()\n"
    );
    for (version, before) in [("0.1.0", ""), ("0.2.0", &once)] {
        let (content_type, body) = example(version, before);
        let asked = server.ask(Method::POST, "/v1/apps");
        send(asked.header("content-type", content_type).body(body))
            .await
            .status(200);
    }
    let since = Instant::now();
    let server = server.again().await;
    assert!(
        since.elapsed() < Duration::from_secs(15),
        "it waited for the program"
    );
    server.session("counter", "in-edge").await;
    server.get("/v1/apps/words").await.problem(Kind::RollingOut);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_starts_without_a_program_that_hangs() {
    starts_without("time.sleep(3600)").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_older_version_takes_the_place_of_a_program_that_ends() {
    starts_without("os._exit(1)").await;
}
