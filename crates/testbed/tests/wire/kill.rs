//! A node that is killed: what it has acknowledged is there again, or its loss is not hidden (R8, R12).

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use bytes::Bytes;
use fogline_core::session::Seen;
use fogline_state::{EmbeddedOptions, EmbeddedStore};

use super::rules::path;
use super::support::{
    Caller, Held, Meddling, Nodes, Process, Setup, deadline, serve_if_told, with_durability,
};

async fn add(caller: &Caller, held: &mut Held, key: &str) -> (String, String) {
    let answer = caller
        .in_session(held, "functions/add", "1", &[("idempotency-key", key)])
        .await
        .ok();
    (answer.text(), answer.header("fogline-seen").to_owned())
}

/// A session that had counted to five in the memory of an owner that was killed, and what its client has seen.
async fn lost_with_its_owner(test: &str, folder: &Path) -> (Held, String) {
    let victim = Process::start(test, folder);
    victim.caller.deploy("counter", with_durability("memory")).await;
    let mut held = victim.caller.session("counter", "in-function").await;
    let mut seen = String::new();
    for total in 1..=5 {
        let got;
        (got, seen) = add(&victim.caller, &mut held, &total.to_string()).await;
        assert_eq!(got, total.to_string());
    }
    assert_eq!(seen, "0.5.0");
    victim.kill();
    (held, seen)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_node_has_lost_nothing_that_it_acknowledged() {
    serve_if_told().await;
    let test = "kill::a_killed_node_has_lost_nothing_that_it_acknowledged";
    let folder = tempfile::tempdir().unwrap();
    let victim = Process::start(test, folder.path());
    victim
        .caller
        .deploy("counter", with_durability("every-commit"))
        .await;
    let mut sessions = Vec::new();
    for model in ["external", "in-edge", "in-function"] {
        sessions.push((model, victim.caller.session("counter", model).await, 0_usize));
    }
    let mut victim = victim;
    for round in 0..3 {
        for (model, held, total) in &mut sessions {
            for _ in 0..5 {
                *total += 1;
                let (got, seen) = add(&victim.caller, held, &total.to_string()).await;
                assert_eq!(got, total.to_string(), "{model} {round}");
                let durable = seen.rsplit('.').next().unwrap();
                assert_eq!(
                    seen.split('.').nth(1).unwrap(),
                    durable,
                    "what is acknowledged is durable: {seen}"
                );
            }
        }
        victim.kill();
        victim = Process::start(test, folder.path());
        for (model, held, total) in &mut sessions {
            let (again, _) = add(&victim.caller, held, &total.to_string()).await;
            assert_eq!(
                again,
                total.to_string(),
                "{model}: a retry of the last one is not executed"
            );
        }
    }
    victim.kill();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_owner_that_promised_nothing_does_not_hide_what_it_lost() {
    serve_if_told().await;
    let test = "kill::a_killed_owner_that_promised_nothing_does_not_hide_what_it_lost";
    let folder = tempfile::tempdir().unwrap();
    let (mut held, seen) = lost_with_its_owner(test, folder.path()).await;
    let victim = Process::start(test, folder.path());
    for function in ["functions/add", "functions/peek", "runs"] {
        let input = if function.ends_with("peek") { "null" } else { "1" };
        let refused = victim
            .caller
            .in_session(&mut held, function, input, &[("fogline-seen", &seen)])
            .await;
        refused.is(412, "state-regressed");
    }
    let mut other = held.clone();
    assert_eq!(
        add(&victim.caller, &mut other, "new").await.0,
        "1",
        "whoever knows goes on from there"
    );
    // Others have come as far as what was lost, and further.
    for number in 2..=7 {
        let (got, _) = add(&victim.caller, &mut other, &format!("new {number}")).await;
        assert_eq!(got, number.to_string());
    }
    let refused = victim
        .caller
        .in_session(&mut held, "functions/add", "1", &[("fogline-seen", &seen)])
        .await;
    refused.is(412, "state-regressed");
    victim.kill();
}

/// Of what is acknowledged before it is stored, as much is there again as the owner has said to be durable.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_owner_has_its_last_checkpoint() {
    serve_if_told().await;
    let test = "kill::a_killed_owner_has_its_last_checkpoint";
    let folder = tempfile::tempdir().unwrap();
    let mut victim = Process::start(test, folder.path());
    victim
        .caller
        .deploy("counter", with_durability("checkpoint"))
        .await;
    let mut held = victim.caller.session("counter", "in-function").await;
    let mut total = 0;
    for round in 0..2 {
        let added = total + 3;
        while total < added {
            total += 1;
            let (got, _) = add(&victim.caller, &mut held, &format!("{round} {total}")).await;
            assert_eq!(got, total.to_string());
        }
        let end = deadline();
        let seen = loop {
            let peek = victim.caller.in_session(&mut held, "functions/peek", "null", &[]);
            let seen: Seen = peek.await.ok().header("fogline-seen").parse().unwrap();
            if seen.durable == seen.version {
                break seen;
            }
            assert!(Instant::now() < end, "nothing is stored: {seen}");
        };
        // The last ones may be lost, and nothing else.
        for lost in 1..=2 {
            add(&victim.caller, &mut held, &format!("{round} lost {lost}")).await;
        }
        victim.kill();
        victim = Process::start(test, folder.path());
        let seen = [("fogline-seen", &*seen.to_string())];
        let peek = victim
            .caller
            .in_session(&mut held, "functions/peek", "null", &seen)
            .await;
        let found: i32 = peek.ok().text().parse().unwrap();
        assert!(
            (total..=total + 2).contains(&found),
            "{found}, {total} were stored"
        );
        total = found;
    }
    victim.kill();
}

/// R12: that something is lost is known of sessions that move before anybody uses them again, and of those that nobody has used
/// before the node stops in peace.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_killed_owner_lost_is_not_hidden_by_what_comes_before_the_next_use() {
    serve_if_told().await;
    let test = "kill::what_a_killed_owner_lost_is_not_hidden_by_what_comes_before_the_next_use";
    for moves in [true, false] {
        let folder = tempfile::tempdir().unwrap();
        let (mut held, seen) = lost_with_its_owner(test, folder.path()).await;
        let mut nodes = Nodes::start(folder.path(), Setup::default()).await;
        if moves {
            let one = Caller::new(nodes.url("one"));
            one.convert(&mut held, "in-edge", &[]).await.ok();
        } else {
            nodes.stop_node("one").await;
            nodes.start_node("one").await;
        }
        says_what_was_lost(&Caller::new(nodes.url("one")), &mut held, &seen).await;
        nodes.stop().await;
    }
}

