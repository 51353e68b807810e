//! The connections that are there, with whom, and what is said on them about who is out.
//!
//! Revocations are few and short, so a node sends all that it knows to whoever it is connected with anew, and each
//! that it learns of to all it is connected with. A node that was away hears of them with its first connection.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use fogline_core::model::NodeName;
use futures_util::StreamExt as _;
use futures_util::future::join_all;
use futures_util::stream::FuturesUnordered;
use quinn::{Connection, RecvStream, VarInt};

use super::gossip::Gossip;
use super::notice::{self, MAX_NOTICES, Notice};
use super::trust::{Facts, Member, Revocation, Signed};

/// Closes a connection with a node that was revoked, or whose certificate is over.
const OUT: VarInt = VarInt::from_u32(2);
/// Closes a connection with a peer that was forgotten.
const FORGOTTEN: VarInt = VarInt::from_u32(3);

/// Which side made a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Made {
    /// This node.
    Here,
    /// The peer.
    There,
}

/// The connections that are there.
pub(super) struct Live {
    member: Arc<Member>,
    connections: Mutex<BTreeMap<usize, Entry>>,
    /// Held while revocations are written, so that the file is that of the last change.
    writing: tokio::sync::Mutex<()>,
    pub(super) gossip: Gossip,
}

struct Entry {
    peer: Facts,
    made: Made,
    connection: Connection,
}

impl Entry {
    fn address(&self) -> SocketAddr {
        canonical(self.connection.remote_address())
    }
}

impl Live {
    pub(super) fn new(member: Arc<Member>) -> Self {
        Self {
            member,
            connections: Mutex::default(),
            writing: tokio::sync::Mutex::default(),
            gossip: Gossip::default(),
        }
    }

    /// Tells a peer who is out, and hears that and gossip from it, for as long as the connection is there.
    pub(super) async fn attend(&self, connection: Connection, peer: Facts, made: Made) {
        let _there = self.enter(&connection, &peer, made);
        // Revoked between its handshake and now.
        self.close_those_out();
        let known = self.member.trust().revoked(|revoked| {
            let signed = revoked.iter().map(|it| it.signed().clone());
            signed.collect::<Vec<_>>()
        });
        let tell = async {
            if !known.is_empty() {
                notice::revocations(&connection, &known).await;
            }
        };
        tokio::join!(tell, self.hear_all(&connection, &peer));
    }

    /// Hears what the peer says, side by side: a notice that takes long to arrive holds up none behind it.
    async fn hear_all(&self, connection: &Connection, peer: &Facts) {
        let mut hearing = FuturesUnordered::new();
        loop {
            tokio::select! {
                stream = connection.accept_uni(), if hearing.len() < MAX_NOTICES as usize => match stream {
                    Ok(stream) => hearing.push(self.hear(connection, peer, stream)),
                    Err(_) => break,
                },
                Some(()) = hearing.next() => {}
            }
        }
        // What was heard before the end is taken in.
        while hearing.next().await.is_some() {}
    }

    async fn hear(&self, connection: &Connection, peer: &Facts, mut stream: RecvStream) {
        match notice::read(&mut stream).await {
            Some(Notice::Revocations(list)) => self.learn(list).await,
            Some(Notice::Gossip(message)) => {
                self.gossip.heard(canonical(connection.remote_address()), message);
            }
            Some(Notice::Block) => {}
            None => tracing::debug!(peer = %peer.node, "said something that is not a notice"),
        }
    }

