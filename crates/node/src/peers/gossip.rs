//! Gossip over the connections between nodes: only enrolled nodes are heard.
//!
//! A node is dialled by its address alone, because of a seed nothing else is known; who dialled does not matter, both
//! sides gossip over one connection.

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use bytes::Bytes;
use fogline_core::dispatch::pause_after;
use fogline_core::model;
use fogline_membership::Carrier;
use tokio::sync::mpsc;

use super::endpoint::Endpoint;
use super::notice;

/// Messages that wait for gossip to take them up; further ones are lost.
const MAX_WAITING: usize = 256;
/// Addresses that are being dialled, or were in vain; messages to further ones are lost.
const MAX_DIALS: usize = 1024;

/// What passed through this node as gossip, since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Gossiped {
    /// Bytes of messages sent.
    pub sent: model::Bytes,
    /// Bytes of messages received.
    pub received: model::Bytes,
}

/// What the connections of a node share for gossip.
pub(super) struct Gossip {
    arrive: mpsc::Sender<(SocketAddr, Bytes)>,
    arrived: tokio::sync::Mutex<mpsc::Receiver<(SocketAddr, Bytes)>>,
    dials: Mutex<BTreeMap<SocketAddr, Dial>>,
    sent: AtomicU64,
    received: AtomicU64,
}

/// An address that is not dialled again before a moment.
struct Dial {
    /// In vain, in a row.
    times: u32,
    until: Instant,
}

impl Default for Gossip {
    fn default() -> Self {
        let (arrive, arrived) = mpsc::channel(MAX_WAITING);
        Self {
            arrive,
            arrived: arrived.into(),
            dials: Mutex::default(),
            sent: AtomicU64::new(0),
            received: AtomicU64::new(0),
        }
    }
}

impl Gossip {
    /// A message came from an enrolled node, which is reached at this address.
    pub(super) fn heard(&self, from: SocketAddr, message: Bytes) {
        self.received.fetch_add(message.len() as u64, Ordering::Relaxed);
        if self.arrive.try_send((from, message)).is_err() {
            tracing::debug!(%from, "too many gossip messages wait, one was lost");
        }
    }

    fn send(&self, connection: &quinn::Connection, message: &[u8]) {
        if notice::gossip(connection, message) {
            self.sent.fetch_add(message.len() as u64, Ordering::Relaxed);
        } else {
            tracing::debug!(to = %connection.remote_address(), "a gossip message was lost");
        }
    }

    /// Whether an address is to be dialled now; if so, it is not again within `patience`.
    fn may_dial(&self, address: SocketAddr, patience: Duration) -> bool {
        let (mut dials, now) = (self.dials(), Instant::now());
        if dials.len() >= MAX_DIALS && !dials.contains_key(&address) {
            dials.retain(|_, dial| dial.until > now);
            if dials.len() >= MAX_DIALS {
                return false;
            }
        }
        let dial = dials.entry(address).or_insert(Dial { times: 0, until: now });
        if dial.until > now {
            return false;
        }
        dial.until = now + patience;
        true
    }

    fn dialled(&self, address: SocketAddr, found: bool) {
        let mut dials = self.dials();
        if found {
            dials.remove(&address);
        } else if let Some(dial) = dials.get_mut(&address) {
            dial.times = dial.times.saturating_add(1);
            dial.until = Instant::now() + pause_after(dial.times);
        }
    }

    fn dials(&self) -> std::sync::MutexGuard<'_, BTreeMap<SocketAddr, Dial>> {
        self.dials.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn gossiped(&self) -> Gossiped {
        Gossiped {
            sent: model::Bytes(self.sent.load(Ordering::Relaxed)),
            received: model::Bytes(self.received.load(Ordering::Relaxed)),
        }
    }
}

#[async_trait]
impl Carrier for Endpoint {
    fn send(&self, to: SocketAddr, message: Bytes) {
        let live = self.live();
        if let Some(connection) = live.at(to) {
            return live.gossip.send(&connection, &message);
        }
        let dialler = self.dialler();
        if !live.gossip.may_dial(to, dialler.timeout) {
            return;
        }
        let it = self.clone();
        dialler.spawn(async move {
            let dialled = it.dialler().dial(to).await;
            let gossip = &it.live().gossip;
            gossip.dialled(to, dialled.is_ok());
            match dialled {
                Ok(connection) => gossip.send(&connection, &message),
                Err(reason) => tracing::debug!(%to, reason, "no node to gossip with"),
            }
        });
    }

    async fn receive(&self) -> io::Result<(SocketAddr, Bytes)> {
        let received = self.live().gossip.arrived.lock().await.recv().await;
        received.ok_or_else(|| io::ErrorKind::BrokenPipe.into())
    }
}
