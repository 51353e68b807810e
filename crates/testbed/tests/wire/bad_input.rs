//! Bad functions, bad requests and too many of them: each is told what is wrong, and the node goes on serving.

use std::time::{Duration, Instant};

use bytes::Bytes;
use fogline_core::model::TenantName;
use fogline_core::model::limits::{MAX_BODY, MAX_OUTPUT};
use fogline_node::{Limits, Tenants};
use fogline_protocol::api::{Apps, Sessions, States};
use fogline_protocol::multipart::{MANIFEST, Part};
use http::Request;
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};

use super::rules::path;
use super::support::{Caller, Gated, Nodes, Setup, deadline, package};

async fn one_node(setup: Setup) -> (tempfile::TempDir, Nodes, Caller) {
    let folder = tempfile::tempdir().unwrap();
    let nodes = Nodes::start(
        folder.path(),
        Setup {
            names: vec!["one"],
            ..setup
        },
    )
    .await;
    let caller = Caller::new(nodes.url("one"));
    (folder, nodes, caller)
}

/// The node answers others as before.
async fn serves(caller: &Caller) {
    let answer = caller
        .send(caller.post("/v1/apps/faults/functions/echo").body("hello"))
        .await
        .ok();
    assert_eq!(answer.text(), "hello");
}

#[tokio::test]
async fn functions_that_misbehave_are_told_apart_and_hurt_nobody_else() {
    let (_folder, nodes, caller) = one_node(Setup::default()).await;
    caller.deploy("faults", str::to_owned).await;
    for (function, kind) in [
        ("panic", "function-trapped"),
        ("endless-loop", "function-limit"),
        ("memory-bomb", "function-limit"),
        ("recursion", "function-trapped"),
        ("big-output", "function-limit"),
    ] {
        let answer = caller
            .send(
                caller
                    .post(&format!("/v1/apps/faults/functions/{function}"))
                    .body("100000"),
            )
            .await;
        assert_eq!(
            (answer.status, answer.kind().as_str()),
            (502, kind),
            "{function}: {}",
            answer.text()
        );
        assert!(answer.text().contains(function), "{}", answer.text());
        serves(&caller).await;
    }
    let mut held = caller.session("faults", "in-edge").await;
    for input in ["read", "write"] {
        let answer = caller
            .in_session(&mut held, "functions/undeclared-state", input, &[])
            .await;
        answer.is(502, "function-failed");
    }
    // It takes no notice of three refusals, and sets its own state.
    let answer = caller
        .in_session(&mut held, "functions/undeclared-state", "x", &[])
        .await;
    assert_eq!(answer.ok().text(), "3");
    let states: States = caller
        .send(caller.get(&format!("{}/states", path(&held))))
        .await
        .ok()
        .json();
    let names: Vec<_> = states.states.iter().map(|state| state.name.as_str()).collect();
    assert_eq!(names, ["own"], "what it may not write is not written");
    serves(&caller).await;
    nodes.stop().await;
}

#[tokio::test]
async fn what_cannot_be_deployed_is_refused_with_its_reason() {
    let (_folder, nodes, caller) = one_node(Setup::default()).await;
    caller.deploy("faults", str::to_owned).await;
    let wrong_world = package("refused", str::to_owned);
    let mut state = 12_345_u32;
    let noise = std::iter::repeat_with(|| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 24) as u8
    });
    let noise = noise.take(300).collect::<Vec<u8>>();
    let with = |name: &str, bytes: Vec<u8>| {
        let parts = package("counter", str::to_owned).into_iter();
        parts
            .map(|part| {
                if part.name == name {
                    Part::new(name, bytes.clone())
                } else {
                    part
                }
            })
            .collect::<Vec<_>>()
    };
    let without: Vec<Part> = package("counter", str::to_owned)
        .into_iter()
        .filter(|part| part.name != "add.wasm")
        .collect();
    let misspelt = package("counter", |manifest| manifest.replacen("writes", "wites", 1));
    for (parts, said) in [
        (wrong_world, "run"),
        (with("add.wasm", noise), "add"),
        (with("add.wasm", Vec::new()), "add"),
        (without, "add.wasm"),
        (misspelt, "wites"),
    ] {
        let answer = caller.deploy_parts(&parts).await;
        answer.is(422, "not-deployable");
        assert!(answer.text().contains(said), "{} says {said}", answer.text());
        serves(&caller).await;
    }
    let escaping = vec![Part::new(MANIFEST, "x"), Part::new("../../evil", "x")];
    assert!(caller.deploy_parts(&escaping).await.status >= 400);
    let apps: Apps = caller.send(caller.get("/v1/apps")).await.ok().json();
    assert_eq!(apps.apps.len(), 1, "nothing of them is there");
    nodes.stop().await;
}

