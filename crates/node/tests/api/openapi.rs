//! The description says what the node does.

use fogline_protocol::problem::{Kind, Problem};
use reqwest::Method;
use serde_json::Value;

use crate::call::{Server, send};

const METHODS: [Method; 5] = [
    Method::GET,
    Method::POST,
    Method::PUT,
    Method::DELETE,
    Method::PATCH,
];

#[tokio::test(flavor = "multi_thread")]
async fn what_is_described_is_served_and_nothing_else_is() {
    let server = Server::with(&[]).await;
    let document: Value = server.get("/openapi.json").await.status(200).json();
    let paths = document["paths"].as_object().unwrap();
    for (path, methods) in paths {
        let concrete = path.replace(['{', '}'], "");
        for method in METHODS {
            let answer = send(server.ask(method.clone(), &concrete)).await;
            let problem: Option<Problem> = serde_json::from_slice(&answer.body).ok();
            let kind = problem.as_ref().map(|problem| problem.kind);
            let served = kind != Some(Kind::MethodNotAllowed);
            let described = methods.get(method.as_str().to_lowercase()).is_some();
            assert_eq!(served, described, "{method} {path}: {problem:?}");
            assert!(
                problem.is_none_or(|problem| !problem.title.starts_with("there is nothing at")),
                "{path}"
            );
        }
    }
    server.stop().await;
}
