//! A network on loopback sockets, with a clock that the tests set.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use fogline_core::model::{NodeName, Timestamp};
use tempfile::TempDir;
use tokio::task::JoinHandle;

use crate::peers::enrol::wire::{Answer, Refusal, Request};
use crate::peers::enrol::{Asker, revoke};
use crate::peers::error::{CallError, EnrolError};
use crate::peers::trust::{
    ANY_MEMBER, Authority, Credentials, Facts, Member, Stranger, Terms, Token, Trust, WallClock,
};
use crate::peers::{Endpoint, Handler, Message, Options, tls, udp_socket};

pub(super) const HOUR: Duration = Duration::from_secs(3600);
pub(super) const DAY: Duration = Duration::from_secs(24 * 3600);
/// Some day in 2026.
pub(super) const START: Timestamp = Timestamp(1_790_000_000_000);

pub(super) fn name(text: &str) -> NodeName {
    text.parse().unwrap()
}

pub(super) fn soon() -> Instant {
    Instant::now() + Duration::from_secs(10)
}

/// A clock that a test sets.
#[derive(Clone)]
pub(super) struct Time(Arc<AtomicU64>);

impl Time {
    pub(super) fn at(time: Timestamp) -> Self {
        Self(Arc::new(AtomicU64::new(time.0)))
    }

    pub(super) fn set(&self, time: Timestamp) {
        self.0.store(time.0, Ordering::SeqCst);
    }

    pub(super) fn clock(&self) -> WallClock {
        let time = Arc::clone(&self.0);
        Arc::new(move || Timestamp(time.load(Ordering::SeqCst)))
    }
}

/// Answers with the name of the caller.
pub(super) struct Greet;

#[async_trait]
impl Handler for Greet {
    async fn handle(&self, from: NodeName, _: Message, _: Instant) -> Message {
        Message::of_head(from.as_str().to_owned())
    }
}

/// A node that runs until it is dropped.
pub(super) struct Node {
    pub(super) endpoint: Endpoint,
    task: JoinHandle<()>,
}

impl Drop for Node {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Node {
    pub(super) fn run(member: Member) -> Self {
        let socket = udp_socket((Ipv4Addr::LOCALHOST, 0).into()).unwrap();
        let endpoint = Endpoint::open(member, socket, &Options::default()).unwrap();
        let serving = endpoint.clone();
        let task = tokio::spawn(async move { serving.serve(Arc::new(Greet)).await });
        Self { endpoint, task }
    }

    pub(super) fn at(&self) -> SocketAddr {
        self.endpoint.local_address().unwrap()
    }

    pub(super) fn knows(&self, peer: &str, node: &Self) {
        self.endpoint.know(&name(peer), node.at());
    }

    pub(super) async fn call(&self, peer: &str) -> Result<String, CallError> {
        let reply = self
            .endpoint
            .call(&name(peer), Message::default(), soon())
            .await?;
        Ok(String::from_utf8(reply.head.to_vec()).unwrap())
    }

    /// Calls until it is refused for this reason. Whoever calls is through with its handshake before the other side
    /// has looked at its certificate, so the first words of a refusal may come on a connection.
    pub(super) async fn is_refused(&self, peer: &str, reason: &str) {
        let started = Instant::now();
        loop {
            match self.call(peer).await {
                Err(error) if error.to_string().contains(reason) => return,
                other => assert!(started.elapsed() < Duration::from_secs(10), "{other:?}"),
            }
            tokio::task::yield_now().await;
        }
    }

    pub(super) fn certificate(&self) -> Facts {
        self.endpoint.member().trust().own().unwrap().1
    }
}

/// A network's authority, the nodes' folders, and the time.
pub(super) struct World {
    folder: TempDir,
    pub(super) time: Time,
}

impl World {
    pub(super) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let authority = folder.path().join("authority");
        std::fs::create_dir(&authority).unwrap();
        Authority::new().unwrap().save(&authority).unwrap();
        let time = Time::at(START);
        Self { folder, time }
    }

