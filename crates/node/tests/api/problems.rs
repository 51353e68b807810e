//! Each kind of problem that a caller can meet, met.

use fogline_node::Tenants;
use fogline_protocol::multipart::Part;
use fogline_protocol::problem::{Kind, Problem};
use reqwest::Method;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::call::{Server, send};
use crate::node;

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_there_or_not_meant_is_said() {
    let server = Server::with(&["counter"]).await;
    for path in [
        "/",
        "/v1/nothing",
        "/v1/apps/none",
        "/v1/apps/Not%20a%20name/sessions",
        "/v1/apps/counter/sessions/x",
    ] {
        let problem = server.get(path).await.problem(Kind::NotFound);
        assert!(!problem.title.contains('%'), "{problem}");
    }
    let session = server.session("counter", "in-edge").await;
    server
        .post(&format!("{session}/functions/none"), "1")
        .await
        .problem(Kind::NotFound);
    server
        .get(&format!("{session}/states/none"))
        .await
        .problem(Kind::NotFound);
    server
        .get(&format!("{session}/states/total"))
        .await
        .problem(Kind::NotFound);
    let other = session.replace("edge-1_e_", "edge-1_x_");
    server
        .post(&format!("{other}/functions/add"), "1")
        .await
        .problem(Kind::NotFound);

    let answer = send(server.ask(Method::PATCH, "/v1/apps")).await;
    answer.problem(Kind::MethodNotAllowed);
    let allowed = answer.header("allow").unwrap();
    assert!(
        allowed.contains("GET") && allowed.contains("POST") && !allowed.contains("PATCH"),
        "{allowed}"
    );
    server.stop().await;
}

