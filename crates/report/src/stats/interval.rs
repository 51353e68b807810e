//! An estimate and how far it can be trusted.

use serde::Serialize;

/// A confidence interval.
///
/// An end that the sample cannot bound is infinite (`null` in JSON): a mean of one replication, or a quantile
/// of too few.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Interval {
    /// The point estimate.
    pub estimate: f64,
    /// Lower end.
    pub low: f64,
    /// Upper end.
    pub high: f64,
    /// Probability, asked for, with which such an interval covers the truth.
    pub confidence: f64,
    /// Independent values that it rests on: replications or topologies, never jobs.
    pub n: usize,
}

impl Interval {
    /// An estimate that nothing bounds.
    #[must_use]
    pub fn unbounded(estimate: f64, confidence: f64, n: usize) -> Self {
        Self {
            estimate,
            low: f64::NEG_INFINITY,
            high: f64::INFINITY,
            confidence,
            n,
        }
    }

    /// Half of the width.
    #[must_use]
    pub fn half_width(&self) -> f64 {
        (self.high - self.low) / 2.0
    }

    /// The half-width as a share of the estimate: 0 where both are 0, infinite where only the estimate is.
    #[must_use]
    pub fn relative_half_width(&self) -> f64 {
        let half = self.half_width();
        if half == 0.0 {
            0.0
        } else {
            half / self.estimate.abs()
        }
    }

    /// Whether a value lies outside.
    #[must_use]
    pub fn excludes(&self, value: f64) -> bool {
        value < self.low || value > self.high
    }

    /// Whether all of it lies below all of another.
    #[must_use]
    pub fn is_below(&self, other: &Self) -> bool {
        self.high < other.low
    }

    /// The interval of the same quantity with the other sign.
    #[must_use]
    pub fn negated(&self) -> Self {
        Self {
            estimate: -self.estimate,
            low: -self.high,
            high: -self.low,
            ..*self
        }
    }
}

/// What a two-sided interval leaves on either side; nothing, so an unbounded interval, for a confidence that is
/// not a number.
pub(super) fn tail(confidence: f64) -> f64 {
    if confidence.is_nan() {
        0.0
    } else {
        ((1.0 - confidence) / 2.0).clamp(0.0, 0.5)
    }
}

/// Decimals that show two digits of an uncertainty, at most three.
pub(crate) fn decimals(uncertainty: f64) -> usize {
    match uncertainty {
        size if size >= 10.0 => 0,
        size if size >= 1.0 => 1,
        size if size >= 0.1 => 2,
        _ => 3,
    }
}
