//! Requests that are sent again, and what they carry.

use std::time::{Duration, Instant};

use crate::node::{Node, broken, never, ok, problem, session};
use fogline_client::{Client, Error, Package, Target};
use fogline_core::model::{AppName, Birth, FunctionName};
use fogline_protocol::problem::Kind;

fn shop() -> AppName {
    "shop".parse().unwrap()
}

fn add() -> FunctionName {
    "add".parse().unwrap()
}

fn client(node: &Node) -> Client {
    Client::builder(&node.url).build().unwrap()
}

#[tokio::test]
async fn a_request_is_sent_again_under_its_number_until_it_is_answered() {
    let node = Node::start(|at, _| async move {
        match at {
            0 => problem(Kind::Unavailable, &[]),
            1 => broken(),
            2 => problem(Kind::Overloaded, &[]),
            _ => ok(
                "3",
                &[
                    ("fogline-replayed", "true"),
                    ("fogline-node", "edge-2"),
                    ("fogline-execution-us", "41"),
                ],
            ),
        }
    })
    .await;
    let client = client(&node);
    let reply = client
        .invoke(&shop(), &session(Birth::InEdge), &add(), "1")
        .await
        .unwrap();
    assert_eq!(
        (&reply.output[..], reply.attempts, reply.replayed),
        (&b"3"[..], 4, true)
    );
    assert_eq!(reply.node, Some("edge-2".parse().unwrap()));
    assert_eq!(reply.execution, Some(Duration::from_micros(41)));
    let asked = node.asked();
    let left: Vec<u64> = asked
        .iter()
        .map(|asked| asked.header("fogline-timeout-ms").parse().unwrap())
        .collect();
    assert!(
        left.windows(2).all(|pair| pair[0] > pair[1]) && left[0] <= 30_000,
        "{left:?}"
    );
    for asked in asked {
        assert_eq!(
            asked.path,
            format!("/v1/apps/shop/sessions/{}/functions/add", session(Birth::InEdge))
        );
        assert_eq!(asked.header("fogline-client"), client.id().to_string());
        assert_eq!(
            (asked.header("fogline-sequence"), asked.part("input")),
            ("1", "1")
        );
    }
}

#[tokio::test]
async fn a_node_that_says_when_to_come_back_is_heeded_within_the_deadline() {
    let node = Node::start(|at, _| async move {
        match at {
            0 => problem(Kind::Overloaded, &[("retry-after", "1")]),
            1 => ok("", &[]),
            _ => problem(Kind::Overloaded, &[("retry-after", "60")]),
        }
    })
    .await;
    let client = client(&node);
    let begin = Instant::now();
    client
        .invoke(&shop(), &session(Birth::InEdge), &add(), "1")
        .await
        .unwrap();
    assert!(begin.elapsed() >= Duration::from_secs(1));
    let hurried = client.with_timeout(Duration::from_secs(20));
    let begin = Instant::now();
    let error = hurried
        .invoke(&shop(), &session(Birth::InEdge), &add(), "1")
        .await
        .unwrap_err();
    assert!(begin.elapsed() < Duration::from_secs(20), "it waited for nothing");
    assert!(
        matches!(error, Error::Problem { ref problem } if problem.kind == Kind::Overloaded),
        "{error}"
    );
    // A full queue has not let it in.
    assert!(
        client
            .pending(&shop(), &session(Birth::InEdge))
            .await
            .unwrap()
            .is_empty()
    );
}

#[tokio::test]
async fn a_call_takes_the_longest_time_that_there_is_and_no_longer() {
    let node = Node::start(|_, _| async { ok("1", &[]) }).await;
    let patient = client(&node).with_timeout(Duration::MAX);
    let session = session(Birth::InEdge);
    patient.invoke(&shop(), &session, &add(), "1").await.unwrap();
    let told: u64 = node.asked()[0].header("fogline-timeout-ms").parse().unwrap();
    assert!((590_000..600_000).contains(&told), "{told}");
}

#[tokio::test]
async fn what_a_node_refuses_for_good_is_not_sent_again() {
    let node = Node::start(|_, _| async { problem(Kind::FunctionTrapped, &[]) }).await;
    let client = client(&node);
    let error = client
        .invoke(&shop(), &session(Birth::InEdge), &add(), "1")
        .await
        .unwrap_err();
    assert_eq!(
        (error.to_string(), error.hint()),
        ("it did not work".to_owned(), "do something else".to_owned())
    );
    assert_eq!(node.asked().len(), 1);
    assert!(
        client
            .pending(&shop(), &session(Birth::InEdge))
            .await
            .unwrap()
            .is_empty()
    );
}

#[tokio::test]
async fn what_was_seen_is_said_and_never_less() {
    let node = Node::start(|at, _| async move {
        let seen = ["0.3.2", "0.2.2", "1.0.0"][at];
        ok("", &[("fogline-seen", seen)])
    })
    .await;
    let client = client(&node);
    for seen in ["0.3.2", "0.3.2", "1.0.0"] {
        let reply = client
            .invoke(&shop(), &session(Birth::InEdge), &add(), "1")
            .await
            .unwrap();
        assert_eq!(reply.seen.unwrap().to_string(), seen);
    }
    let asked = node.asked();
    let said: Vec<_> = asked.iter().map(|asked| asked.header("fogline-seen")).collect();
    assert_eq!(said, ["", "0.3.2", "0.3.2"]);
}

