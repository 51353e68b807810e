//! What it costs to cross a path, in one direction.

use serde::{Deserialize, Serialize};

use crate::model::{Bytes, Seconds};

/// How a message crosses several links.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Transfer {
    /// As a stream: the slowest link decides. What TCP and QUIC do with messages of many packets.
    #[default]
    Bottleneck,
    /// Whole messages: each link sends on only what it has received in full.
    StoreAndForward,
}

/// One direction of a path: a message of `b` bytes takes `latency + b * seconds_per_byte`.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Path {
    /// Time of an empty message.
    pub latency: Seconds,
    /// Seconds for each byte: the sum over the links, or the slowest link's, by [`Transfer`].
    pub seconds_per_byte: f64,
    /// Links crossed; traffic is bytes times this.
    pub links: u32,
}

impl Path {
    /// From a place to itself.
    pub const NONE: Self = Self {
        latency: Seconds::ZERO,
        seconds_per_byte: 0.0,
        links: 0,
    };

    /// This path and then another.
    #[must_use]
    pub fn then(self, next: Self, transfer: Transfer) -> Self {
        Self {
            latency: self.latency + next.latency,
            seconds_per_byte: match transfer {
                Transfer::Bottleneck => self.seconds_per_byte.max(next.seconds_per_byte),
                Transfer::StoreAndForward => self.seconds_per_byte + next.seconds_per_byte,
            },
            links: self.links + next.links,
        }
    }

    /// The better of both in each respect: no path between them is cheaper. `links` is the smaller number.
    #[must_use]
    pub fn at_best(self, other: Self) -> Self {
        Self {
            latency: Seconds(self.latency.0.min(other.latency.0)),
            seconds_per_byte: self.seconds_per_byte.min(other.seconds_per_byte),
            links: self.links.min(other.links),
        }
    }

    /// Time for some messages that together have so many bytes.
    #[must_use]
    pub fn time(self, messages: u32, bytes: Bytes) -> Seconds {
        self.latency * f64::from(messages) + Seconds(self.seconds_per_byte * bytes.as_f64())
    }

    /// Traffic of so many bytes: bytes times links.
    #[must_use]
    pub fn traffic(self, bytes: Bytes) -> Bytes {
        bytes * u64::from(self.links)
    }
}
