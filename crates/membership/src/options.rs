//! How a node takes part.

use std::fmt;
use std::net::SocketAddr;
use std::time::Duration;

use fogline_core::model::NodeName;
use serde::{Deserialize, Serialize};

use crate::error::MembershipError;

/// Shortest time between rounds of gossip.
const LEAST_INTERVAL: Duration = Duration::from_millis(10);

/// Which life of a node this is: a counter that the node keeps on its disk and raises at each start, never a
/// clock. A life with a number that was used before is taken for dead until it has said more than the earlier
/// one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Incarnation(pub u64);

impl fmt::Display for Incarnation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Where others reach a node, beside its carrier. It does not change during a life.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Addresses {
    /// Its API for clients.
    pub http: Option<SocketAddr>,
}

/// How a node takes part in gossip.
#[derive(Clone, Debug)]
pub struct Options {
    /// Name of the cluster; messages of another one are refused.
    pub cluster: String,
    /// Name of this node, unique in the cluster.
    pub name: NodeName,
    /// Which life of it this is.
    pub incarnation: Incarnation,
    /// Where others reach its carrier, as they see it.
    pub gossip: SocketAddr,
    /// Where others reach its services.
    pub addresses: Addresses,
    /// Gossip addresses of some nodes, as `10.0.0.1:4433` or `edge-1.example:4433`; names are resolved again
    /// each minute. One that is up is enough to join, and to find each other again after everyone has
    /// forgotten everyone.
    pub seeds: Vec<String>,
    /// How often, and how patiently.
    pub pace: Pace,
}

/// How often a node gossips, and how patient it is.
#[derive(Clone, Debug, PartialEq)]
pub struct Pace {
    /// Time between rounds; in each, a node speaks to three others.
    pub gossip_every: Duration,
    /// Least time between two publications of a node's telemetry.
    pub publish_every: Duration,
    /// When a node counts as dead.
    pub detector: Detector,
}

impl Default for Pace {
    fn default() -> Self {
        Self {
            gossip_every: Duration::from_millis(500),
            publish_every: Duration::from_secs(1),
            detector: Detector::default(),
        }
    }
}

/// When a node counts as dead (phi accrual, Hayashibara et al., "The φ Accrual Failure Detector", 2004, with
/// exponential intervals): when nothing new of it was heard for `threshold` times the mean time between news
/// of it, by this node's monotonic clock.
#[derive(Clone, Debug, PartialEq)]
pub struct Detector {
    /// How many mean intervals of silence are too many. Each doubling of a node's pace halves the time that
    /// it may be silent.
    pub threshold: f64,
    /// Intervals of which the mean is taken.
    pub window: usize,
    /// What five intervals are taken to have been before the first: the patience with a node that has just
    /// come.
    pub first_interval: Duration,
    /// Longer intervals are no part of the mean.
    pub longest_interval: Duration,
    /// How long a dead node is remembered; half of it, it is told to others.
    pub forget_after: Duration,
}

impl Default for Detector {
    fn default() -> Self {
        Self {
            threshold: 8.0,
            window: 100,
            first_interval: Duration::from_millis(500),
            longest_interval: Duration::from_secs(5),
            forget_after: Duration::from_secs(3600),
        }
    }
}

impl Options {
    pub(crate) fn check(&self) -> Result<(), MembershipError> {
        let pace = &self.pace;
        let at_least = |option, value: Duration, least: Duration, hint| {
            refuse(value < least, option, || format!("{value:?}"), hint)
        };
        refuse(
            self.cluster.is_empty() || self.cluster.len() > 255,
            "the cluster",
            || format!("\"{}\"", self.cluster.chars().take(20).collect::<String>()),
            "give it a name of 1 to 255 bytes",
        )?;
        refuse(
            self.gossip.port() == 0 || self.gossip.ip().is_unspecified(),
            "the gossip address",
            || self.gossip.to_string(),
            "give the address and port at which other nodes reach this one",
        )?;
        at_least(
            "gossip_every",
            pace.gossip_every,
            LEAST_INTERVAL,
            "use 10ms or more",
        )?;
        at_least(
            "publish_every",
            pace.publish_every,
            pace.gossip_every,
            "use gossip_every or more",
        )?;
        let detector = &pace.detector;
        refuse(
            !detector.threshold.is_finite() || detector.threshold <= 1.0,
            "detector.threshold",
            || detector.threshold.to_string(),
            "use a number above 1, as 8",
        )?;
        refuse(
            detector.window == 0,
            "detector.window",
            || detector.window.to_string(),
            "use 1 or more, as 100",
        )?;
        at_least(
            "detector.longest_interval",
            detector.longest_interval,
            pace.gossip_every,
            "use some times gossip_every",
        )?;
        at_least(
            "detector.forget_after",
            detector.forget_after,
            pace.gossip_every.saturating_mul(20),
            "use many times gossip_every",
        )
    }
}

fn refuse(
    wrong: bool,
    option: &'static str,
    value: impl FnOnce() -> String,
    hint: &'static str,
) -> Result<(), MembershipError> {
    if wrong {
        let value = value();
        return Err(MembershipError::Option { option, value, hint });
    }
    Ok(())
}
