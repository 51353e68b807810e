//! A node as another sees it.

use std::net::SocketAddr;
use std::sync::Arc;

use fogline_core::model::NodeName;
use fogline_core::telemetry::Telemetry;
use tokio::time::Instant;

use crate::options::{Addresses, Incarnation};

/// Whether a node is there, as another sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Presence {
    /// It is heard from.
    Alive,
    /// It is known of, but not heard from: dead, cut off, or so new that it was heard of once only.
    Silent,
    /// It has said that it leaves.
    Left,
}

/// A node as this node sees it.
#[derive(Clone, Debug, PartialEq)]
pub struct Member {
    /// Its name.
    pub name: NodeName,
    /// Its latest life that is known of.
    pub incarnation: Incarnation,
    /// Where its carrier is reached.
    pub gossip: SocketAddr,
    /// Where its services are reached; empty until it was heard from.
    pub addresses: Addresses,
    /// Whether it is there.
    pub presence: Presence,
    /// Since when it is (or is not), as this node saw it.
    pub since: Instant,
    /// What it last said of itself, if it has said anything. What has hardly changed is not said again, so
    /// the telemetry of a node that is alive holds, however old it is.
    pub telemetry: Option<Arc<Telemetry>>,
    /// When that came here. It was said at most a few rounds of gossip earlier.
    pub heard: Instant,
}

impl Member {
    /// Whether it is heard from.
    #[must_use]
    pub fn is_alive(&self) -> bool {
        self.presence == Presence::Alive
    }
}
