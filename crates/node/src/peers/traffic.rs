//! Bytes to and from each peer, and what they tell of the way to it.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use fogline_core::estimate::{PathEstimate, Probe, Transfer};
use fogline_core::model::{Bytes, ExecutionModel, NodeName};
use fogline_core::telemetry::PathFigures;

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
    /// Of the calls that this node made for invocations and runs, by the model of their session, in the order of
    /// [`ExecutionModel::PAPER`].
    pub models: [Carried; 4],
}

/// Bytes of messages.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Carried {
    /// Of requests.
    pub sent: Bytes,
    /// Of their answers.
    pub received: Bytes,
}

/// The counters behind a [`Traffic`], and what is learnt of the way to the peer. The counters order nothing, so relaxed
/// accesses are enough.
#[derive(Debug)]
pub(super) struct Meter {
    sent: AtomicU64,
    received: AtomicU64,
    calls: AtomicU64,
    served: AtomicU64,
    /// Sent and received, by model.
    models: [[AtomicU64; 2]; 4],
    path: Mutex<PathEstimate>,
    /// What times of the path count from.
    origin: Instant,
}

impl Default for Meter {
    fn default() -> Self {
        Self {
            sent: AtomicU64::new(0),
            received: AtomicU64::new(0),
            calls: AtomicU64::new(0),
            served: AtomicU64::new(0),
            models: Default::default(),
            path: Mutex::default(),
            origin: Instant::now(),
        }
    }
}

impl Meter {
    /// So many bytes had arrived at the peer, and it had said so, after so long.
    pub(super) fn delivered(&self, bytes: usize, took: Duration) {
        let transfer = Transfer {
            size: Bytes(bytes as u64),
            took,
        };
        self.path().learn(transfer, self.origin.elapsed());
    }

    /// What is known of the way to the peer.
    pub(super) fn figures(&self) -> PathFigures {
        self.path().figures()
    }

    /// What to send to the peer now for the sake of measuring; it counts as sent.
    pub(super) fn probe_due(&self) -> Option<Probe> {
        self.path().probe_due(self.origin.elapsed())
    }

    fn path(&self) -> MutexGuard<'_, PathEstimate> {
        self.path.lock().unwrap_or_else(PoisonError::into_inner)
    }

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

    pub(super) fn carried(&self, model: ExecutionModel, sent: Bytes, received: Bytes) {
        let at = ExecutionModel::PAPER.iter().position(|it| *it == model);
        if let Some([all_sent, all_received]) = at.map(|at| &self.models[at]) {
            all_sent.fetch_add(sent.0, Ordering::Relaxed);
            all_received.fetch_add(received.0, Ordering::Relaxed);
        }
    }

    fn snapshot(&self) -> Traffic {
        Traffic {
            sent: Bytes(self.sent.load(Ordering::Relaxed)),
            received: Bytes(self.received.load(Ordering::Relaxed)),
            calls: self.calls.load(Ordering::Relaxed),
            served: self.served.load(Ordering::Relaxed),
            models: self.models.each_ref().map(|[sent, received]| Carried {
                sent: Bytes(sent.load(Ordering::Relaxed)),
                received: Bytes(received.load(Ordering::Relaxed)),
            }),
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

    /// What is known of the way to each peer, of those of which something is.
    pub(super) fn figures(&self) -> BTreeMap<NodeName, PathFigures> {
        let meters = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let figures = meters.iter().map(|(peer, meter)| (peer.clone(), meter.figures()));
        figures.filter(|(_, figures)| figures.rtt.is_some()).collect()
    }

    pub(super) fn snapshot(&self) -> BTreeMap<NodeName, Traffic> {
        let meters = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        meters
            .iter()
            .map(|(peer, meter)| (peer.clone(), meter.snapshot()))
            .collect()
    }
}