/// A browser sends such a form without asking the node before.
#[tokio::test(flavor = "multi_thread")]
async fn a_web_page_does_not_deploy_on_the_machine_of_whoever_opens_it() {
    let server = Server::with(&["counter"]).await;
    let (content_type, body) = node::package("basket", str::to_owned);
    let form = |headers: &[(&str, &str)]| {
        let mut form = server
            .ask(Method::POST, "/v1/apps")
            .header("content-type", &content_type);
        for (name, value) in headers {
            form = form.header(*name, *value);
        }
        form.body(body.clone())
    };
    for page in [
        [("origin", "http://evil.example")],
        [("origin", "null")],
        [("sec-fetch-site", "cross-site")],
        [("host", "evil.example")],
    ] {
        send(form(&page)).await.problem(Kind::Unauthorized);
    }
    server.get("/v1/apps/basket").await.problem(Kind::NotFound);
    for path in ["/v1/apps", "/openapi.json", "/metrics", "/livez", "/"] {
        let rebound = server.ask(Method::GET, path).header("host", "evil.example");
        send(rebound).await.problem(Kind::Unauthorized);
    }
    let own = server.url.clone();
    send(form(&[("origin", &own), ("sec-fetch-site", "same-origin")]))
        .await
        .status(200);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_read_is_the_callers_fault() {
    let server = Server::with(&["counter"]).await;
    let session = server.session("counter", "in-edge").await;
    let add = format!("{session}/functions/add");
    for (name, value) in [
        ("fogline-timeout-ms", "soon"),
        ("fogline-client", "me"),
        ("fogline-seen", "1.2"),
        ("fogline-sequence", "1"),
        ("idempotency-key", ""),
        ("idempotency-key", &"k".repeat(256)),
    ] {
        let answer = send(server.ask(Method::POST, &add).header(name, value).body("1")).await;
        let problem = answer.problem(Kind::BadRequest);
        assert!(problem.title.contains(name), "{problem}");
    }
    for path in [
        "/v1/apps/%ff",
        "/v1/apps/counter/sessions?limit=-1",
        "/v1/apps/counter/sessions?limit=1001",
        "/v1/apps/counter/sessions?what=1",
        "/v1/apps/counter/logs?after=x",
    ] {
        server.get(path).await.problem(Kind::BadRequest);
    }
    server
        .post("/v1/apps/counter/sessions", "{")
        .await
        .problem(Kind::BadRequest);
    server
        .post("/v1/apps/counter/sessions", "{\"modell\": 1}")
        .await
        .problem(Kind::BadRequest);
    let held = server.session("counter", "in-client").await;
    for model in ["pure-faas", "state-local"] {
        let body = format!("{{\"model\": \"{model}\"}}");
        server
            .post("/v1/apps/counter/sessions", body)
            .await
            .problem(Kind::BadRequest);
        for session in [&session, &held] {
            let body = format!("{{\"to\": \"{model}\"}}");
            server
                .post(&format!("{session}/convert"), body)
                .await
                .problem(Kind::BadRequest);
        }
    }
    let unframed = server
        .ask(Method::POST, &add)
        .header("content-type", "multipart/form-data; boundary=x")
        .body("1");
    send(unframed).await.problem(Kind::BadRequest);
    for beside in ["other", "value"] {
        send(server.in_parts(&add, "1", &[Part::new(beside, "1")]))
            .await
            .problem(Kind::BadRequest);
    }
    server
        .post("/v1/apps/counter/functions/add", "1")
        .await
        .problem(Kind::BadRequest);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_too_large_is_refused_with_the_cap() {
    let server = Server::with(&["counter"]).await;
    for model in ["in-edge", "in-function", "external"] {
        let session = server.session("counter", model).await;
        for body in [vec![b'1'; (16 << 20) + 1], vec![b'1'; 48 << 20]] {
            let problem = server
                .post(&format!("{session}/functions/add"), body)
                .await
                .problem(Kind::TooLarge);
            assert!(problem.title.contains("16777216"), "{problem}");
        }
        let state = format!("{session}/states/total");
        let put = |bytes: usize| send(server.ask(Method::PUT, &state).body(vec![1; bytes]));
        put(8 << 20).await.status(200);
        put((8 << 20) + 1).await.problem(Kind::TooLarge);
        assert_eq!(
            server.get(&state).await.status(200).body.len(),
            8 << 20,
            "{model}"
        );
    }
    server.stop().await;
}

/// A node that closed the connection while it comes would take the answer from the caller.
#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_is_read_by_a_caller_that_is_still_sending() {
    let tenants = Tenants::with_tokens([("red".parse().unwrap(), "token".to_owned())]);
    let server = Server::of(tenants, false).await;
    let address = server.url.strip_prefix("http://").unwrap();
    let mut caller = TcpStream::connect(address).await.unwrap();
    let size = 8 << 20;
    let head =
        format!("POST /v1/apps HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: {size}\r\n\r\n");
    caller.write_all(head.as_bytes()).await.unwrap();
    for _ in 0..size >> 16 {
        caller
            .write_all(&[b'x'; 1 << 16])
            .await
            .expect("the node reads on");
    }
    let mut answer = String::new();
    caller.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 401 "), "{answer}");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_deployed_is_said_with_its_place() {
    let server = Server::of(Tenants::Open(node::tenant()), true).await;
    let unknown = |manifest: &str| format!("{manifest}\nunknown = 1\n");
    let problem = server
        .deploy("counter", unknown)
        .await
        .problem(Kind::NotDeployable);
    assert!(problem.title.contains("fogline.toml:"), "{problem}");
    server
        .deploy("refused", str::to_owned)
        .await
        .problem(Kind::NotDeployable);
    let missing = |manifest: &str| manifest.replace("peek.wasm", "none.wasm");
    server
        .deploy("counter", missing)
        .await
        .problem(Kind::NotDeployable);
    let (content_type, body) = node::form(&[Part::new("add.wasm", "1")]);
    let request = server
        .ask(Method::POST, "/v1/apps")
        .header("content-type", content_type)
        .body(body);
    send(request).await.problem(Kind::BadRequest);
    assert_eq!(server.get("/v1/apps").await.status(200).text(), "{\"apps\":[]}");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_function_does_wrong_is_its_authors_to_mend() {
    let server = Server::with(&["counter", "faults"]).await;
    let session = server.session("counter", "in-edge").await;
    server
        .post(&format!("{session}/functions/add"), "x")
        .await
        .problem(Kind::InvalidInput);
    let session = server.session("faults", "in-edge").await;
    for (function, input, kind) in [
        ("panic", "oh", Kind::FunctionTrapped),
        ("recursion", "", Kind::FunctionTrapped),
        ("endless-loop", "", Kind::FunctionLimit),
        ("memory-bomb", "", Kind::FunctionLimit),
        ("big-output", "65537", Kind::FunctionLimit),
        ("undeclared-state", "read", Kind::FunctionFailed),
    ] {
        let answer = server
            .post(&format!("{session}/functions/{function}"), input)
            .await;
        let problem = answer.problem(kind);
        assert!(problem.title.contains(function), "{problem}");
    }
    let deadline = server.ask(Method::POST, &format!("{session}/functions/endless-loop"));
    send(deadline.header("fogline-timeout-ms", "50"))
        .await
        .problem(Kind::DeadlineExceeded);
    assert_eq!(
        server
            .post(&format!("{session}/functions/echo"), "still here")
            .await
            .status(200)
            .text(),
        "still here"
    );
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_comes_when_all_is_busy_is_told_when_to_come_again() {
    let server = Server::of(Tenants::Open(node::tenant()), true).await;
    let one = |manifest: &str| {
        manifest.replace(
            "limits = { time = \"200 ms\" }",
            "limits = { time = \"2 s\", concurrency = 1 }",
        )
    };
    server.deploy("faults", one).await.status(200);
    let request = || server.post("/v1/apps/faults/functions/endless-loop", "");
    let (first, second) = tokio::join!(request(), request());
    let (busy, served) = if first.status == 429 {
        (first, second)
    } else {
        (second, first)
    };
    busy.problem(Kind::Overloaded);
    assert_eq!(busy.header("retry-after"), Some("1"));
    served.problem(Kind::FunctionLimit);
    server.stop().await;
}

/// Two steps at once would use one state of the client, which this one writes.
#[tokio::test(flavor = "multi_thread")]
async fn a_session_that_its_client_could_not_run_is_not_created_as_the_document_says() {
    let server = Server::with(&[]).await;
    let at_once = |manifest: &str| {
        format!("{manifest}\n[[workflow.steps]]\nname = \"more\"\nfunction = \"add\"\nafter = []\n")
    };
    server.deploy("counter", at_once).await.status(200);
    let create = server
        .post("/v1/apps/counter/sessions", "{\"model\": \"in-client\"}")
        .await;
    create.problem(Kind::Conflict);
    let document: serde_json::Value = server.get("/openapi.json").await.status(200).json();
    let answers = &document["paths"]["/v1/apps/{app}/sessions"]["post"]["responses"];
    assert!(answers["409"].is_object(), "{answers}");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sessions_end_and_move_and_say_so() {
    let server = Server::with(&["counter", "basket"]).await;
    let session = server.session("counter", "in-edge").await;
    let add = format!("{session}/functions/add");
    let ahead = server
        .ask(Method::POST, &add)
        .header("fogline-seen", "0.99.99")
        .body("1");
    send(ahead).await.problem(Kind::StateRegressed);
    server.post(&add, "1").await.status(200);

    let basket = server.session("basket", "in-edge").await;
    server
        .post(&format!("{basket}/runs"), "null")
        .await
        .problem(Kind::Conflict);

    let converted = server
        .post(&format!("{session}/convert"), "{\"to\": \"in-client\"}")
        .await
        .status(200);
    assert!(converted.parts().await.contains_key("state.total"));
    let moving = server.post(&add, "1").await;
    assert_eq!(moving.status, 409);
    let parts = moving.parts().await;
    let problem: Problem = serde_json::from_slice(&parts["problem"]).unwrap();
    assert_eq!(problem.kind, Kind::MovingToClient);
    let envelope = Part::new("state.total", parts["state.total"].clone());
    let answer = send(server.in_parts(&add, "1", &[envelope])).await.status(200);
    assert_eq!(&answer.parts().await["output"][..], b"2");

    let session = server.session("counter", "in-function").await;
    send(server.ask(Method::DELETE, &session)).await.status(204);
    server
        .post(&format!("{session}/functions/add"), "1")
        .await
        .problem(Kind::Gone);
    server.get(&session).await.problem(Kind::Gone);
    send(server.ask(Method::DELETE, &session)).await.status(204);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn envelopes_are_missed_and_refused_with_a_reason() {
    let server = Server::with(&["basket"]).await;
    let (session, envelopes) = server.held("basket").await;
    let add = format!("{session}/functions/add");
    server
        .post(&add, "{\"item\": \"tea\"}")
        .await
        .problem(Kind::EnvelopeMissing);
    let cut = Part::new("state.basket", envelopes[0].bytes.slice(..20));
    let problem = send(server.in_parts(&add, "{\"item\": \"tea\"}", &[cut]))
        .await
        .problem(Kind::BadEnvelope);
    assert!(problem.title.contains("cut"), "{problem}");
    let (_, of_other) = server.held("basket").await;
    let problem = send(server.in_parts(&add, "{\"item\": \"tea\"}", &of_other))
        .await
        .problem(Kind::BadEnvelope);
    assert!(problem.title.contains("another session"), "{problem}");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn replies_are_kept_for_a_while_and_keys_stand_for_one_request() {
    let server = Server::with(&["counter"]).await;
    let session = server.session("counter", "in-edge").await;
    let add = format!("{session}/functions/add");
    let keyed = |key: &str, body: &str| {
        server
            .ask(Method::POST, &add)
            .header("idempotency-key", key)
            .body(body.to_owned())
    };
    let first = send(keyed("a", "5")).await.status(200);
    assert_eq!(
        (first.text().as_str(), first.header("fogline-replayed")),
        ("5", None)
    );
    let again = send(keyed("a", "5")).await.status(200);
    assert_eq!(
        (again.text().as_str(), again.header("fogline-replayed")),
        ("5", Some("true"))
    );
    send(keyed("a", "6")).await.problem(Kind::KeyReused);
    let other = server
        .ask(Method::POST, &format!("{session}/functions/peek"))
        .header("idempotency-key", "a");
    send(other.body("5")).await.problem(Kind::KeyReused);

    let numbered = |number: u32| {
        let request = server
            .ask(Method::POST, &add)
            .header("fogline-client", "0".repeat(32));
        request.header("fogline-sequence", number).body("1")
    };
    for number in 1..=33 {
        send(numbered(number)).await.status(200);
    }
    send(numbered(1)).await.problem(Kind::ReplyExpired);
    assert_eq!(
        send(numbered(2)).await.status(200).text(),
        "7",
        "the window is 32 numbers long"
    );
    assert_eq!(
        server
            .get(&format!("{session}/states/total"))
            .await
            .status(200)
            .text(),
        "38"
    );
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_token_nothing_is_said_of_a_tenant() {
    let tenants = Tenants::with_tokens([
        (node::tenant(), "secret".to_owned()),
        ("other".parse().unwrap(), "key".to_owned()),
    ]);
    let server = Server::of(tenants, true).await;
    let (content_type, body) = node::package("counter", str::to_owned);
    let deploy = server
        .ask(Method::POST, "/v1/apps")
        .header("content-type", content_type)
        .body(body);
    send(deploy.bearer_auth("secret")).await.status(200);
    let counter = || server.ask(Method::GET, "/v1/apps/counter");
    let refused = send(counter()).await;
    refused.problem(Kind::Unauthorized);
    assert_eq!(refused.header("www-authenticate"), Some("Bearer"));
    send(counter().bearer_auth("wrong"))
        .await
        .problem(Kind::Unauthorized);
    send(counter().bearer_auth("key")).await.problem(Kind::NotFound);
    send(counter().bearer_auth("secret")).await.status(200);
    send(counter().header("authorization", "bearer secret"))
        .await
        .status(200);
    server.get("/livez").await.status(200);
    let metrics = || server.ask(Method::GET, "/metrics");
    send(metrics()).await.problem(Kind::Unauthorized);
    send(metrics().bearer_auth("key")).await.status(200);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_is_not_there_is_the_operators_to_mend() {
    let server = Server::of(Tenants::Open(node::tenant()), false).await;
    server.deploy("counter", str::to_owned).await.status(200);
    let body = "{\"model\": \"external\"}";
    server
        .post("/v1/apps/counter/sessions", body)
        .await
        .problem(Kind::Unavailable);
    let session = server.session("counter", "in-edge").await;
    let elsewhere = session.replace("/edge-1_", "/edge-2_");
    server
        .post(&format!("{elsewhere}/functions/add"), "1")
        .await
        .problem(Kind::Unavailable);
    server.stop().await;
}
