//! Links that are cut and nodes that stop: a stated error within the deadline, and nothing half-committed.

use std::time::{Duration, Instant};

use fogline_protocol::multipart::MANIFEST;
use fogline_state::RedisOptions;
use fogline_testbed::{Plan, Testbed};

use super::support::{Answer, Caller, Gated, Nodes, Server, Setup, deadline};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cut_cloud_link_is_an_error_within_the_deadline_and_half_commits_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let mut plan = Plan::demo(folder.path().to_path_buf()).unwrap();
    plan.paced = false;
    let network = Testbed::start(plan).await.unwrap();
    let caller = Caller::new(network.url(&network.clients()[0]).unwrap());
    caller.deploy("counter", str::to_owned).await;
    let mut held = caller.session("counter", "external").await;
    let mut nearby = caller.session("counter", "in-edge").await;
    assert_eq!(
        caller
            .in_session(&mut held, "functions/add", "1", &[])
            .await
            .ok()
            .text(),
        "1"
    );
    let links = network.links().unwrap();
    let uplink = ["cloud_up_0", "cloud_down_0"].map(|name| network.map().network().find(name).unwrap());
    uplink.into_iter().for_each(|link| links.set_cut(link, true));
    let key = [("idempotency-key", "cut"), ("fogline-timeout-ms", "1500")];
    let began = Instant::now();
    let answer = caller.in_session(&mut held, "functions/add", "1", &key).await;
    assert!(matches!(answer.status, 503 | 504), "{}", answer.text());
    assert!(began.elapsed() < Duration::from_secs(3), "{:?}", began.elapsed());
    let near = caller
        .in_session(&mut nearby, "functions/add", "1", &[])
        .await
        .ok();
    assert_eq!(near.text(), "1", "what does not need the cloud goes on");
    uplink.into_iter().for_each(|link| links.set_cut(link, false));
    let end = deadline();
    let answer = loop {
        let answer = caller.in_session(&mut held, "functions/add", "1", &key).await;
        if answer.status == 200 || Instant::now() > end {
            break answer.ok();
        }
    };
    assert_eq!(answer.text(), "2", "once, whether it had committed or not");
    network.stop().await;
}

#[tokio::test]
async fn a_node_that_is_started_again_goes_on_where_it_stopped() {
    let folder = tempfile::tempdir().unwrap();
    let mut nodes = Nodes::start(folder.path(), Setup::default()).await;
    let caller = Caller::new(nodes.url("two"));
    caller.deploy("counter", str::to_owned).await;
    let mut all = Vec::new();
    for model in ["external", "in-edge", "in-function", "in-client"] {
        let mut held = caller.session("counter", model).await;
        caller
            .in_session(&mut held, "functions/add", "5", &[("idempotency-key", "a")])
            .await
            .ok();
        all.push((model, held));
    }
    for round in 0..2 {
        for node in ["one", "two", "cloud"] {
            nodes.stop_node(node).await;
            nodes.start_node(node).await;
        }
        let caller = Caller::new(nodes.url("one"));
        for (model, held) in &mut all {
            let key = [("idempotency-key", "a")];
            if *model != "in-client" {
                let again = caller.in_session(held, "functions/add", "5", &key).await.ok();
                assert_eq!(again.text(), "5", "{model} {round}");
            }
            let total = caller.in_session(held, "functions/add", "1", &[]).await.ok();
            assert_eq!(total.text(), (6 + round).to_string(), "{model}");
        }
    }
    nodes.stop().await;
}

