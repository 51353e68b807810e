//! A leg: the messages between a worker and one peer.

use serde::{Deserialize, Serialize};

use crate::model::{Bytes, Seconds};
use crate::network::{Path, VertexId};

/// What one direction of a leg carries.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Flow {
    /// Messages that are waited for, each for the path's latency.
    pub messages: u32,
    /// Bytes in all of them.
    pub bytes: Bytes,
}

impl Flow {
    /// Nothing.
    pub const NONE: Self = Self {
        messages: 0,
        bytes: Bytes::ZERO,
    };

    /// One message.
    #[must_use]
    pub fn message(bytes: Bytes) -> Self {
        Self { messages: 1, bytes }
    }

    /// Bytes that ride on another flow's message.
    #[must_use]
    pub fn riding(bytes: Bytes) -> Self {
        Self { messages: 0, bytes }
    }
}

/// Whom a worker talks to.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Peer {
    /// A place in the network.
    At(VertexId),
    /// Somebody to whom the way does not depend on the worker: paths to the worker's side and back.
    Apart {
        /// The direction of [`Leg::to_worker`].
        to_worker: Path,
        /// The direction of [`Leg::from_worker`].
        from_worker: Path,
    },
}

impl Peer {
    /// The paths from it to the worker and back, where `between` gives those of a place in the network.
    pub fn paths(self, between: impl FnOnce(VertexId) -> (Path, Path)) -> (Path, Path) {
        match self {
            Self::At(vertex) => between(vertex),
            Self::Apart {
                to_worker,
                from_worker,
            } => (to_worker, from_worker),
        }
    }
}

/// What a leg is paid for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Purpose {
    /// Arguments and results.
    Arguments,
    /// States.
    States,
}

/// The messages between a worker and one peer, for one invocation.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Leg {
    /// With whom.
    pub peer: Peer,
    /// What for.
    pub purpose: Purpose,
    /// From the peer to the worker.
    pub to_worker: Flow,
    /// From the worker to the peer.
    pub from_worker: Flow,
    /// The step whose output this leg carries, if it is not the client's: the leg starts when that step
    /// ends, beside the legs of other predecessors.
    pub after: Option<u32>,
}

impl Leg {
    /// Its time, on these paths from the peer to the worker and back. Monotone in every figure of the
    /// paths, to the last bit: what is computed from bounds is a bound.
    #[must_use]
    pub fn time(&self, to_worker: Path, from_worker: Path) -> Seconds {
        to_worker.time(self.to_worker.messages, self.to_worker.bytes)
            + from_worker.time(self.from_worker.messages, self.from_worker.bytes)
    }

    /// Its traffic (bytes times links), on these paths.
    #[must_use]
    pub fn traffic(&self, to_worker: Path, from_worker: Path) -> Bytes {
        to_worker.traffic(self.to_worker.bytes) + from_worker.traffic(self.from_worker.bytes)
    }
}
