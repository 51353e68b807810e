//! Runs of a workflow: waited for, accepted, and asked about.

use std::time::{Duration, Instant};

use fogline_protocol::api::{Run, RunStatus};
use fogline_protocol::problem::Kind;
use reqwest::Method;

use crate::call::{Answer, Server, send};

/// How long an accepted run may take to end.
const PATIENCE: Duration = Duration::from_secs(30);

#[tokio::test(flavor = "multi_thread")]
async fn an_accepted_run_is_executed_later_and_its_result_is_kept() {
    let server = Server::with(&["counter"]).await;
    let session = server.session("counter", "in-edge").await;
    let accept = || {
        let request = server
            .ask(Method::POST, &format!("{session}/runs"))
            .header("prefer", "respond-async, wait=1");
        request.header("idempotency-key", "r").body("4")
    };
    let accepted = send(accept()).await.status(202);
    let run: Run = accepted.json();
    let location = accepted.header("location").unwrap().to_owned();
    assert_eq!(location, format!("{session}/runs/{}", run.run));
    let ended = ended(&server, &location).await;
    assert_eq!((ended.status, ended.finished.len()), (RunStatus::Done, 1));
    assert_eq!(
        server.get(&format!("{location}/result")).await.status(200).text(),
        "4"
    );
    let again: Run = send(accept()).await.status(202).json();
    assert_eq!((again.run, again.status), (run.run, RunStatus::Done));
    assert_eq!(
        server
            .get(&format!("{session}/states/total"))
            .await
            .status(200)
            .text(),
        "4"
    );

    let other = server.session("counter", "in-edge").await;
    server
        .get(&format!("{other}/runs/{}", run.run))
        .await
        .problem(Kind::NotFound);
    server
        .get(&format!("{other}/runs/{}/result", run.run))
        .await
        .problem(Kind::NotFound);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_with_a_key_is_executed_once() {
    let server = Server::with(&["counter"]).await;
    let session = server.session("counter", "in-function").await;
    let run = |key: &str, input: &str| {
        let request = server.ask(Method::POST, &format!("{session}/runs"));
        request.header("idempotency-key", key).body(input.to_owned())
    };
    assert_eq!(send(run("k", "4")).await.status(200).text(), "4");
    assert_eq!(send(run("k", "4")).await.status(200).text(), "4");
    send(run("k", "5")).await.problem(Kind::KeyReused);
    assert_eq!(send(run("l", "5")).await.status(200).text(), "9");
    send(run(&"k".repeat(256), "5")).await.problem(Kind::BadRequest);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_is_waited_for_says_its_id() {
    let server = Server::with(&["counter"]).await;
    for by in ["node", "hops"] {
        let session = server.session("counter", "in-edge").await;
        let run = async |key: &str, input: &str| {
            let request = server.ask(Method::POST, &format!("{session}/runs"));
            let request = request
                .header("fogline-run-by", by)
                .header("idempotency-key", key);
            let answer = send(request.body(input.to_owned())).await;
            let id = answer.header("fogline-run").expect("it says its id").to_owned();
            (answer, id)
        };
        let (ran, id) = run("a", "4").await;
        ran.status(200);
        let described: Run = server
            .get(&format!("{session}/runs/{id}"))
            .await
            .status(200)
            .json();
        assert_eq!(
            (described.run.to_string(), described.status),
            (id.clone(), RunStatus::Done)
        );
        let result = server.get(&format!("{session}/runs/{id}/result")).await;
        assert_eq!(result.header("fogline-run"), Some(&*id));
        let (failed, other) = run("b", "x").await;
        failed.problem(Kind::InvalidInput);
        assert_ne!(other, id);
        let failed = server.get(&format!("{session}/runs/{other}/result")).await;
        assert_eq!(failed.header("fogline-run"), Some(&*other), "{by}");
        let unnamed = server.post(&format!("{session}/runs"), "1").await;
        assert!(unnamed.header("fogline-run").is_some_and(|third| third != id));
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_answer_to_a_run_says_what_it_shows_of_the_session() {
    let server = Server::with(&["counter"]).await;
    for by in ["node", "hops"] {
        let session = server.session("counter", "in-function").await;
        let run = async |key: &str| {
            let request = server.ask(Method::POST, &format!("{session}/runs"));
            let request = request.header("fogline-run-by", by);
            send(request.header("idempotency-key", key).body("4"))
                .await
                .status(200)
        };
        let told = |answer: &Answer| {
            [
                "fogline-seen",
                "fogline-model",
                "fogline-node",
                "fogline-replayed",
            ]
            .map(|header| answer.header(header).unwrap_or_default().to_owned())
        };
        run("a").await;
        let second = run("b").await;
        assert_eq!(told(&second), ["0.2.2", "in-function", "edge-1", ""], "{by}");
        // It may be elsewhere since.
        let again = run("b").await;
        assert_eq!(told(&again), ["0.2.2", "", "edge-1", "true"], "{by}");
        assert_eq!(again.header("fogline-execution-us"), None);
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_fails_names_its_step() {
    let server = Server::with(&["counter"]).await;
    let session = server.session("counter", "in-edge").await;
    let problem = server
        .post(&format!("{session}/runs"), "x")
        .await
        .problem(Kind::InvalidInput);
    assert_eq!(problem.step.as_deref(), Some("add"));
    let accept = server
        .ask(Method::POST, &format!("{session}/runs"))
        .header("prefer", "respond-async");
    let accepted = send(accept.body("x")).await.status(202);
    let location = accepted.header("location").unwrap().to_owned();
    let ended = ended(&server, &location).await;
    assert_eq!(ended.status, RunStatus::Failed);
    assert_eq!(ended.problem.unwrap().step.as_deref(), Some("add"));
    server
        .get(&format!("{location}/result"))
        .await
        .problem(Kind::InvalidInput);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_run_is_accepted_for_a_session_that_is_not_there() {
    let server = Server::with(&["counter"]).await;
    let session = server.session("counter", "in-edge").await;
    let accept = |session: &str| {
        send(
            server
                .ask(Method::POST, &format!("{session}/runs"))
                .header("prefer", "respond-async")
                .body("1"),
        )
    };
    let missing = format!("{}{}", &session[..session.len() - 26], "a".repeat(26));
    accept(&missing).await.problem(Kind::NotFound);
    send(server.ask(Method::DELETE, &session)).await.status(204);
    accept(&session).await.problem(Kind::Gone);
    server.stop().await;
}

async fn ended(server: &Server, location: &str) -> Run {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let run: Run = server.get(location).await.status(200).json();
        if run.status != RunStatus::Accepted {
            return run;
        }
        assert!(Instant::now() < deadline, "the run has not ended: {run:?}");
        tokio::task::yield_now().await;
    }
}
