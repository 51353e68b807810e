//! How answers come: alone, in parts, as JSON.

use fogline_core::model::ExecutionModel;
use fogline_protocol::api::{App, Apps, Envelopes, Logs, Session, Sessions, States};
use fogline_protocol::multipart::Part;
use reqwest::Method;

use crate::call::{Server, send};

#[tokio::test(flavor = "multi_thread")]
async fn whoever_holds_states_gets_them_back_in_parts_or_as_json() {
    let server = Server::with(&["basket"]).await;
    let (session, envelopes) = server.held("basket").await;
    let add = format!("{session}/functions/add");
    let answer = send(server.in_parts(&add, "{\"item\": \"tea\", \"quantity\": 2}", &envelopes))
        .await
        .status(200);
    assert!(
        answer
            .header("content-type")
            .unwrap()
            .starts_with("multipart/mixed; boundary=")
    );
    assert_eq!(answer.header("fogline-model"), Some("in-client"));
    let parts = answer.parts().await;
    assert_eq!((&parts["output"][..], parts.len()), (&b"2"[..], 2));
    let held = [Part::new("state.basket", parts["state.basket"].clone())];

    for accept in [
        "application/json",
        "application/json, text/plain, */*",
        "application/json;q=0.9",
    ] {
        let request = server
            .in_parts(&add, "{\"item\": \"milk\"}", &held)
            .header("accept", accept);
        let answer: Envelopes = send(request).await.status(200).json();
        assert_eq!(answer.output, "MQ==", "1 in base64");
        assert_eq!(answer.states.len(), 1);
    }
    let open = send(server.in_parts(&format!("{session}/states/basket/open"), "", &held))
        .await
        .status(200);
    assert_eq!(open.text(), "{\"tea\":2}");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_says_where_and_on_what_it_was_made() {
    let server = Server::with(&["counter"]).await;
    for (model, letter) in [("external", 'x'), ("in-edge", 'e'), ("in-function", 'f')] {
        let session = server.session("counter", model).await;
        assert!(session.contains(&format!("edge-1_{letter}_")), "{session}");
        let answer = server
            .post(&format!("{session}/functions/add"), "3")
            .await
            .status(200);
        assert_eq!(answer.header("content-type"), Some("application/octet-stream"));
        assert_eq!(answer.header("fogline-node"), Some("edge-1"));
        assert_eq!(answer.header("fogline-model"), Some(model));
        assert_eq!(answer.header("fogline-seen"), Some("0.1.1"));
        assert!(
            answer
                .header("fogline-execution-us")
                .unwrap()
                .parse::<u64>()
                .is_ok()
        );
        let told: Session = server.get(&session).await.status(200).json();
        assert_eq!((told.parts[0].version, told.parts[0].states[0].bytes), (1, 1));
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn states_are_listed_set_read_and_removed_by_themselves() {
    let server = Server::with(&["counter"]).await;
    let session = server.session("counter", "in-edge").await;
    let total = format!("{session}/states/total");
    send(server.ask(Method::PUT, &total).body("41")).await.status(200);
    assert_eq!(
        server
            .post(&format!("{session}/functions/add"), "1")
            .await
            .status(200)
            .text(),
        "42"
    );
    assert_eq!(server.get(&total).await.status(200).text(), "42");
    let states: States = server.get(&format!("{session}/states")).await.status(200).json();
    assert_eq!(
        (states.states[0].name.as_str(), states.states[0].bytes),
        ("total", 2)
    );
    send(server.ask(Method::DELETE, &total)).await.status(200);
    let states: States = server.get(&format!("{session}/states")).await.status(200).json();
    assert_eq!(states.states, []);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sessions_are_listed_page_by_page() {
    let server = Server::with(&["counter"]).await;
    let mut made = Vec::new();
    for model in ["in-edge", "external", "in-function", "in-edge", "in-client"] {
        made.push(server.session("counter", model).await);
    }
    // Nobody but its client knows of the last one.
    made.pop();
    let mut listed = Vec::new();
    let mut path = "/v1/apps/counter/sessions?limit=3".to_owned();
    loop {
        let page: Sessions = server.get(&path).await.status(200).json();
        listed.extend(
            page.sessions
                .iter()
                .map(|it| format!("/v1/apps/counter/sessions/{}", it.session)),
        );
        let Some(next) = page.next else { break };
        assert_eq!(page.sessions.len(), 3);
        path = format!("/v1/apps/counter/sessions?limit=3&after={next}");
    }
    listed.sort();
    made.sort();
    assert_eq!(listed, made);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn applications_are_described_logged_and_deleted() {
    let server = Server::with(&["counter", "faults"]).await;
    let apps: Apps = server.get("/v1/apps").await.status(200).json();
    assert_eq!(
        apps.apps.iter().map(|app| app.name.as_str()).collect::<Vec<_>>(),
        ["counter", "faults"]
    );
    let app: App = server.get("/v1/apps/counter").await.status(200).json();
    assert_eq!(
        (app.model, app.functions.len(), app.states.len()),
        (ExecutionModel::InEdge, 2, 1)
    );
    server
        .post("/v1/apps/faults/functions/panic", "the reason")
        .await
        .status(502);
    let logs: Logs = server.get("/v1/apps/faults/logs").await.status(200).json();
    assert!(
        logs.lines
            .iter()
            .any(|line| line.message.contains("the reason") && line.level == "error"),
        "{logs:?}"
    );
    let later: Logs = server
        .get(&format!("/v1/apps/faults/logs?after={}", logs.next))
        .await
        .status(200)
        .json();
    assert_eq!(later.lines, []);
    send(server.ask(Method::DELETE, "/v1/apps/counter"))
        .await
        .status(204);
    server.get("/v1/apps/counter").await.status(404);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_follows_a_log_gets_what_is_written_after_a_restart() {
    let server = Server::with(&["faults"]).await;
    let panic = "/v1/apps/faults/functions/panic";
    for _ in 0..3 {
        server.post(panic, "before").await.status(502);
    }
    let before: Logs = server.get("/v1/apps/faults/logs").await.status(200).json();
    let server = server.again().await;
    server.post(panic, "after").await.status(502);
    let path = format!("/v1/apps/faults/logs?after={}", before.next);
    let after: Logs = server.get(&path).await.status(200).json();
    assert!(
        after.lines.iter().any(|line| line.message.contains("after")),
        "{after:?} behind {before:?}"
    );
    server.stop().await;
}
