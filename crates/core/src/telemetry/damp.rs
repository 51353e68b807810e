//! What is worth telling after what was told.

use std::collections::BTreeMap;
use std::time::Duration;

use super::{Load, PathFigures, ServiceTime, Telemetry};

/// A figure is told again when it has moved by more than this part of the greater of the two: below it, what
/// a dispatcher would choose is decided by the age of the figure rather than by its precision. Counts up to 7
/// are exact.
const TOLERANCE: u128 = 8;
/// The processors' use is told again when it has moved by so many thousandths.
const BUSY_TOLERANCE: u16 = 50;
/// How far a mean can be trusted is told again when it has changed by this factor.
const TRUST_FACTOR: u32 = 2;

impl Telemetry {
    /// What to tell after `told`: these figures, but those that have hardly moved as they were told. A group
    /// that is equal to what was told (the load, one function, one path) need not be sent.
    ///
    /// Comparing with what was told, not with what was measured before, makes slow drifts seen.
    #[must_use]
    pub fn damped(mut self, told: &Self) -> Self {
        if !self.load.moved(&told.load) {
            self.load = told.load;
        }
        settle(&mut self.services, &told.services, ServiceTime::moved);
        settle(&mut self.paths, &told.paths, PathFigures::moved);
        self
    }
}

fn settle<K: Ord, V: Copy>(now: &mut BTreeMap<K, V>, told: &BTreeMap<K, V>, moved: impl Fn(&V, &V) -> bool) {
    for (key, value) in now {
        if let Some(old) = told.get(key)
            && !moved(value, old)
        {
            *value = *old;
        }
    }
}

impl Load {
    fn moved(&self, told: &Self) -> bool {
        let counts = [
            (self.queued, told.queued),
            (self.running, told.running),
            (self.slots, told.slots),
        ];
        counts
            .iter()
            .any(|(now, old)| differ((*now).into(), (*old).into()))
            || self.draining != told.draining
            || self.busy_permille.abs_diff(told.busy_permille) >= BUSY_TOLERANCE
            || differ(self.free_memory.0.into(), told.free_memory.0.into())
    }
}

impl ServiceTime {
    fn moved(&self, told: &Self) -> bool {
        let (low, high) = (self.recent.min(told.recent), self.recent.max(told.recent));
        differ(self.mean.as_nanos(), told.mean.as_nanos()) || high > low.saturating_mul(TRUST_FACTOR)
    }
}

impl PathFigures {
    fn moved(&self, told: &Self) -> bool {
        let nanos = |rtt: Option<Duration>| rtt.map(|rtt| rtt.as_nanos());
        // Whole bits per second: what is below is noise anyway, and a float-to-integer cast saturates.
        let bits = |path: &Self| path.rate.map(|rate| rate.0 as u128);
        changed(nanos(self.rtt), nanos(told.rtt)) || changed(bits(self), bits(told))
    }
}

fn changed(now: Option<u128>, old: Option<u128>) -> bool {
    match (now, old) {
        (Some(now), Some(old)) => differ(now, old),
        (now, old) => now.is_some() != old.is_some(),
    }
}

fn differ(now: u128, old: u128) -> bool {
    now.abs_diff(old).saturating_mul(TOLERANCE) > now.max(old)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;

    use crate::model::{BitRate, Bytes};
    use crate::telemetry::{Load, PathFigures, Telemetry};

    fn queue(queued: u32) -> Telemetry {
        let load = Load {
            queued,
            free_memory: Bytes(1 << 30),
            ..Load::default()
        };
        Telemetry {
            load,
            ..Telemetry::default()
        }
    }

    #[test]
    fn short_queues_are_told_exactly_and_long_ones_to_an_eighth() {
        for (told, now, moves) in [
            (0, 1, true),
            (6, 7, true),
            (100, 90, false),
            (100, 80, true),
            (7, 0, true),
        ] {
            let said = queue(now).damped(&queue(told)).load.queued;
            assert_eq!(said, if moves { now } else { told }, "{told} -> {now}");
        }
    }

    #[test]
    fn a_path_that_is_measured_for_the_first_time_is_told() {
        let mut now = Telemetry::default();
        let figures = PathFigures {
            rtt: None,
            rate: Some(BitRate::from_mbps(50.0)),
        };
        now.paths.insert("n1".parse().unwrap(), figures);
        let mut told = Telemetry::default();
        told.paths.insert("n1".parse().unwrap(), PathFigures::default());
        assert_eq!(now.clone().damped(&told), now);
        assert_eq!(now.clone().damped(&Telemetry::default()), now);
        assert_eq!(
            Telemetry::default().damped(&now),
            Telemetry::default(),
            "and one that is gone goes"
        );
    }

    proptest! {
        /// However slowly a figure drifts, what was told last is never further off than the tolerance.
        #[test]
        fn drifts_are_told(start in 1u64..1_000_000, steps in prop::collection::vec(-40i64..60, 1..200)) {
            let path = |micros| {
                let mut telemetry = Telemetry::default();
                let rtt = Some(Duration::from_micros(micros));
                telemetry.paths.insert("n1".parse().unwrap(), PathFigures { rtt, rate: None });
                telemetry
            };
            let rtt = |telemetry: &Telemetry| telemetry.paths.values().next().unwrap().rtt.unwrap();
            let (mut now, mut told) = (start, path(start));
            for permille in steps {
                now = (now as i64 + now as i64 * permille / 1000).max(1) as u64;
                told = path(now).damped(&told);
                let (said, truth) = (rtt(&told).as_secs_f64(), now as f64 / 1e6);
                prop_assert!((said - truth).abs() <= said.max(truth) / 8.0 + 1e-12, "{said} for {truth}");
            }
        }
    }
}