#[tokio::test]
async fn an_unanswered_request_is_resumed_after_a_restart_as_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let large = "x".repeat(100_000);
    let node =
        Node::start(|at, _| async move { if at == 0 { never().await } else { ok("done", &[]) } }).await;
    let start = || Client::builder(&node.url).journal(folder.path()).build().unwrap();
    let (app, session) = (shop(), session(Birth::InEdge));
    let first = start();
    let id = first.id();
    let hurried = first.with_timeout(Duration::from_millis(300));
    let error = hurried
        .invoke(&app, &session, &add(), large.clone())
        .await
        .unwrap_err();
    assert!(matches!(error, Error::Unanswered { number: 1, .. }), "{error}");
    drop((first, hurried));

    let second = start();
    assert_eq!(second.id(), id);
    let pending = second.pending(&app, &session).await.unwrap();
    assert_eq!(
        pending.iter().map(|request| request.number).collect::<Vec<_>>(),
        [1]
    );
    let reply = second.resume(&app, &session, 1).await.unwrap();
    assert_eq!(reply.output, "done");
    assert!(second.pending(&app, &session).await.unwrap().is_empty());
    assert!(matches!(
        second.resume(&app, &session, 1).await,
        Err(Error::NothingPending { .. })
    ));
    second.invoke(&app, &session, &add(), "1").await.unwrap();
    let asked = node.asked();
    let numbers: Vec<_> = asked
        .iter()
        .map(|asked| asked.header("fogline-sequence"))
        .collect();
    assert_eq!(numbers, ["1", "1", "2"]);
    assert_eq!(
        (asked[0].part("input"), asked[1].part("input")),
        (large.as_str(), large.as_str())
    );
}

#[tokio::test]
async fn a_request_that_was_sent_stays_open_when_no_node_is_there_any_more() {
    let folder = tempfile::tempdir().unwrap();
    let (app, session) = (shop(), session(Birth::InEdge));
    let hurried = |url: &str| {
        let builder = Client::builder(url).journal(folder.path());
        builder.timeout(Duration::from_millis(300)).build().unwrap()
    };
    let node = Node::start(|_, _| never()).await;
    let client = hurried(&node.url);
    assert!(client.invoke(&app, &session, &add(), "1").await.is_err());
    drop((node, client));
    // Nobody listens at this port, nor can: it is taken.
    let taken = tokio::net::TcpSocket::new_v4().unwrap();
    taken.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let gone = taken.local_addr().unwrap();
    let client = hurried(&format!("http://{gone}"));
    let error = client.resume(&app, &session, 1).await.unwrap_err();
    assert!(matches!(error, Error::Unanswered { number: 1, .. }), "{error}");
    let error = client.invoke(&app, &session, &add(), "2").await.unwrap_err();
    assert!(matches!(error, Error::Unreachable { .. }), "{error}");
    assert_eq!(
        client.pending(&app, &session).await.unwrap().len(),
        1,
        "the second was never sent"
    );
    client.abandon(&app, &session, 1).await.unwrap();
    assert!(client.pending(&app, &session).await.unwrap().is_empty());
}

/// R5: a node keeps the replies to the last 32 numbers.
#[tokio::test]
async fn no_request_is_numbered_so_high_that_an_open_one_falls_out_of_the_window() {
    let (release, _) = tokio::sync::watch::channel(false);
    let released = release.subscribe();
    let node = Node::start(move |_, asked| {
        let mut released = released.clone();
        async move {
            if asked.header("fogline-sequence") == "1" {
                released.wait_for(|released| *released).await.unwrap();
            }
            ok("", &[])
        }
    })
    .await;
    let client = client(&node);
    let (app, session) = (shop(), session(Birth::InEdge));
    let first = tokio::spawn({
        let (client, app, session) = (client.clone(), app.clone(), session.clone());
        async move { client.invoke(&app, &session, &add(), "1").await }
    });
    while node.asked().is_empty() {
        tokio::task::yield_now().await;
    }
    for _ in 2..=32 {
        client.invoke(&app, &session, &add(), "1").await.unwrap();
    }
    let hurried = client.with_timeout(Duration::from_millis(200));
    let error = hurried.invoke(&app, &session, &add(), "1").await.unwrap_err();
    assert!(matches!(error, Error::Crowded(_)), "{error}");
    release.send_replace(true);
    first.await.unwrap().unwrap();
    client.invoke(&app, &session, &add(), "1").await.unwrap();
}