#[tokio::test]
async fn a_node_that_is_down_is_an_error_and_the_others_go_on() {
    let folder = tempfile::tempdir().unwrap();
    let mut nodes = Nodes::start(folder.path(), Setup::default()).await;
    let (one, two) = (Caller::new(nodes.url("one")), Caller::new(nodes.url("two")));
    one.deploy("counter", str::to_owned).await;
    let mut at_two = two.session("counter", "in-edge").await;
    let mut at_one = one.session("counter", "in-edge").await;
    assert!(at_two.id.starts_with("two_") && at_one.id.starts_with("one_"));
    two.in_session(&mut at_two, "functions/add", "5", &[]).await.ok();
    let mut owned_by_two = two.session("counter", "in-function").await;
    assert!(owned_by_two.id.starts_with("two_"), "{}", owned_by_two.id);
    two.in_session(&mut owned_by_two, "functions/add", "7", &[])
        .await
        .ok();
    nodes.stop_node("two").await;
    let timeout = [("fogline-timeout-ms", "2000")];
    for held in [&mut at_two, &mut owned_by_two] {
        let began = Instant::now();
        let answer = one.in_session(held, "functions/add", "1", &timeout).await;
        assert!(matches!(answer.status, 503 | 504), "{}", answer.text());
        assert!(began.elapsed() < Duration::from_secs(4), "{:?}", began.elapsed());
    }
    assert_eq!(
        one.in_session(&mut at_one, "functions/add", "1", &[])
            .await
            .ok()
            .text(),
        "1"
    );
    nodes.start_node("two").await;
    let end = deadline();
    for (held, expected) in [(&mut at_two, "6"), (&mut owned_by_two, "8")] {
        let answer = loop {
            let key = [("idempotency-key", "b")];
            let answer = one.in_session(held, "functions/add", "1", &key).await;
            if answer.status == 200 || Instant::now() > end {
                break answer.ok();
            }
        };
        assert_eq!(answer.text(), expected);
    }
    nodes.stop().await;
}

fn is_unavailable(answer: &Answer) {
    answer.is(503, "unavailable");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_external_store_that_dies_is_an_error_half_commits_nothing_and_is_found_again() {
    let Some(mut server) = Server::start(&["--appendonly", "yes", "--appendfsync", "always"]) else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let setup = Setup {
        names: vec!["one"],
        redis: Some(RedisOptions::new(server.url())),
        ..Setup::default()
    };
    let nodes = Nodes::start(folder.path(), setup).await;
    let caller = Caller::new(nodes.url("one"));
    let gated = Gated::new(&folder.path().join("gates"));
    let mut parts = gated.parts(&[("count", &[])], &["count"]);
    for part in parts.iter_mut().filter(|part| part.name == MANIFEST) {
        let manifest = String::from_utf8(part.bytes.to_vec()).unwrap();
        part.bytes = manifest.replacen("in-edge", "external", 1).into();
    }
    caller.deploy_parts(&parts).await.ok();
    let mut held = caller.session("gated", "external").await;
    let mut nearby = caller.session("gated", "in-edge").await;
    let end = deadline();

    // It dies between the load and the commit, then before the load.
    let mut early = held.clone();
    let key = [("idempotency-key", "early")];
    let dies = async {
        while gated.begun("count") < 1 {
            assert!(Instant::now() < end, "it is not executed");
            tokio::task::yield_now().await;
        }
        server.kill();
        gated.open("count");
    };
    let early = caller.in_session(&mut early, "functions/count", "", &key);
    is_unavailable(&tokio::join!(early, dies).0);
    let late = caller.in_session(&mut held, "functions/count", "", &[]).await;
    is_unavailable(&late);
    let near = caller.in_session(&mut nearby, "functions/count", "", &[]).await;
    assert_eq!(near.ok().text(), "1", "what does not need the store goes on");

    server.restart();
    for (key, total) in [("early", "1"), ("early", "1"), ("later", "2")] {
        let key = [("idempotency-key", key)];
        let answer = loop {
            let answer = caller.in_session(&mut held, "functions/count", "", &key).await;
            if answer.status == 200 || Instant::now() > end {
                break answer.ok();
            }
        };
        assert_eq!(answer.text(), total);
    }
    nodes.stop().await;
}
