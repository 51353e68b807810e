//! A mean in which old samples fade.

use std::time::Duration;

/// The mean of samples, each weighing half as much when a half-life has passed.
///
/// Samples that come together weigh the same, so a burst counts as what it is; the usual `mean += a (x -
/// mean)` would have its last sample weigh most, whatever the time between them. (Exponentially weighted
/// moving average for irregular samples, in the form of a ratio of decayed sums.)
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct FadingMean {
    half_life: Duration,
    mean: f64,
    weight: f64,
    at: Duration,
}

impl FadingMean {
    /// Without samples. A half-life of zero keeps the last sample only.
    #[must_use]
    pub fn new(half_life: Duration) -> Self {
        Self {
            half_life,
            mean: 0.0,
            weight: 0.0,
            at: Duration::ZERO,
        }
    }

    /// Takes a sample, in the unit of the caller. A time before an earlier sample's counts as that sample's.
    pub fn add(&mut self, sample: f64, now: Duration) {
        self.weight = self.weight(now) + 1.0;
        self.mean += (sample - self.mean) / self.weight;
        self.at = self.at.max(now);
    }

    /// The mean; `None` without samples. Time alone does not change it.
    #[must_use]
    pub fn mean(&self) -> Option<f64> {
        (self.weight > 0.0).then_some(self.mean)
    }

    /// How many fresh samples it is worth.
    #[must_use]
    pub fn weight(&self, now: Duration) -> f64 {
        let age = now.saturating_sub(self.at).as_secs_f64();
        if age == 0.0 {
            self.weight
        } else {
            self.weight * libm::exp2(-age / self.half_life.as_secs_f64())
        }
    }

    /// When the last sample came; `None` without samples.
    #[must_use]
    pub fn last(&self) -> Option<Duration> {
        (self.weight > 0.0).then_some(self.at)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;

    use super::FadingMean;

    const HALF_LIFE: Duration = Duration::from_secs(30);

    #[test]
    fn samples_that_come_together_weigh_the_same() {
        let mut mean = FadingMean::new(HALF_LIFE);
        assert_eq!(mean.mean(), None);
        for sample in [1.0, 2.0, 6.0] {
            mean.add(sample, Duration::from_secs(5));
        }
        assert_eq!(mean.mean(), Some(3.0));
    }

    #[test]
    fn a_sample_of_a_half_life_ago_weighs_half() {
        let mut mean = FadingMean::new(HALF_LIFE);
        mean.add(4.0, Duration::ZERO);
        mean.add(1.0, HALF_LIFE);
        assert!((mean.mean().unwrap() - 2.0).abs() < 1e-12);
        assert!((mean.weight(HALF_LIFE * 2) - 0.75).abs() < 1e-12);
        let mut mean = FadingMean::new(HALF_LIFE);
        mean.add(3.0, Duration::ZERO);
        mean.add(6.0, HALF_LIFE);
        // (3 × ½ + 6 × 1) / 1½
        assert!((mean.mean().unwrap() - 5.0).abs() < 1e-12, "{mean:?}");
        mean.add(6.0, Duration::from_secs(1_000_000));
        assert!((mean.mean().unwrap() - 6.0).abs() < 1e-9, "{mean:?}");
    }

    proptest! {
        /// The recurrence is the ratio of decayed sums that defines the mean.
        #[test]
        fn it_is_the_weighted_mean(
            samples in prop::collection::vec((0u64..100_000, 0.001f64..1000.0), 1..50)
        ) {
            let mut samples = samples;
            samples.sort_by_key(|(at, _)| *at);
            let mut mean = FadingMean::new(HALF_LIFE);
            for (at, sample) in &samples {
                mean.add(*sample, Duration::from_millis(*at));
            }
            let end = samples.last().unwrap().0;
            let weigh = |at: u64| libm::exp2(-((end - at) as f64) / 30_000.0);
            let weights: f64 = samples.iter().map(|(at, _)| weigh(*at)).sum();
            let expected = samples.iter().map(|(at, sample)| sample * weigh(*at)).sum::<f64>() / weights;
            let found = mean.mean().unwrap();
            prop_assert!((found - expected).abs() <= 1e-9 * expected, "{found} for {expected}");
            prop_assert!((mean.weight(Duration::from_millis(end)) - weights).abs() <= 1e-9 * weights);
        }
    }
}