/// Others come as far as what was lost, and further; who has seen that is told.
async fn says_what_was_lost(one: &Caller, held: &mut Held, seen: &str) {
    let mut other = held.clone();
    for number in 1..=7 {
        let (got, _) = add(one, &mut other, &format!("new {number}")).await;
        assert_eq!(got, number.to_string());
    }
    let refused = one
        .in_session(held, "functions/add", "1", &[("fogline-seen", seen)])
        .await;
    refused.is(412, "state-regressed");
}

/// Its application cannot be served when the others have noted what they have lost.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_killed_owner_lost_is_not_hidden_when_it_is_served_later() {
    static OLD: AtomicBool = AtomicBool::new(false);
    serve_if_told().await;
    let test = "kill::what_a_killed_owner_lost_is_not_hidden_when_it_is_served_later";
    let folder = tempfile::tempdir().unwrap();
    let (mut held, seen) = lost_with_its_owner(test, folder.path()).await;
    let listings = take_listings(folder.path()).await;
    let setup = Setup {
        names: vec!["one"],
        meddling: Meddling::OldInLists(&OLD),
        ..Setup::sweeping()
    };
    let mut nodes = Nodes::start(folder.path(), setup).await;
    let one = Caller::new(nodes.url("one"));
    let lost = one.in_session(&mut held.clone(), "functions/add", "1", &[]).await;
    assert_ne!(lost.status, 200, "{}", lost.text());
    // Once this is swept, what was lost has been noted.
    one.deploy("figure3", str::to_owned).await;
    let swept = one.session("figure3", "in-edge").await;
    OLD.store(true, Ordering::Relaxed);
    let end = deadline();
    while one.send(one.get(&path(&swept))).await.status == 200 {
        assert!(Instant::now() < end, "it is not swept");
        tokio::task::yield_now().await;
    }
    OLD.store(false, Ordering::Relaxed);
    nodes.stop_node("one").await;
    let store = open_store(folder.path());
    for (key, listing) in listings {
        store.meta_put("packages", &key, listing).await.unwrap();
    }
    drop(store);
    nodes.start_node("one").await;
    says_what_was_lost(&Caller::new(nodes.url("one")), &mut held, &seen).await;
    nodes.stop().await;
}

fn open_store(folder: &Path) -> EmbeddedStore {
    let path = folder.join("one").join("store.redb");
    EmbeddedStore::open(&path, &EmbeddedOptions::default()).unwrap()
}

/// Takes what a node needs to serve its applications.
async fn take_listings(folder: &Path) -> Vec<(Bytes, Bytes)> {
    let store = open_store(folder);
    let listings = store.meta_list("packages", None, 100).unwrap();
    for (key, _) in &listings {
        store.meta_delete("packages", key).await.unwrap();
    }
    listings
}
