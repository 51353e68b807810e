//! What a tenant may use of a node.

use std::num::NonZeroU32;
use std::time::Duration;

use crate::model::Bytes;

/// What a tenant may use of one node; what is not said is not bounded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Quota {
    /// Sessions that the node keeps.
    pub sessions: Option<u64>,
    /// Bytes of the states that the node keeps.
    pub bytes: Option<Bytes>,
    /// Requests that the node admits.
    pub rate: Option<Rate>,
}

/// How many requests are admitted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// In the long run.
    pub per_second: NonZeroU32,
    /// At once, after a time without any.
    pub burst: NonZeroU32,
}

/// What a tenant uses of a node.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// Sessions that it keeps.
    pub sessions: u64,
    /// Bytes of their states.
    pub bytes: Bytes,
}

impl Usage {
    /// Takes up that something that used `before` now uses `after`.
    pub fn change(&mut self, before: Self, after: Self) {
        self.sessions = (self.sessions + after.sessions).saturating_sub(before.sessions);
        self.bytes = Bytes((self.bytes.0 + after.bytes.0).saturating_sub(before.bytes.0));
    }
}

/// Which requests are admitted at a [`Rate`]: a bucket of tokens, kept as the time at which it is full again.
///
/// Times are read off the caller's monotonic clock, from any origin, the same in all calls.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Bucket {
    full: Duration,
}

impl Bucket {
    /// How many requests would be admitted now, one after the other.
    #[must_use]
    pub fn left(self, rate: Rate, now: Duration) -> u32 {
        let token = Duration::from_secs(1) / rate.per_second.get();
        let taken = self
            .full
            .saturating_sub(now)
            .as_nanos()
            .div_ceil(token.as_nanos());
        rate.burst
            .get()
            .saturating_sub(u32::try_from(taken).unwrap_or(u32::MAX))
    }

    /// Whether a request is admitted now. One that is not takes nothing.
    pub fn admits(&mut self, rate: Rate, now: Duration) -> bool {
        let token = Duration::from_secs(1) / rate.per_second.get();
        let full = self.full.max(now);
        if full - now > token * (rate.burst.get() - 1) {
            return false;
        }
        self.full = full + token;
        true
    }
}

#[cfg(test)]
mod tests {
    use super::{Bucket, Bytes, Duration, NonZeroU32, Rate, Usage};

    fn rate(per_second: u32, burst: u32) -> Rate {
        Rate {
            per_second: NonZeroU32::new(per_second).unwrap(),
            burst: NonZeroU32::new(burst).unwrap(),
        }
    }

    fn admitted(bucket: &mut Bucket, rate: Rate, at: impl Iterator<Item = u64>) -> usize {
        at.filter(|ms| bucket.admits(rate, Duration::from_millis(*ms)))
            .count()
    }

    #[test]
    fn as_many_as_the_burst_are_admitted_at_once_and_then_as_many_as_the_rate() {
        for (per_second, burst) in [(1, 1), (10, 1), (10, 30), (1000, 5), (7, 3)] {
            let rate = rate(per_second, burst);
            let mut bucket = Bucket::default();
            let all_at_once = admitted(&mut bucket, rate, std::iter::repeat_n(5000, 100));
            assert_eq!(all_at_once, burst as usize, "{rate:?}");
            // A hundred seconds, four times as many requests as may be.
            let step = 1000.0 / f64::from(per_second) / 4.0;
            let asked = (0..400 * per_second).map(|nth| 5000 + (f64::from(nth) * step) as u64);
            let later = admitted(&mut bucket, rate, asked) as f64;
            let expected = 100.0 * f64::from(per_second);
            assert!(
                (later - expected).abs() <= 1.0 + expected / 100.0,
                "{later} of {expected}"
            );
        }
    }

    #[test]
    fn as_many_are_left_as_are_admitted() {
        for (per_second, burst) in [(1, 1), (10, 30), (1000, 5), (7, 3)] {
            let rate = rate(per_second, burst);
            let mut bucket = Bucket::default();
            for ms in (0..5000).step_by(37) {
                let now = Duration::from_millis(ms);
                let left = bucket.left(rate, now);
                let mut ahead = bucket;
                assert_eq!(
                    admitted(&mut ahead, rate, std::iter::repeat_n(ms, 100)),
                    left as usize
                );
                bucket.admits(rate, now);
            }
        }
    }

    #[test]
    fn a_bucket_is_never_fuller_than_the_burst() {
        let mut bucket = Bucket::default();
        for hour in 1..4 {
            let at = std::iter::repeat_n(hour * 3_600_000, 100);
            assert_eq!(admitted(&mut bucket, rate(10, 20), at), 20);
        }
    }

    #[test]
    fn what_is_used_follows_what_is_written() {
        let of = |sessions, bytes| Usage {
            sessions,
            bytes: Bytes(bytes),
        };
        let mut usage = Usage::default();
        usage.change(of(0, 0), of(1, 100));
        usage.change(of(1, 100), of(1, 30));
        assert_eq!(usage, of(1, 30));
        usage.change(of(1, 50), of(0, 0));
        assert_eq!(usage, of(0, 0), "what was not counted is not taken off");
    }
}
