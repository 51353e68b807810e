//! A network in memory, on tokio's clock: for tests and for reckoning traffic before there are machines.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until};

use crate::carrier::Carrier;

/// Messages that wait at one address; those that come then are lost.
const MAX_WAITING: usize = 1024;

/// How messages fare. What happens to a message is drawn from the seed.
#[derive(Clone, Copy, Debug)]
pub struct Weather {
    /// Seed of everything that is drawn.
    pub seed: u64,
    /// Messages lost, in thousandths.
    pub loss_permille: u64,
    /// Longest time on the way; each message takes between half of it and all of it.
    pub delay: Duration,
}

/// Messages and bytes that an address has sent, lost ones too.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sent {
    /// Messages.
    pub messages: u64,
    /// Bytes of them, without what a network puts around them.
    pub bytes: u64,
}

/// A network in memory.
#[derive(Clone)]
pub struct MemoryNetwork {
    inner: Arc<Mutex<Inner>>,
}

struct Inner {
    weather: Weather,
    drawn: u64,
    inboxes: BTreeMap<SocketAddr, mpsc::Sender<Letter>>,
    sent: BTreeMap<SocketAddr, Sent>,
    /// One side of a partition; empty if there is none.
    island: BTreeSet<SocketAddr>,
}

struct Letter {
    due: Instant,
    from: SocketAddr,
    message: Bytes,
}

impl MemoryNetwork {
    /// A network without nodes.
    #[must_use]
    pub fn new(weather: Weather) -> Self {
        let inner = Inner {
            weather,
            drawn: 0,
            inboxes: BTreeMap::new(),
            sent: BTreeMap::new(),
            island: BTreeSet::new(),
        };
        Self {
            inner: Arc::new(Mutex::new(inner)),
        }
    }

    /// A carrier at an address. What waited there for an earlier one is lost.
    #[must_use]
    pub fn attach(&self, address: SocketAddr) -> MemoryCarrier {
        let (letters, inbox) = mpsc::channel(MAX_WAITING);
        self.lock().inboxes.insert(address, letters);
        MemoryCarrier {
            network: self.clone(),
            address,
            inbox: tokio::sync::Mutex::new(Inbox { inbox, next: None }),
        }
    }

    /// Cuts these addresses off from all others, until the next call; with none, heals.
    pub fn cut(&self, island: impl IntoIterator<Item = SocketAddr>) {
        self.lock().island = island.into_iter().collect();
    }

    /// What an address has sent so far.
    #[must_use]
    pub fn sent(&self, address: SocketAddr) -> Sent {
        self.lock().sent.get(&address).copied().unwrap_or_default()
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        // Nothing that holds it leaves it half-changed.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn send(&self, from: SocketAddr, to: SocketAddr, message: Bytes) {
        let mut inner = self.lock();
        let sent = inner.sent.entry(from).or_default();
        sent.messages += 1;
        sent.bytes += message.len() as u64;
        let (fate, way) = (inner.draw(), inner.draw());
        let cut = inner.island.contains(&from) != inner.island.contains(&to);
        if cut || fate % 1000 < inner.weather.loss_permille {
            return;
        }
        let half = inner.weather.delay / 2;
        let extra = half.as_nanos() as u64;
        let due = Instant::now() + half + Duration::from_nanos(way.checked_rem(extra).unwrap_or(0));
        if let Some(inbox) = inner.inboxes.get(&to) {
            // A full inbox, or one that nobody reads any more, loses it.
            let _ = inbox.try_send(Letter { due, from, message });
        }
    }
}

impl Inner {
    /// The next number of splitmix64 (Steele, Lea and Flood, 2014; public domain).
    fn draw(&mut self) -> u64 {
        self.drawn += 1;
        let mut z = self
            .weather
            .seed
            .wrapping_add(self.drawn.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
}

/// One node's end of a [`MemoryNetwork`].
pub struct MemoryCarrier {
    network: MemoryNetwork,
    address: SocketAddr,
    inbox: tokio::sync::Mutex<Inbox>,
}

struct Inbox {
    inbox: mpsc::Receiver<Letter>,
    /// The letter that is next, kept here while it is on the way, so that breaking off the wait loses
    /// nothing.
    next: Option<Letter>,
}

#[async_trait]
impl Carrier for MemoryCarrier {
    fn send(&self, to: SocketAddr, message: Bytes) {
        self.network.send(self.address, to, message);
    }

    async fn receive(&self) -> io::Result<(SocketAddr, Bytes)> {
        let mut inbox = self.inbox.lock().await;
        if inbox.next.is_none() {
            inbox.next = inbox.inbox.recv().await;
        }
        let Some(due) = inbox.next.as_ref().map(|letter| letter.due) else {
            return Err(io::ErrorKind::ConnectionAborted.into());
        };
        sleep_until(due).await;
        let letter = inbox.next.take().expect("it was there, and the inbox is locked");
        Ok((letter.from, letter.message))
    }
}
