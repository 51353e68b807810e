//! Renewal, grace, and clocks that are wrong.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use fogline_core::model::Timestamp;

use super::world::{DAY, HOUR, Node, START, Time, World, name, nobody, soon, strangers};
use crate::peers::Message;
use crate::peers::enrol::wire::{Answer, Refusal, Request};
use crate::peers::trust::Credentials;

#[tokio::test]
async fn certificates_are_renewed_under_traffic() {
    let world = World::new();
    let a = world.issuer("a");
    let (b, c) = (world.enrol("b", &a).await, world.enrol("c", &a).await);
    // Only through b does c reach the issuer.
    b.knows("a", &a);
    c.knows("b", &b);
    assert_eq!(c.call("b").await.unwrap(), "c");
    let (on, calls) = (Arc::new(AtomicBool::new(true)), Arc::new(AtomicUsize::new(0)));
    let (going, counted, caller) = (Arc::clone(&on), Arc::clone(&calls), c.endpoint.clone());
    let traffic = tokio::spawn(async move {
        while going.load(Ordering::SeqCst) {
            caller.call(&name("b"), Message::default(), soon()).await.unwrap();
            counted.fetch_add(1, Ordering::SeqCst);
        }
    });
    let issued = c.certificate().issued;
    world.time.set(START.after(15 * HOUR));
    c.endpoint.tend().await;
    assert_eq!(c.certificate().issued, issued, "it is not due");
    world.time.set(START.after(17 * HOUR));
    for node in [&a, &b, &c] {
        node.endpoint.tend().await;
        assert_eq!(node.certificate().issued, START.after(17 * HOUR));
    }
    let before = calls.load(Ordering::SeqCst);
    while calls.load(Ordering::SeqCst) < before + 10 {
        tokio::task::yield_now().await;
    }
    on.store(false, Ordering::SeqCst);
    traffic.await.unwrap();
    // The first certificates are over, and connections that rest on them; new ones rest on the new certificates.
    world.time.set(START.after(8 * DAY + HOUR));
    b.endpoint.tend().await;
    assert_eq!(eventually(&c, "b").await, "c");
    drop(c);
    assert_eq!(
        world.again("c").certificate().issued,
        START.after(17 * HOUR),
        "it was kept"
    );
}

#[tokio::test]
async fn strangers_who_ask_for_too_much_keep_no_node_from_renewing() {
    let world = World::new();
    let a = world.issuer("a");
    let b = world.enrol("b", &a).await;
    b.knows("a", &a);
    // Each takes a permit, whatever is asked.
    let (certificate, _) = b.endpoint.member().trust().own().unwrap();
    let request = Request::Renew {
        certificate: certificate.to_vec(),
        forwarded: false,
    };
    while !matches!(nobody(&world, &a, &request).await, Answer::Refused(Refusal::Busy)) {}
    let renews = async |hours| {
        world.time.set(START.after(hours * HOUR));
        b.endpoint.tend().await;
        assert_eq!(b.certificate().issued, START.after(hours * HOUR));
    };
    renews(17).await;
    // These take all places, saying nothing.
    let silent = strangers(&world, &a, 16).await;
    renews(34).await;
    drop(silent);
}

/// Calls until it is answered.
async fn eventually(node: &Node, peer: &str) -> String {
    let started = Instant::now();
    loop {
        match node.call(peer).await {
            Ok(answer) => return answer,
            Err(error) => assert!(started.elapsed() < Duration::from_secs(10), "{error}"),
        }
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn without_an_issuer_nodes_go_on_through_their_grace() {
    let world = World::new();
    let a = world.issuer("a");
    let b = world.enrol("b", &a).await;
    let c = world.enrol("c", &a).await;
    drop((a, b, c));
    world.time.set(START.after(8 * DAY - HOUR));
    let (b, c) = (world.again("b"), world.again("c"));
    c.knows("b", &b);
    assert_eq!(c.call("b").await.unwrap(), "c");
    c.endpoint.tend().await;
    assert_eq!(
        c.certificate().issued,
        START,
        "there is nobody who could renew it"
    );
    // An issuer that comes back in time renews it.
    let a = world.issuer("a");
    c.knows("a", &a);
    c.endpoint.tend().await;
    assert_eq!(c.certificate().issued, START.after(8 * DAY - HOUR));
    // b has missed it.
    world.time.set(START.after(8 * DAY + HOUR));
    c.endpoint.tend().await;
    c.is_refused("b", "expired").await;
    drop(b);
    let _needs_a_token = world.stranger("b");
}

#[tokio::test]
async fn a_board_that_boots_in_1970_joins_calls_and_is_called() {
    let world = World::new();
    let a = world.issuer("a");
    let slow = Time::at(Timestamp(0));
    let board = |credentials: Credentials| match credentials {
        Credentials::Stranger(stranger) => stranger,
        Credentials::Member(member) => panic!("{member:?}"),
    };
    let stranger = board(world.open("b", None, &slow));
    let joined = stranger
        .join(&[a.at()], &world.token(None), soon())
        .await
        .unwrap();
    let b = Node::run(joined);
    b.knows("a", &a);
    a.knows("b", &b);
    assert_eq!(b.call("a").await.unwrap(), "b");
    assert_eq!(a.call("b").await.unwrap(), "a");
    drop(b);
    slow.set(Timestamp(5000));
    let b = match world.open("b", None, &slow) {
        Credentials::Member(member) => Node::run(member),
        Credentials::Stranger(stranger) => panic!("{stranger:?}"),
    };
    b.knows("a", &a);
    assert_eq!(b.call("a").await.unwrap(), "b");
    // What it knows of the time counts: it does not take an old certificate for a good one.
    let old = world.enrol("c", &a).await;
    b.knows("c", &old);
    b.endpoint.not_before(START.after(9 * DAY));
    b.is_refused("c", "expired").await;
}
