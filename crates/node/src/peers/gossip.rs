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

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;
    use std::sync::Arc;
    use std::time::{Duration, Instant};

    use async_trait::async_trait;
    use bytes::Bytes;
    use fogline_core::model::NodeName;
    use fogline_membership::Carrier as _;
    use tokio::task::JoinSet;
    use tokio::time::timeout;

    use super::notice;
    use crate::peers::{Authority, Endpoint, Handler, Message, Options, udp_socket};

    struct Silent;

    #[async_trait]
    impl Handler for Silent {
        async fn handle(&self, _: NodeName, _: Message, _: Instant) -> Message {
            Message::default()
        }
    }

    fn node(authority: &Authority, name: &str, served: &mut JoinSet<()>) -> Endpoint {
        let identity = authority.issue(&name.parse().unwrap()).unwrap();
        let socket = udp_socket((Ipv4Addr::LOCALHOST, 0).into()).unwrap();
        let endpoint = Endpoint::bind(&identity, socket, &Options::default()).unwrap();
        let serving = endpoint.clone();
        served.spawn(async move { serving.serve(Arc::new(Silent)).await });
        endpoint
    }

    /// The next message, as text, and whether it is from this node.
    async fn next(at: &Endpoint, from: &Endpoint) -> String {
        let received = timeout(Duration::from_secs(10), at.receive()).await;
        let (sender, message) = received.expect("it comes").unwrap();
        assert_eq!(sender, from.local_address().unwrap());
        String::from_utf8(message.to_vec()).unwrap()
    }

    #[tokio::test]
    async fn an_address_is_enough_and_both_sides_and_calls_use_one_connection() {
        let (authority, mut served) = (Authority::new().unwrap(), JoinSet::new());
        let a = node(&authority, "a", &mut served);
        let b = node(&authority, "b", &mut served);
        let (of_a, of_b) = (a.local_address().unwrap(), b.local_address().unwrap());
        a.send(of_b, Bytes::from_static(b"to b"));
        assert_eq!(next(&b, &a).await, "to b");
        b.send(of_a, Bytes::from_static(b"to a"));
        assert_eq!(next(&a, &b).await, "to a");
        let name: NodeName = "b".parse().unwrap();
        a.know(&name, of_b);
        let deadline = Instant::now() + Duration::from_secs(10);
        a.call(&name, Message::default(), deadline).await.unwrap();
        assert_eq!((a.live().count(), b.live().count()), (1, 1));
        assert_eq!((a.gossiped().sent.0, a.gossiped().received.0), (4, 4));
    }

    #[tokio::test]
    async fn a_notice_that_takes_long_to_arrive_holds_up_none_behind_it() {
        let (authority, mut served) = (Authority::new().unwrap(), JoinSet::new());
        let a = node(&authority, "a", &mut served);
        let b = node(&authority, "b", &mut served);
        let of_b = b.local_address().unwrap();
        a.send(of_b, Bytes::from_static(b"before"));
        assert_eq!(next(&b, &a).await, "before");
        let connection = a.live().at(of_b).unwrap();
        let mut block = connection.open_uni().await.unwrap();
        block.write_all(&[notice::BLOCK, 0, 0, 0]).await.unwrap();
        a.send(of_b, Bytes::from_static(b"behind"));
        let behind = timeout(notice::PATIENCE / 2, next(&b, &a)).await;
        assert_eq!(behind.expect("it does not wait"), "behind");
    }

    #[tokio::test]
    async fn whoever_is_no_node_of_the_network_is_not_heard() {
        let (authority, mut served) = (Authority::new().unwrap(), JoinSet::new());
        let a = node(&authority, "a", &mut served);
        let b = node(&authority, "b", &mut served);
        let stranger = node(&Authority::new().unwrap(), "c", &mut served);
        let of_b = b.local_address().unwrap();
        stranger.send(of_b, Bytes::from_static(b"a lie"));
        // What it was told is that it is none.
        while stranger
            .live()
            .gossip
            .dials()
            .values()
            .all(|dial| dial.times == 0)
        {
            tokio::task::yield_now().await;
        }
        a.send(of_b, Bytes::from_static(b"the truth"));
        assert_eq!(next(&b, &a).await, "the truth");
    }

    #[tokio::test]
    async fn a_message_to_nobody_is_lost_and_holds_up_none() {
        let (authority, mut served) = (Authority::new().unwrap(), JoinSet::new());
        let a = node(&authority, "a", &mut served);
        let b = node(&authority, "b", &mut served);
        let nobody = std::net::UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        for _ in 0..100 {
            a.send(nobody.local_addr().unwrap(), Bytes::from_static(b"lost"));
        }
        a.send(b.local_address().unwrap(), Bytes::from_static(b"found"));
        assert_eq!(next(&b, &a).await, "found");
        assert_eq!(a.live().gossip.dials().len(), 1, "it is dialled once");
    }
}
