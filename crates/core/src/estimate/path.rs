//! What lies between this node and another: from real transfers, and from light probes where there were none.

use std::time::Duration;

use super::FadingMean;
use crate::model::{BitRate, Bytes};
use crate::telemetry::PathFigures;

/// What fits into one packet says how far a node is, and nothing of the rate.
const SHORT: Bytes = Bytes(1500);
/// From here on, a transfer may say something of the rate.
pub const LONG: Bytes = Bytes(64 << 10);
/// The least part of a long transfer that must have been spent on its bytes, rather than on the way there and
/// back, for its rate to be one: with a fourth, an error of the round trip of a tenth is an error of the rate
/// of 0.3.
const SPENT_ON_BYTES: f64 = 0.25;
/// Round trips change with queues on the way: half a minute.
const RTT_HALF_LIFE: Duration = Duration::from_secs(30);
/// Rates change with who shares a link, and are measured less often.
const RATE_HALF_LIFE: Duration = Duration::from_secs(120);
/// Without a round trip measured for so long, a short message is sent for its own sake.
const RTT_PROBE_AFTER: Duration = Duration::from_secs(10);
/// Without a long transfer for so long, 64 KiB are sent: to 100 nodes with which there is no traffic at all,
/// that is 22 kB/s.
const RATE_PROBE_AFTER: Duration = Duration::from_secs(300);

/// A request and its answer, or a probe.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Transfer {
    /// Bytes of both.
    pub size: Bytes,
    /// From the first byte sent to the last received, without the time that the other side took to answer.
    pub took: Duration,
}

/// What to send to a node for the sake of measuring.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Probe {
    /// A message of a few bytes, answered at once.
    Message,
    /// [`LONG`] bytes, answered at once by a few.
    Block,
}

/// What is known of the way to one node.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PathEstimate {
    rtt: FadingMean,
    /// Seconds per byte: what adds up over transfers, as rates do not.
    per_byte: FadingMean,
    message_probed: Option<Duration>,
    block_probed: Option<Duration>,
    longed: Option<Duration>,
}

impl Default for PathEstimate {
    fn default() -> Self {
        Self {
            rtt: FadingMean::new(RTT_HALF_LIFE),
            per_byte: FadingMean::new(RATE_HALF_LIFE),
            message_probed: None,
            block_probed: None,
            longed: None,
        }
    }
}

impl PathEstimate {
    /// Learns from a transfer. Those of medium size say nothing; long ones say something once a round trip is
    /// known.
    pub fn learn(&mut self, transfer: Transfer, now: Duration) {
        let took = transfer.took.as_secs_f64();
        if transfer.size <= SHORT {
            self.rtt.add(took, now);
        } else if transfer.size >= LONG
            && let Some(rtt) = self.rtt.mean()
        {
            self.longed = Some(now);
            let on_bytes = took - rtt;
            if on_bytes > 0.0 && on_bytes >= took * SPENT_ON_BYTES {
                self.per_byte.add(on_bytes / transfer.size.as_f64(), now);
            }
        }
    }

    /// What is known.
    #[must_use]
    pub fn figures(&self) -> PathFigures {
        PathFigures {
            rtt: self.rtt.mean().map(Duration::from_secs_f64),
            rate: self.per_byte.mean().map(|seconds| BitRate(8.0 / seconds)),
        }
    }

    /// What to send now for the sake of measuring, if nothing was measured for a while. It counts as sent: a
    /// node that does not answer is not probed more often.
    pub fn probe_due(&mut self, now: Duration) -> Option<Probe> {
        let over =
            |last: Option<Duration>, patience| last.is_none_or(|last| now.saturating_sub(last) >= patience);
        if over(self.rtt.last().max(self.message_probed), RTT_PROBE_AFTER) {
            self.message_probed = Some(now);
            return Some(Probe::Message);
        }
        // Without a round trip a block says nothing; one that was too short for a link as fast as this is not
        // repeated.
        let knows_rtt = self.rtt.mean().is_some();
        if knows_rtt && over(self.longed.max(self.block_probed), RATE_PROBE_AFTER) {
            self.block_probed = Some(now);
            return Some(Probe::Block);
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{LONG, PathEstimate, Probe, Transfer};
    use crate::model::{BitRate, Bytes};

    /// A transfer over a link of this round trip and rate.
    fn transfer(size: u64, rtt_ms: f64, mbps: f64) -> Transfer {
        let bytes = Bytes(size);
        let seconds = rtt_ms / 1e3 + bytes.as_f64() * BitRate::from_mbps(mbps).seconds_per_byte();
        Transfer {
            size: bytes,
            took: Duration::from_secs_f64(seconds),
        }
    }

    #[test]
    fn rtt_and_rate_of_a_slow_link_are_found_from_its_traffic() {
        let mut path = PathEstimate::default();
        for second in 0..60 {
            let now = Duration::from_secs(second);
            path.learn(transfer(200, 120.0, 50.0), now);
            path.learn(transfer(10_000, 120.0, 50.0), now);
            path.learn(transfer(1 << 20, 120.0, 50.0), now);
        }
        let figures = path.figures();
        let rtt = figures.rtt.unwrap().as_secs_f64();
        assert!((rtt - 0.120).abs() < 0.001, "{rtt}");
        let rate = figures.rate.unwrap().as_mbps();
        assert!((rate - 50.0).abs() < 1.0, "{rate}");
    }

    #[test]
    fn a_transfer_that_latency_dominates_says_nothing_of_the_rate() {
        let mut path = PathEstimate::default();
        path.learn(transfer(200, 20.0, 10_000.0), Duration::ZERO);
        path.learn(transfer(LONG.0, 20.0, 10_000.0), Duration::ZERO);
        assert_eq!(path.figures().rate, None);
        assert!(path.figures().rtt.is_some());
    }

    #[test]
    fn probes_are_sent_only_where_nothing_was_measured_and_not_again_at_once() {
        let mut path = PathEstimate::default();
        let at = Duration::from_secs;
        assert_eq!(path.probe_due(at(0)), Some(Probe::Message));
        assert_eq!(
            path.probe_due(at(9)),
            None,
            "it did not answer, and is left alone"
        );
        assert_eq!(path.probe_due(at(10)), Some(Probe::Message));
        path.learn(transfer(200, 1.0, 100.0), at(10));
        assert_eq!(path.probe_due(at(11)), Some(Probe::Block));
        path.learn(transfer(LONG.0, 1.0, 100.0), at(11));
        for second in 12..300 {
            path.learn(transfer(200, 1.0, 100.0), at(second));
            assert_eq!(path.probe_due(at(second)), None);
        }
        path.learn(transfer(LONG.0, 1.0, 100.0), at(305));
        assert_eq!(path.probe_due(at(311)), Some(Probe::Message));
        assert_eq!(path.probe_due(at(312)), None, "real transfers stand for blocks");
    }
}
