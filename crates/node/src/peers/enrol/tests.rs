//! Real nodes on loopback sockets, with clocks that the tests set.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use fogline_core::model::{NodeName, Timestamp};
use tempfile::TempDir;
use tokio::task::JoinHandle;

use super::wire::{Answer, Refusal, Request};
use super::{Asker, revoke};
use crate::peers::error::{CallError, EnrolError};
use crate::peers::trust::{
    ANY_MEMBER, Authority, Credentials, Facts, Member, Stranger, Terms, Token, Trust, WallClock,
};
use crate::peers::{Endpoint, Handler, Message, Options, tls, udp_socket};

const HOUR: Duration = Duration::from_secs(3600);
const DAY: Duration = Duration::from_secs(24 * 3600);
/// How QUIC shows TLS's alert certificate_revoked (RFC 8446, 6).
const ALERT_REVOKED: &str = "error 44";
/// Some day in 2026.
const START: Timestamp = Timestamp(1_790_000_000_000);

fn name(text: &str) -> NodeName {
    text.parse().unwrap()
}

fn soon() -> Instant {
    Instant::now() + Duration::from_secs(10)
}

/// A clock that a test sets.
#[derive(Clone)]
struct Time(Arc<AtomicU64>);

impl Time {
    fn at(time: Timestamp) -> Self {
        Self(Arc::new(AtomicU64::new(time.0)))
    }

    fn set(&self, time: Timestamp) {
        self.0.store(time.0, Ordering::SeqCst);
    }

    fn clock(&self) -> WallClock {
        let time = Arc::clone(&self.0);
        Arc::new(move || Timestamp(time.load(Ordering::SeqCst)))
    }
}

/// Answers with the name of the caller.
struct Greet;

#[async_trait]
impl Handler for Greet {
    async fn handle(&self, from: NodeName, _: Message, _: Instant) -> Message {
        Message::of_head(from.as_str().to_owned())
    }
}

/// A node that runs until it is dropped.
struct Node {
    endpoint: Endpoint,
    task: JoinHandle<()>,
}

impl Drop for Node {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Node {
    fn run(member: Member) -> Self {
        let socket = udp_socket((Ipv4Addr::LOCALHOST, 0).into()).unwrap();
        let endpoint = Endpoint::open(member, socket, &Options::default()).unwrap();
        let serving = endpoint.clone();
        let task = tokio::spawn(async move { serving.serve(Arc::new(Greet)).await });
        Self { endpoint, task }
    }

    fn at(&self) -> SocketAddr {
        self.endpoint.local_address().unwrap()
    }

    fn knows(&self, peer: &str, node: &Self) {
        self.endpoint.know(&name(peer), node.at());
    }

    async fn call(&self, peer: &str) -> Result<String, CallError> {
        let reply = self
            .endpoint
            .call(&name(peer), Message::default(), soon())
            .await?;
        Ok(String::from_utf8(reply.head.to_vec()).unwrap())
    }

    /// Calls until it is refused for this reason. Whoever calls is through with its handshake before the other side
    /// has looked at its certificate, so the first words of a refusal may come on a connection.
    async fn is_refused(&self, peer: &str, reason: &str) {
        let started = Instant::now();
        loop {
            match self.call(peer).await {
                Err(error) if error.to_string().contains(reason) => return,
                other => assert!(started.elapsed() < Duration::from_secs(10), "{other:?}"),
            }
            tokio::task::yield_now().await;
        }
    }

    fn certificate(&self) -> Facts {
        self.endpoint.member().trust().own().unwrap().1
    }
}

/// A network's authority, the nodes' folders, and the time.
struct World {
    folder: TempDir,
    time: Time,
}

impl World {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let authority = folder.path().join("authority");
        std::fs::create_dir(&authority).unwrap();
        Authority::new().unwrap().save(&authority).unwrap();
        let time = Time::at(START);
        Self { folder, time }
    }

    fn authority(&self) -> Authority {
        Authority::load(&self.folder.path().join("authority")).unwrap()
    }

    fn path(&self, node: &str) -> PathBuf {
        self.folder.path().join(node)
    }

    fn open(&self, node: &str, authority: Option<Authority>, time: &Time) -> Credentials {
        let path = self.path(node);
        Credentials::open(&path, &name(node), authority, Terms::default(), time.clock()).unwrap()
    }

    /// A node that issues certificates.
    fn issuer(&self, node: &str) -> Node {
        match self.open(node, Some(self.authority()), &self.time) {
            Credentials::Member(member) => Node::run(member),
            Credentials::Stranger(_) => panic!("it certifies itself"),
        }
    }

    fn stranger(&self, node: &str) -> Stranger {
        match self.open(node, None, &self.time) {
            Credentials::Stranger(stranger) => stranger,
            Credentials::Member(member) => panic!("{member:?}"),
        }
    }

    /// A node that was here before.
    fn again(&self, node: &str) -> Node {
        match self.open(node, None, &self.time) {
            Credentials::Member(member) => Node::run(member),
            Credentials::Stranger(stranger) => panic!("{stranger:?}"),
        }
    }