#[tokio::test]
async fn a_body_over_the_cap_is_refused_with_the_cap() {
    let (_folder, nodes, caller) = one_node(Setup::default()).await;
    caller.deploy("faults", str::to_owned).await;
    let echo = "/v1/apps/faults/functions/echo";
    let stated = caller
        .send(caller.post(echo).body(vec![0; MAX_BODY.0 as usize + 1]))
        .await;
    stated.is(413, "too-large");
    assert!(
        stated.text().contains(&MAX_BODY.0.to_string()),
        "{}",
        stated.text()
    );
    // A body whose length nobody has stated.
    let mut stream = TcpStream::connect(nodes.address("one")).await.unwrap();
    let head = format!("POST {echo} HTTP/1.1\r\nhost: localhost\r\ntransfer-encoding: chunked\r\n\r\n");
    stream.write_all(head.as_bytes()).await.unwrap();
    let chunk = [&b"100000\r\n"[..], &vec![0; 1 << 20], b"\r\n"].concat();
    let mut answer = Vec::new();
    for _ in 0..20 {
        if stream.write_all(&chunk).await.is_err() {
            break;
        }
    }
    let mut buffer = [0; 4096];
    while let Ok(count @ 1..) = stream.read(&mut buffer).await {
        answer.extend_from_slice(&buffer[..count]);
        if String::from_utf8_lossy(&answer).contains("\"hint\"") {
            break;
        }
    }
    assert!(
        String::from_utf8_lossy(&answer).starts_with("HTTP/1.1 413"),
        "{}",
        String::from_utf8_lossy(&answer)
    );
    serves(&caller).await;
    nodes.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_connections_and_half_sent_requests_hold_nobody_up() {
    let (_folder, nodes, caller) = one_node(Setup::default()).await;
    caller.deploy("faults", str::to_owned).await;
    let mut held = Vec::new();
    for at in 0..1000 {
        let mut stream = TcpStream::connect(nodes.address("one"))
            .await
            .expect("the node accepts");
        let half: &[u8] = match at % 4 {
            0 => b"",
            1 => b"POST /v1/apps/faults/functions/echo HT",
            2 => b"POST /v1/apps/faults/functions/echo HTTP/1.1\r\nhost: localhost\r\ncontent-length: 10\r\n\r\nhalf",
            _ => b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        };
        stream.write_all(half).await.unwrap();
        held.push(stream);
    }
    let began = Instant::now();
    for _ in 0..20 {
        serves(&caller).await;
    }
    assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
    // One of them goes on, and is answered.
    let mut late = held.swap_remove(2);
    late.write_all(b"finish").await.unwrap();
    let mut answer = vec![0; 4096];
    let count = tokio::time::timeout_at(deadline().into(), late.read(&mut answer))
        .await
        .unwrap()
        .unwrap();
    assert!(
        answer[..count].starts_with(b"HTTP/1.1 200"),
        "{}",
        String::from_utf8_lossy(&answer[..count])
    );
    // Those that have asked for nothing are not waited for: silent ones, and with half a head, and with an empty HTTP/2.
    for stream in [0, 1, 3] {
        let closed = held[stream].read_to_end(&mut answer);
        let closed = tokio::time::timeout(Duration::from_secs(20), closed).await;
        assert!(closed.is_ok(), "the connection {stream} is open");
    }
    drop(held);
    nodes.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_queue_says_when_to_come_again() {
    let (_folder, nodes, caller) = one_node(Setup::default()).await;
    let busy = |manifest: &str| {
        manifest.replacen(
            "limits = { time = \"200 ms\" }",
            "limits = { time = \"1 s\", concurrency = 1 }",
            1,
        )
    };
    caller.deploy("faults", busy).await;
    let requests = (0..4).map(|_| caller.send(caller.post("/v1/apps/faults/functions/endless-loop")));
    let answers = futures_util::future::join_all(requests).await;
    let refused: Vec<_> = answers.iter().filter(|answer| answer.status == 429).collect();
    assert!(
        !refused.is_empty(),
        "{:?}",
        answers.iter().map(|answer| answer.status).collect::<Vec<_>>()
    );
    for answer in refused {
        assert_eq!(
            (answer.kind().as_str(), answer.header("retry-after")),
            ("overloaded", "1")
        );
    }
    serves(&caller).await;
    nodes.stop().await;
}

#[tokio::test]
async fn a_deadline_is_kept() {
    let (_folder, nodes, caller) = one_node(Setup::default()).await;
    caller
        .deploy("faults", |manifest| {
            manifest.replacen("time = \"200 ms\"", "time = \"20 s\"", 1)
        })
        .await;
    let began = Instant::now();
    let request = caller
        .post("/v1/apps/faults/functions/endless-loop")
        .header("fogline-timeout-ms", "300");
    let answer = caller.send(request).await;
    answer.is(504, "deadline-exceeded");
    assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
    serves(&caller).await;
    nodes.stop().await;
}

#[tokio::test]
async fn tenants_do_not_see_each_other() {
    let tenant = |name: &str| name.parse::<TenantName>().unwrap();
    let tokens = [
        (tenant("red"), "red-token".to_owned()),
        (tenant("blue"), "blue-token".to_owned()),
    ];
    let tenants = Tenants::with_tokens(tokens);
    let (_folder, nodes, nobody) = one_node(Setup {
        tenants,
        ..Setup::default()
    })
    .await;
    let [red, blue] = ["red-token", "blue-token"].map(|token| Caller::with_token(nodes.url("one"), token));
    red.deploy("counter", str::to_owned).await;
    let mut held = red.session("counter", "in-edge").await;
    red.in_session(&mut held, "functions/add", "5", &[]).await.ok();
    for stranger in [&nobody, &Caller::with_token(nodes.url("one"), "red-tokem")] {
        let answer = stranger.in_session(&mut held, "functions/add", "5", &[]).await;
        answer.is(401, "unauthorized");
    }
    let apps: Apps = blue.send(blue.get("/v1/apps")).await.ok().json();
    assert!(apps.apps.is_empty());
    assert_eq!(
        blue.in_session(&mut held, "functions/add", "5", &[]).await.status,
        404
    );
    // With an application of that name of its own it sees no more.
    blue.deploy("counter", str::to_owned).await;
    let answer = blue.in_session(&mut held, "functions/add", "5", &[]).await;
    answer.is(404, "not-found");
    let sessions: Sessions = blue.send(blue.get("/v1/apps/counter/sessions")).await.ok().json();
    assert!(sessions.sessions.is_empty());
    // Nor can it open what the other's client holds.
    let mut sealed = red.session("counter", "in-client").await;
    red.in_session(&mut sealed, "functions/add", "5", &[]).await.ok();
    let answer = blue.in_session(&mut sealed, "functions/add", "5", &[]).await;
    answer.is(400, "bad-envelope");
    assert_eq!(
        red.in_session(&mut held, "functions/peek", "null", &[])
            .await
            .ok()
            .text(),
        "5"
    );
    nodes.stop().await;
}

/// R14: each of two steps would take the state away from the client, and only one could bring it back.
#[tokio::test]
async fn steps_at_once_that_share_what_the_client_holds_are_not_deployed() {
    let (_folder, nodes, caller) = one_node(Setup::default()).await;
    let at_once = |model: &str| {
        let steps = "[[workflow.steps]]\nname = \"peek\"\nfunction = \"peek\"\nafter = []\n";
        let model = format!("model = \"{model}\"");
        package("counter", |it| {
            it.replacen("model = \"in-edge\"", &model, 1) + steps
        })
    };
    let refused = caller.deploy_parts(&at_once("in-client")).await;
    refused.is(422, "not-deployable");
    for said in ["\\\"add\\\"", "\\\"peek\\\"", "\\\"total\\\"", "at the same time"] {
        assert!(refused.text().contains(said), "{}", refused.text());
    }
    assert_eq!(caller.send(caller.get("/v1/apps/counter")).await.status, 404);
    caller.deploy_parts(&at_once("in-edge")).await.ok();
    nodes.stop().await;
}

/// Sends a request, and reads nothing of what comes back.
async fn send_only(nodes: &Nodes, function: &str, body: &[u8]) -> TcpStream {
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(4096).unwrap();
    let mut stream = socket.connect(nodes.address("one")).await.unwrap();
    let head = format!(
        "POST /v1/apps/{function} HTTP/1.1\r\nhost: localhost\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    stream.write_all(body).await.unwrap();
    stream
}

#[tokio::test]
async fn a_caller_that_takes_nothing_of_its_answer_is_cut_off() {
    let setup = Setup {
        limits: Limits {
            write_patience: Duration::from_millis(100),
            ..Limits::default()
        },
        ..Setup::default()
    };
    let (_folder, nodes, caller) = one_node(setup).await;
    caller.deploy("faults", str::to_owned).await;
    // More than the buffers between them hold.
    let large = vec![7; MAX_OUTPUT.0 as usize];
    let mut silent = send_only(&nodes, "faults/functions/echo", &large).await;
    let cut_off = async { while silent.write_all(b"x").await.is_ok() {} };
    let cut_off = tokio::time::timeout_at(deadline().into(), cut_off).await;
    assert!(cut_off.is_ok(), "it keeps its place");
    let answer = caller.send(caller.post("/v1/apps/faults/functions/echo").body(large));
    assert_eq!(
        answer.await.ok().body.len() as u64,
        MAX_OUTPUT.0,
        "who reads gets all"
    );
    nodes.stop().await;
}

/// Over HTTP/2 it may do so and still answer the node's pings. One that takes all, and asks for nothing more, is let go.
#[tokio::test]
async fn a_caller_over_http_2_that_takes_nothing_of_its_answer_is_cut_off() {
    let setup = Setup {
        limits: Limits {
            write_patience: Duration::from_millis(500),
            ..Limits::default()
        },
        ..Setup::default()
    };
    let (_folder, nodes, caller) = one_node(setup).await;
    caller.deploy("faults", str::to_owned).await;
    let large = Bytes::from(vec![7; MAX_OUTPUT.0 as usize]);
    for takes in [true, false] {
        let stream = TcpStream::connect(nodes.address("one")).await.unwrap();
        let handshake = http2::handshake(TokioExecutor::new(), TokioIo::new(stream));
        let (mut sender, connection) = handshake.await.unwrap();
        let connection = tokio::spawn(connection);
        let request = Request::post(format!("{}/v1/apps/faults/functions/echo", nodes.url("one")));
        let request = request.body(Full::new(large.clone())).unwrap();
        let answer = sender.send_request(request).await.unwrap();
        assert_eq!(answer.status(), 200);
        let mut body = Some(answer.into_body());
        if let Some(body) = body.take_if(|_| takes) {
            assert_eq!(
                body.collect().await.unwrap().to_bytes(),
                large,
                "who reads gets all"
            );
        }
        let closed = tokio::time::timeout_at(deadline().into(), connection).await;
        assert!(
            closed.is_ok(),
            "it keeps its place, and takes its answer: {takes}"
        );
    }
    nodes.stop().await;
}

#[tokio::test]
async fn a_caller_that_leaves_ends_the_execution_of_what_it_asked_for() {
    let setup = Setup {
        slots: 1,
        ..Setup::default()
    };
    let (folder, nodes, caller) = one_node(setup).await;
    let gated = Gated::new(&folder.path().join("gates"));
    let mut parts = gated.parts(&[("slow", &[])], &[]);
    for part in parts.iter_mut().filter(|part| part.name == MANIFEST) {
        let manifest = String::from_utf8(part.bytes.to_vec()).unwrap();
        let (process, limits) = ("process = [", "limits = { time = \"60 s\" }\nprocess = [");
        part.bytes = manifest.replacen(process, limits, 1).into();
    }
    caller.deploy_parts(&parts).await.ok();
    let end = deadline();
    let leaving = send_only(&nodes, "gated/functions/slow", b"1").await;
    while gated.begun("slow") < 1 {
        assert!(Instant::now() < end, "it is not executed");
        tokio::task::yield_now().await;
    }
    drop(leaving);
    // There is one slot for both.
    let next = caller.post("/v1/apps/gated/functions/slow").body("2");
    let next = caller.send(next);
    let begins = async {
        while gated.begun("slow") < 2 {
            assert!(Instant::now() < end, "the slot stays taken");
            tokio::task::yield_now().await;
        }
        gated.open("slow");
    };
    assert_eq!(tokio::join!(next, begins).0.ok().text(), "2");
    nodes.stop().await;
}
