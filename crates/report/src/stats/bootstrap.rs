//! The bootstrap interval of a mean: a check of the t interval where values are skewed.

use rand_pcg::Pcg64Mcg;
use rand_pcg::rand_core::{Rng, SeedableRng};
use serde::Serialize;
use statrs::distribution::{ContinuousCDF, Normal};

use super::Interval;
use super::interval::tail;
use super::mean::moments;

/// How to resample. Its two figures are printed beside every interval that comes from it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Bootstrap {
    /// Resamples; 1,000 is what Efron and Tibshirani (An Introduction to the Bootstrap, 1993, section 14.3)
    /// ask for an interval.
    pub resamples: usize,
    /// Seed of the resampling: the same seed gives the same interval, bit for bit.
    pub seed: u64,
}

impl Default for Bootstrap {
    fn default() -> Self {
        Self {
            resamples: 1_000,
            seed: 1,
        }
    }
}

/// The bias-corrected and accelerated (BCa) bootstrap interval of the mean (Efron, "Better Bootstrap
/// Confidence Intervals", JASA 82, 1987).
///
/// `None` without values or resamples; unbounded for one value. The order of the values is part of the input.
#[must_use]
pub fn bootstrap_mean(values: &[f64], confidence: f64, bootstrap: Bootstrap) -> Option<Interval> {
    let n = values.len();
    if n == 0 || bootstrap.resamples == 0 {
        return None;
    }
    let (estimate, deviation) = moments(values);
    if n == 1 {
        return Some(Interval::unbounded(estimate, confidence, n));
    }
    if deviation == 0.0 || !deviation.is_finite() {
        let (low, high) = (estimate, estimate);
        return Some(Interval {
            estimate,
            low,
            high,
            confidence,
            n,
        });
    }
    let means = resampled_means(values, bootstrap);
    let (low, high) = bca_levels(values, estimate, &means, confidence);
    Some(Interval {
        estimate,
        low: at_level(&means, low),
        high: at_level(&means, high),
        confidence,
        n,
    })
}

/// The means of the resamples, ascending.
fn resampled_means(values: &[f64], bootstrap: Bootstrap) -> Vec<f64> {
    let mut random = Pcg64Mcg::seed_from_u64(bootstrap.seed);
    let n = values.len() as u64;
    let mut means: Vec<f64> = (0..bootstrap.resamples)
        .map(|_| {
            let draws = (0..n).map(|_| {
                // Multiply and shift: each position has the same chance up to n / 2^32.
                let position = (u64::from(random.next_u32()) * n) >> 32;
                values[position as usize]
            });
            draws.sum::<f64>() / n as f64
        })
        .collect();
    means.sort_by(f64::total_cmp);
    means
}

/// The levels of the resampled means at which the interval ends.
fn bca_levels(values: &[f64], estimate: f64, means: &[f64], confidence: f64) -> (f64, f64) {
    let normal = Normal::standard();
    let resamples = means.len() as f64;
    let below = means.iter().filter(|&&mean| mean < estimate).count() as f64;
    let equal = means.iter().filter(|&&mean| mean == estimate).count() as f64;
    // Kept off 0 and 1, where the correction is infinite.
    let share = ((below + equal / 2.0) / resamples).clamp(0.5 / resamples, 1.0 - 0.5 / resamples);
    let bias = normal.inverse_cdf(share);
    let acceleration = acceleration(values, estimate);
    let tail = tail(confidence);
    let level = |probability: f64| {
        let shifted = bias + normal.inverse_cdf(probability);
        normal.cdf(bias + shifted / (1.0 - acceleration * shifted))
    };
    (level(tail), level(1.0 - tail))
}

/// The jackknife's acceleration, which for a mean is the skewness of the values over 6 √n.
fn acceleration(values: &[f64], mean: f64) -> f64 {
    let squares: f64 = values.iter().map(|value| (value - mean) * (value - mean)).sum();
    let cubes: f64 = values
        .iter()
        .map(|value| (value - mean) * (value - mean) * (value - mean))
        .sum();
    cubes / (6.0 * squares * squares.sqrt())
}

/// The order statistic of the resampled means at a level; NaN levels end at the extremes.
fn at_level(means: &[f64], level: f64) -> f64 {
    let position = (level * (means.len() + 1) as f64) as usize;
    means[position.clamp(1, means.len()) - 1]
}
