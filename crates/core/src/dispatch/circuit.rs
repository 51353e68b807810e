//! Whether to send a node anything, after it did not answer.

use std::time::Duration;

/// First pause after a failure; each further one in a row doubles it.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
/// Longest pause.
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// A circuit breaker. Open, nothing is sent; after a pause one request may try, and its outcome closes the circuit or
/// opens it for twice as long.
///
/// Times are read off the caller's monotonic clock, from any origin, the same in all calls.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Circuit {
    failures: u32,
    opens_again: Duration,
}

impl Circuit {
    /// The node did not answer.
    pub fn failed(&mut self, now: Duration) {
        self.failures = self.failures.saturating_add(1);
        self.opens_again = now + pause_after(self.failures);
    }

    /// The node answered.
    pub fn answered(&mut self) {
        *self = Self::default();
    }

    /// Whether nothing is sent, as yet.
    #[must_use]
    pub fn is_open(&self, now: Duration) -> bool {
        self.failures > 0 && now < self.opens_again
    }

    /// Whether a request may be sent. After a pause the first that asks may, and the others wait for what becomes of
    /// it, for as long as the pause was.
    pub fn admits(&mut self, now: Duration) -> bool {
        if self.is_open(now) {
            return false;
        }
        if self.failures > 0 {
            self.opens_again = now + pause_after(self.failures);
        }
        true
    }
}

/// The pause after so many failures in a row, from 100 ms to 5 s.
#[must_use]
pub fn pause_after(failures: u32) -> Duration {
    let doubled = 1_u32.checked_shl(failures.saturating_sub(1)).unwrap_or(u32::MAX);
    FIRST_PAUSE.saturating_mul(doubled).min(LONGEST_PAUSE)
}

#[cfg(test)]
mod tests {
    use super::{Circuit, Duration, LONGEST_PAUSE, pause_after};

    fn ms(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    #[test]
    fn a_failure_closes_a_node_off_for_a_time_that_doubles() {
        let mut circuit = Circuit::default();
        assert!(circuit.admits(ms(0)));
        circuit.failed(ms(0));
        assert!(!circuit.admits(ms(99)));
        assert!(circuit.admits(ms(100)), "one may try");
        assert!(!circuit.admits(ms(101)), "the others wait for it");
        circuit.failed(ms(110));
        assert!(!circuit.admits(ms(309)));
        assert!(circuit.admits(ms(310)));
        circuit.answered();
        assert!(circuit.admits(ms(311)) && circuit.admits(ms(312)));
    }

    #[test]
    fn pauses_double_up_to_a_bound() {
        let millis: Vec<u128> = (1..=7).map(|times| pause_after(times).as_millis()).collect();
        assert_eq!(millis, [100, 200, 400, 800, 1600, 3200, 5000]);
        assert_eq!(pause_after(u32::MAX), LONGEST_PAUSE);
    }

    #[test]
    fn no_pause_is_longer_than_the_longest() {
        let mut circuit = Circuit::default();
        (0..100).for_each(|_| circuit.failed(ms(0)));
        assert!(!circuit.admits(ms(4999)));
        assert!(circuit.admits(ms(5000)));
    }
}
