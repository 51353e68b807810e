//! Means that forget.

use std::time::Duration;

/// An observation counts half as much when it is so old: long enough to average over a hundred executions of a busy
/// function, short enough to follow a node that slows down.
pub const HALF_LIFE: Duration = Duration::from_secs(10);

/// A mean of observations, in seconds, in which each loses half its weight every [`HALF_LIFE`].
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Estimate {
    pub(super) mean: f64,
    /// The sum of the observations' weights at `at`.
    weight: f64,
    /// When the last was made, in seconds of the caller's clock.
    pub(super) at: f64,
}

impl Estimate {
    /// What is taken for true until something is observed; it counts as one observation.
    pub(super) fn prior(mean: f64, at: f64) -> Self {
        Self {
            mean,
            weight: 1.0,
            at,
        }
    }

    /// Takes up an observation. One that comes out of order counts as if made when the last was.
    pub(super) fn observe(&mut self, value: f64, now: f64) {
        let passed = (now - self.at).max(0.0) / HALF_LIFE.as_secs_f64();
        self.weight = self.weight * libm::exp2(-passed) + 1.0;
        self.mean += (value - self.mean) / self.weight;
        self.at = self.at.max(now);
    }

    /// Whether anything was observed, or taken for true.
    pub(super) fn is_known(&self) -> bool {
        self.weight > 0.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_observation_counts_half_after_the_half_life() {
        let mut estimate = Estimate::prior(3.0, 0.0);
        estimate.observe(6.0, HALF_LIFE.as_secs_f64());
        // (3 × ½ + 6 × 1) / 1½
        assert!((estimate.mean - 5.0).abs() < 1e-12, "{estimate:?}");
        estimate.observe(6.0, 1e6);
        assert!((estimate.mean - 6.0).abs() < 1e-9, "{estimate:?}");
    }

    #[test]
    fn many_at_once_are_their_mean_and_the_first_is_all() {
        let mut estimate = Estimate::default();
        assert!(!estimate.is_known());
        for value in [1.0, 2.0, 6.0] {
            estimate.observe(value, 7.0);
        }
        assert!((estimate.mean - 3.0).abs() < 1e-12, "{estimate:?}");
    }
}