    fn enter(&self, connection: &Connection, peer: &Facts, made: Made) -> There<'_> {
        let id = connection.stable_id();
        let entry = Entry {
            peer: peer.clone(),
            made,
            connection: connection.clone(),
        };
        self.lock().insert(id, entry);
        There { live: self, id }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<usize, Entry>> {
        self.connections.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes in what was said about who is out: keeps it, closes connections with those, and tells all others.
    pub(super) async fn learn(&self, said: Vec<Signed>) {
        let trust = self.member.trust();
        let authentic = said.into_iter().filter_map(|signed| trust.revocation(signed));
        let news: Vec<Revocation> = trust.revoke(|revoked| {
            let added = authentic.filter(|it| revoked.add(it.clone()));
            added.collect()
        });
        if news.is_empty() {
            return;
        }
        for revocation in &news {
            tracing::warn!(node = %revocation.node(), "revoked");
        }
        self.close_those_out();
        self.keep().await;
        let news: Vec<Signed> = news.iter().map(|it| it.signed().clone()).collect();
        let others: Vec<Connection> = self.lock().values().map(|it| it.connection.clone()).collect();
        join_all(
            others
                .iter()
                .map(|connection| notice::revocations(connection, &news)),
        )
        .await;
    }

    /// Writes who is out. What was heard counts in this process also if the disk fails.
    async fn keep(&self) {
        let _one = self.writing.lock().await;
        let member = Arc::clone(&self.member);
        let written = tokio::task::spawn_blocking(move || member.keep_revoked()).await;
        match written {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::error!(%error, "revocations are not kept"),
            Err(error) => tracing::error!(%error, "revocations are not kept"),
        }
    }

    /// What is to be done now and then: closes connections with nodes whose certificates are over, and forgets
    /// revocations of certificates that nobody accepts any longer.
    pub(super) async fn tend(&self) {
        self.close_those_out();
        let trust = self.member.trust();
        let terms = trust.terms();
        let (now, accepted) = (trust.now(), terms.life + terms.grace);
        if trust.revoke(|revoked| revoked.prune(now, accepted)) {
            self.keep().await;
        }
    }

    /// Closes connections with nodes that are revoked, or whose certificates are over.
    fn close_those_out(&self) {
        let trust = self.member.trust();
        for entry in self.lock().values() {
            if trust.voids(&entry.peer) {
                entry.connection.close(OUT, b"revoked");
            } else if trust.over(&entry.peer) {
                entry.connection.close(OUT, b"the certificate is over");
            }
        }
    }

    /// A connection with whoever is at an address, whichever side made it.
    pub(super) fn at(&self, address: SocketAddr) -> Option<Connection> {
        self.find(|entry| entry.address() == address)
    }

    /// A connection that this node has made to a peer at an address.
    pub(super) fn made_to(&self, peer: &NodeName, address: SocketAddr) -> Option<Connection> {
        self.find(|entry| entry.made == Made::Here && entry.peer.node == *peer && entry.address() == address)
    }

    /// The shortest round trip to each peer.
    pub(super) fn rtts(&self) -> BTreeMap<NodeName, Duration> {
        let mut rtts = BTreeMap::new();
        for entry in self.lock().values() {
            let rtt = entry.connection.rtt();
            let least = rtts.entry(entry.peer.node.clone()).or_insert(rtt);
            *least = rtt.min(*least);
        }
        rtts
    }

    /// One of those that are not over.
    fn find(&self, wanted: impl Fn(&Entry) -> bool) -> Option<Connection> {
        let connections = self.lock();
        let mut entries = connections.values();
        let found = entries.find(|entry| entry.connection.close_reason().is_none() && wanted(entry));
        found.map(|entry| entry.connection.clone())
    }

    #[cfg(test)]
    pub(super) fn count(&self) -> usize {
        self.lock().len()
    }

    /// Closes the connections that this node has made to a peer.
    pub(super) fn forget(&self, peer: &NodeName) {
        for entry in self.lock().values() {
            if entry.peer.node == *peer && entry.made == Made::Here {
                entry.connection.close(FORGOTTEN, b"forgotten");
            }
        }
    }
}

/// While a connection is listed.
struct There<'a> {
    live: &'a Live,
    id: usize,
}

impl Drop for There<'_> {
    fn drop(&mut self) {
        self.live.lock().remove(&self.id);
    }
}

/// An address without regard to the socket: one for both IPv4 and IPv6 shows the former as the latter.
pub(super) fn canonical(address: SocketAddr) -> SocketAddr {
    SocketAddr::new(address.ip().to_canonical(), address.port())
}
