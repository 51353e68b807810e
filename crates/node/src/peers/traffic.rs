//! Bytes to and from each peer.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use fogline_core::model::{Bytes, NodeName};

/// What passed between this node and a peer, in both roles, since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Traffic {
    /// Bytes of frames written to streams.
    pub sent: Bytes,
    /// Bytes of frames read from streams.
    pub received: Bytes,
    /// Calls that this node made to the peer and that were answered.
    pub calls: u64,
    /// Calls of the peer that this node answered.
    pub served: u64,
}

/// The counters behind a [`Traffic`]. They order nothing, so relaxed accesses are enough.
#[derive(Debug, Default)]
pub(super) struct Meter {
    sent: AtomicU64,
    received: AtomicU64,
    calls: AtomicU64,
    served: AtomicU64,
}

impl Meter {
    pub(super) fn sent(&self, bytes: usize) {
        self.sent.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    pub(super) fn received(&self, bytes: usize) {
        self.received.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    pub(super) fn called(&self) {
        self.calls.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn served(&self) {
        self.served.fetch_add(1, Ordering::Relaxed);
    }

    fn snapshot(&self) -> Traffic {
        Traffic {
            sent: Bytes(self.sent.load(Ordering::Relaxed)),
            received: Bytes(self.received.load(Ordering::Relaxed)),
            calls: self.calls.load(Ordering::Relaxed),
            served: self.served.load(Ordering::Relaxed),
        }
    }
}

/// The meters of all peers. Peers hold certificates of our authority, so they are few.
#[derive(Debug, Default)]
pub(super) struct Meters(Mutex<BTreeMap<NodeName, Arc<Meter>>>);

impl Meters {
    pub(super) fn of(&self, peer: &NodeName) -> Arc<Meter> {
        let mut meters = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(meters.entry(peer.clone()).or_default())
    }

    pub(super) fn snapshot(&self) -> BTreeMap<NodeName, Traffic> {
        let meters = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        meters
            .iter()
            .map(|(peer, meter)| (peer.clone(), meter.snapshot()))
            .collect()
    }
}