    pub(super) fn authority(&self) -> Authority {
        Authority::load(&self.folder.path().join("authority")).unwrap()
    }

    pub(super) fn path(&self, node: &str) -> PathBuf {
        self.folder.path().join(node)
    }

    pub(super) fn open(&self, node: &str, authority: Option<Authority>, time: &Time) -> Credentials {
        let path = self.path(node);
        Credentials::open(&path, &name(node), authority, Terms::default(), time.clock()).unwrap()
    }

    /// A node that issues certificates.
    pub(super) fn issuer(&self, node: &str) -> Node {
        match self.open(node, Some(self.authority()), &self.time) {
            Credentials::Member(member) => Node::run(member),
            Credentials::Stranger(_) => panic!("it certifies itself"),
        }
    }

    pub(super) fn stranger(&self, node: &str) -> Stranger {
        match self.open(node, None, &self.time) {
            Credentials::Stranger(stranger) => stranger,
            Credentials::Member(member) => panic!("{member:?}"),
        }
    }

    /// A node that was here before.
    pub(super) fn again(&self, node: &str) -> Node {
        match self.open(node, None, &self.time) {
            Credentials::Member(member) => Node::run(member),
            Credentials::Stranger(stranger) => panic!("{stranger:?}"),
        }
    }

    pub(super) fn token(&self, node: Option<&str>) -> Token {
        let now = Timestamp(self.time.0.load(Ordering::SeqCst));
        let text = self
            .authority()
            .token(node.map(name).as_ref(), now, HOUR)
            .unwrap()
            .text();
        text.parse().unwrap()
    }

    /// A new node, enrolled by a peer.
    pub(super) async fn enrol(&self, node: &str, by: &Node) -> Node {
        let joined = self
            .stranger(node)
            .join(&[by.at()], &self.token(None), soon())
            .await;
        Node::run(joined.unwrap())
    }

    /// Waits until a node has written that another is out.
    pub(super) async fn has_kept(&self, node: &str, out: &str) {
        let started = Instant::now();
        let kept = || std::fs::read_to_string(self.path(node).join("revoked")).unwrap_or_default();
        while !kept().starts_with(&format!("{out} ")) {
            assert!(started.elapsed() < Duration::from_secs(10), "{}", kept());
            tokio::task::yield_now().await;
        }
    }

    pub(super) async fn revoke(&self, node: &str, by: &Node) -> Result<(), EnrolError> {
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

pub(super) fn refusal(result: Result<Member, EnrolError>) -> Refusal {
    match result {
        Err(EnrolError::Refused { refusal, .. }) => refusal,
        other => panic!("{other:?}"),
    }
}

/// What a node answers to somebody without a certificate.
pub(super) async fn nobody(world: &World, node: &Node, request: &Request) -> Answer {
    let trusted = vec![world.authority().certificate().clone()];
    let trust = Arc::new(Trust::new(trusted, Terms::default(), world.time.clock()).unwrap());
    let endpoint = quinn::Endpoint::client((Ipv4Addr::LOCALHOST, 0).into()).unwrap();
    let asker = Asker::new(endpoint, &trust, Options::default().transport().unwrap());
    asker.ask(node.at(), ANY_MEMBER, request, soon()).await.unwrap()
}

/// Connections without a certificate, on which nothing is said.
pub(super) async fn strangers(world: &World, node: &Node, count: usize) -> Vec<quinn::Connection> {
    let trusted = vec![world.authority().certificate().clone()];
    let trust = Arc::new(Trust::new(trusted, Terms::default(), world.time.clock()).unwrap());
    let mut config = quinn::ClientConfig::new(Arc::new(tls::client(&trust, tls::ENROL)));
    config.transport_config(Options::default().transport().unwrap());
    let mut connections = Vec::new();
    for _ in 0..count {
        let endpoint = quinn::Endpoint::client((Ipv4Addr::LOCALHOST, 0).into()).unwrap();
        let connecting = endpoint.connect_with(config.clone(), node.at(), ANY_MEMBER);
        connections.push(connecting.unwrap().await.unwrap());
    }
    connections
}