#[tokio::test]
async fn what_is_deployed_is_the_manifest_and_the_files_that_it_names() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(
        folder.path().join("fogline.toml"),
        "[functions.add]\ncomponent = \"add.wasm\"\n",
    )
    .unwrap();
    std::fs::write(folder.path().join("add.wasm"), "W").unwrap();
    let node = Node::start(|_, _| async { crate::node::json(&crate::node::app()) }).await;
    let client = Client::builder(&node.url)
        .token(Some("secret".to_owned()))
        .build()
        .unwrap();
    let app = client
        .deploy(&Package::read(folder.path()).unwrap())
        .await
        .unwrap();
    assert_eq!(app, crate::node::app());
    let asked = node.asked();
    assert_eq!(asked[0].header("authorization"), "Bearer secret");
    assert_eq!(asked[0].part_names(), ["add.wasm", "manifest"]);
}

#[tokio::test]
async fn what_is_not_a_node_is_said_to_be_none() {
    let node = Node::start(|_, _| async { ok("<html>", &[]) }).await;
    let error = client(&node).list_apps().await.unwrap_err();
    assert!(matches!(error, Error::Answer { .. }), "{error}");
    for address in ["", "127.0.0.1:80", "https://127.0.0.1", "http://"] {
        assert!(
            matches!(Client::builder(address).build(), Err(Error::Address { .. })),
            "{address}"
        );
    }
}

#[tokio::test]
async fn states_are_set_and_deleted_under_numbers_as_functions_are_invoked() {
    let node = Node::start(|at, _| async move {
        match at {
            0 | 3 => broken(),
            1 | 4 => problem(Kind::Unavailable, &[]),
            _ => ok("", &[]),
        }
    })
    .await;
    let client = client(&node);
    let (session, state) = (session(Birth::InEdge), "cart".parse().unwrap());
    client.put_state(&shop(), &session, &state, "v").await.unwrap();
    client.delete_state(&shop(), &session, &state).await.unwrap();
    let asked = node.asked();
    let path = format!("/v1/apps/shop/sessions/{session}/states/cart");
    let sent: Vec<_> = asked
        .iter()
        .map(|asked| {
            assert_eq!(
                (asked.path.as_str(), asked.header("fogline-client")),
                (&*path, &*client.id().to_string())
            );
            (asked.method.as_str(), asked.header("fogline-sequence").to_owned())
        })
        .collect();
    let of = |method, number: &str| {
        [
            (method, number.to_owned()),
            (method, number.to_owned()),
            (method, number.to_owned()),
        ]
    };
    assert_eq!(sent, [of("PUT", "1"), of("DELETE", "2")].concat());
}

#[tokio::test]
async fn a_state_whose_setting_was_not_answered_is_set_when_it_is_resumed() {
    let node = Node::start(|at, _| async move { if at == 0 { never().await } else { ok("", &[]) } }).await;
    let hurried = client(&node).with_timeout(Duration::from_millis(200));
    let (session, state) = (session(Birth::InEdge), "cart".parse().unwrap());
    let error = hurried
        .put_state(&shop(), &session, &state, "v")
        .await
        .unwrap_err();
    assert!(matches!(error, Error::Unanswered { number: 1, .. }), "{error}");
    let pending = hurried.pending(&shop(), &session).await.unwrap();
    assert_eq!(pending[0].target, Target::Put(state));
    hurried.resume(&shop(), &session, 1).await.unwrap();
    let asked = node.asked();
    let last = asked.last().unwrap();
    assert_eq!(
        (
            last.method.as_str(),
            last.header("fogline-sequence"),
            last.part("input")
        ),
        ("PUT", "1", "v")
    );
}

#[tokio::test]
async fn a_request_that_is_under_way_is_not_taken_up_again() {
    let node = Node::start(|_, _| never()).await;
    let client = client(&node);
    let edge = session(Birth::InEdge);
    let (asking, id) = (client.clone(), edge.clone());
    let under_way = tokio::spawn(async move { asking.invoke(&shop(), &id, &add(), "1").await });
    while node.asked().is_empty() {
        tokio::task::yield_now().await;
    }
    for _ in 0..2 {
        let error = client.resume(&shop(), &edge, 1).await.unwrap_err();
        assert!(matches!(error, Error::NothingPending { .. }), "{error}");
        let error = client.abandon(&shop(), &edge, 1).await.unwrap_err();
        assert!(matches!(error, Error::NothingPending { .. }), "{error}");
    }
    under_way.abort();
}

#[tokio::test]
async fn a_loss_is_reported_until_it_is_accepted() {
    let node = Node::start(|_, asked| async move {
        match asked.header("fogline-seen") {
            "" => ok("1", &[("fogline-seen", "2.1.1")]),
            _ => problem(Kind::StateRegressed, &[]),
        }
    })
    .await;
    let client = client(&node);
    let edge = session(Birth::InEdge);
    client.invoke(&shop(), &edge, &add(), "1").await.unwrap();
    for _ in 0..2 {
        let error = client.invoke(&shop(), &edge, &add(), "1").await.unwrap_err();
        assert!(error.hint().contains("state accept"), "{}", error.hint());
    }
    client.accept_loss(&shop(), &edge).await.unwrap();
    client.invoke(&shop(), &edge, &add(), "1").await.unwrap();
}