    fn token(&self, node: Option<&str>) -> Token {
        let now = Timestamp(self.time.0.load(Ordering::SeqCst));
        let text = self
            .authority()
            .token(node.map(name).as_ref(), now, HOUR)
            .unwrap()
            .text();
        text.parse().unwrap()
    }

    /// A new node, enrolled by a peer.
    async fn enrol(&self, node: &str, by: &Node) -> Node {
        let joined = self
            .stranger(node)
            .join(&[by.at()], &self.token(None), soon())
            .await;
        Node::run(joined.unwrap())
    }

    /// Waits until a node has written that another is out.
    async fn has_kept(&self, node: &str, out: &str) {
        let started = Instant::now();
        let kept = || std::fs::read_to_string(self.path(node).join("revoked")).unwrap_or_default();
        while !kept().starts_with(&format!("{out} ")) {
            assert!(started.elapsed() < Duration::from_secs(10), "{}", kept());
            tokio::task::yield_now().await;
        }
    }

    async fn revoke(&self, node: &str, by: &Node) -> Result<(), EnrolError> {
        revoke(
            &name(node),
            &self.authority(),
            self.time.clock(),
            &[by.at()],
            soon(),
        )
        .await
    }
}

fn refusal(result: Result<Member, EnrolError>) -> Refusal {
    match result {
        Err(EnrolError::Refused { refusal, .. }) => refusal,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_machine_is_enrolled_by_a_peer_that_cannot_issue_and_needs_no_token_again() {
    let world = World::new();
    let a = world.issuer("a");
    let b = world.enrol("b", &a).await;
    b.knows("a", &a);
    let c = world.enrol("c", &b).await;
    c.knows("b", &b);
    b.knows("c", &c);
    assert_eq!(c.call("b").await.unwrap(), "c");
    assert_eq!(b.call("c").await.unwrap(), "b");
    let key = c.certificate().key;
    drop(c);
    let c = world.again("c");
    assert_eq!(c.certificate().key, key);
    c.knows("b", &b);
    assert_eq!(c.call("b").await.unwrap(), "c");
}

#[tokio::test]
async fn a_peer_that_reaches_no_issuer_says_so() {
    let world = World::new();
    let a = world.issuer("a");
    let b = world.enrol("b", &a).await;
    let c = world.enrol("c", &a).await;
    b.knows("c", &c);
    c.knows("b", &b);
    let error = world
        .stranger("d")
        .join(&[b.at()], &world.token(None), soon())
        .await
        .unwrap_err();
    assert!(
        matches!(&error, EnrolError::NoPeer { tried } if tried.contains("authority's key")),
        "{error}"
    );
}

#[tokio::test]
async fn only_a_token_that_serves_admits() {
    let world = World::new();
    let a = world.issuer("a");
    let b = world.enrol("b", &a).await;
    b.knows("a", &a);
    let join = |node: &str, token: Token| {
        let stranger = world.stranger(node);
        let peer = [b.at()];
        async move { stranger.join(&peer, &token, soon()).await }
    };
    assert_eq!(
        refusal(join("d", world.token(Some("c"))).await),
        Refusal::OtherNode
    );
    let early = world.token(None);
    world.time.set(START.after(HOUR + Duration::from_secs(1)));
    assert_eq!(refusal(join("d", early).await), Refusal::Over);
    let foreign = Authority::new()
        .unwrap()
        .token(None, START.after(HOUR), HOUR)
        .unwrap();
    let error = join("d", foreign).await.unwrap_err();
    assert!(
        matches!(&error, EnrolError::NoPeer { .. }),
        "it trusts another authority: {error}"
    );
    assert!(join("c", world.token(Some("c"))).await.is_ok());
    assert!(join("d", world.token(None)).await.is_ok());
}

#[tokio::test]
async fn a_token_for_any_node_does_not_take_the_place_of_one() {
    let world = World::new();
    let a = world.issuer("a");
    let b = world.enrol("b", &a).await;
    std::fs::remove_dir_all(world.path("b")).unwrap();
    let join = |token: Token| {
        let stranger = world.stranger("b");
        let peer = [a.at()];
        async move { stranger.join(&peer, &token, soon()).await }
    };
    assert_eq!(refusal(join(world.token(None)).await), Refusal::Taken);
    drop((a, b));
    let a = world.issuer("a");
    let stranger = world.stranger("b");
    let joined = stranger.join(&[a.at()], &world.token(None), soon()).await;
    assert_eq!(refusal(joined), Refusal::Taken, "it remembers");
    let stranger = world.stranger("b");
    assert!(
        stranger
            .join(&[a.at()], &world.token(Some("b")), soon())
            .await
            .is_ok()
    );
}

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

#[tokio::test]
async fn a_revoked_node_is_refused_everywhere_also_by_a_peer_that_was_away() {
    let world = World::new();
    let a = world.issuer("a");
    let (b, c, d) = (
        world.enrol("b", &a).await,
        world.enrol("c", &a).await,
        world.enrol("d", &a).await,
    );
    drop(d);
    for (node, peers) in [
        (&a, [("b", &b), ("c", &c)]),
        (&b, [("a", &a), ("c", &c)]),
        (&c, [("a", &a), ("b", &b)]),
    ] {
        for (peer, at) in peers {
            node.knows(peer, at);
            node.call(peer).await.unwrap();
        }
    }
    let token = world.token(Some("c"));
    world.time.set(START.after(Duration::from_secs(1)));
    world.revoke("c", &b).await.unwrap();
    for node in [&b, &a] {
        node.is_refused("c", "certificate: Revoked").await;
    }
    for peer in ["b", "a"] {
        c.is_refused(peer, ALERT_REVOKED).await;
    }
    assert!(b.call("a").await.is_ok(), "others go on");
    // d comes back, and hears of it from the first peer that it connects with.
    let d = world.again("d");
    d.knows("c", &c);
    assert!(d.call("c").await.is_ok(), "it has not heard of it");
    d.knows("b", &b);
    d.call("b").await.unwrap();
    d.is_refused("c", "certificate: Revoked").await;
    world.has_kept("d", "c").await;
    drop(d);
    let d = world.again("d");
    d.knows("c", &c);
    d.is_refused("c", "certificate: Revoked").await;
    // Neither its certificate nor the token that it came with brings it back, but a new token does, at once.
    c.endpoint.tend().await;
    drop(c);
    std::fs::remove_dir_all(world.path("c")).unwrap();
    let stranger = world.stranger("c");
    assert_eq!(
        refusal(stranger.join(&[a.at()], &token, soon()).await),
        Refusal::Revoked
    );
    world.time.set(START.after(Duration::from_secs(2)));
    let joined = world
        .stranger("c")
        .join(&[a.at()], &world.token(Some("c")), soon())
        .await;
    let c = Node::run(joined.unwrap());
    c.knows("d", &d);
    assert_eq!(c.call("d").await.unwrap(), "c");
}

#[tokio::test]
async fn another_authority_revokes_nobody() {
    let world = World::new();
    let a = world.issuer("a");
    let other = World::new();
    let error = other.revoke("a", &a).await.unwrap_err();
    assert!(matches!(&error, EnrolError::NoPeer { .. }), "{error}");
    let foreign = Authority::new().unwrap().revoke(&name("a"), START).unwrap();
    let request = Request::Revoke(foreign.signed().clone());
    assert!(matches!(
        nobody(&world, &a, &request).await,
        Answer::Refused(Refusal::Foreign)
    ));
    assert_eq!(
        a.endpoint
            .member()
            .trust()
            .revoked(|revoked| revoked.iter().count()),
        0
    );
}

/// What a node answers to somebody without a certificate.
async fn nobody(world: &World, node: &Node, request: &Request) -> Answer {
    let trusted = vec![world.authority().certificate().clone()];
    let trust = Arc::new(Trust::new(trusted, Terms::default(), world.time.clock()).unwrap());
    let endpoint = quinn::Endpoint::client((Ipv4Addr::LOCALHOST, 0).into()).unwrap();
    let asker = Asker::new(endpoint, &trust, Options::default().transport().unwrap());
    asker.ask(node.at(), ANY_MEMBER, request, soon()).await.unwrap()
}

#[tokio::test]
async fn without_a_certificate_nothing_is_done_but_enrolment() {
    let world = World::new();
    let a = world.issuer("a");
    let (certificate, _) = a.endpoint.member().trust().own().unwrap();
    let request = Request::Renew {
        certificate: certificate.to_vec(),
        forwarded: false,
    };
    assert!(matches!(
        nobody(&world, &a, &request).await,
        Answer::Refused(Refusal::Foreign)
    ));
    // Nor is a call answered.
    let trusted = vec![world.authority().certificate().clone()];
    let trust = Arc::new(Trust::new(trusted, Terms::default(), world.time.clock()).unwrap());
    let config = quinn::ClientConfig::new(Arc::new(tls::client(&trust, tls::PEER)));
    let endpoint = quinn::Endpoint::client((Ipv4Addr::LOCALHOST, 0).into()).unwrap();
    let connection = endpoint
        .connect_with(config, a.at(), ANY_MEMBER)
        .unwrap()
        .await
        .unwrap();
    let closed = connection.closed().await;
    assert!(closed.to_string().contains("no certificate"), "{closed}");
}

#[tokio::test]
async fn a_peer_that_is_forgotten_is_called_no_more() {
    let world = World::new();
    let a = world.issuer("a");
    let b = world.enrol("b", &a).await;
    b.knows("a", &a);
    assert_eq!(b.call("a").await.unwrap(), "b");
    b.endpoint.forget(&name("a"));
    assert!(matches!(b.call("a").await, Err(CallError::Unknown { .. })));
    b.knows("a", &a);
    assert_eq!(b.call("a").await.unwrap(), "b");
}
