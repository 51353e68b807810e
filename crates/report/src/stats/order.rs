//! Quantiles by order statistics: no assumption but independence.

use statrs::distribution::{Binomial, DiscreteCDF};

use super::Interval;
use super::interval::tail;

/// The ranks (from 1) of the order statistics that bound the `probability` quantile of n independent values.
///
/// The number of values below the quantile is binomial, so the interval from the l-th to the u-th smallest
/// covers it with probability P(l <= B < u) (David and Nagaraja, Order Statistics, 2003, section 7.1). Each
/// tail gets at most half of what the confidence leaves, so the interval covers at least as often as asked
/// for. An end is `None` where even the extreme value would be exceeded too often.
#[must_use]
pub fn quantile_ranks(n: usize, probability: f64, confidence: f64) -> (Option<usize>, Option<usize>) {
    let Ok(below) = Binomial::new(probability, n as u64) else {
        return (None, None);
    };
    let tail = tail(confidence);
    // The largest l with P(B < l) <= tail, the smallest u with P(B >= u) <= tail.
    let low = last(1, n, |rank| below.cdf(rank as u64 - 1) <= tail);
    let high =
        last(1, n, |from_top| below.sf((n - from_top) as u64) <= tail).map(|from_top| n + 1 - from_top);
    (low, high)
}

/// The last position from `first` to `end` that a condition holds at, given that it holds up to some position
/// and not after it.
fn last(first: usize, end: usize, holds: impl Fn(usize) -> bool) -> Option<usize> {
    let (mut low, mut high) = (first, end + 1);
    while low < high {
        let middle = low + (high - low) / 2;
        if holds(middle) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    (low > first).then(|| low - 1)
}

/// The quantile of independent values, with its order-statistic interval.
///
/// The estimate is the inverse of the empirical distribution, averaged where it jumps (Hyndman and Fan's
/// definition 2), which for 0.5 is the usual median. `None` without values.
#[must_use]
pub fn quantile_interval(values: &[f64], probability: f64, confidence: f64) -> Option<Interval> {
    let n = values.len();
    if n == 0 {
        return None;
    }
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let position = n as f64 * probability;
    let upper = (position as usize).min(n - 1);
    let at_jump = position.fract() == 0.0 && position > 0.0 && position < n as f64;
    let lower = if at_jump { upper - 1 } else { upper };
    let (low, high) = quantile_ranks(n, probability, confidence);
    Some(Interval {
        estimate: f64::midpoint(sorted[lower], sorted[upper]),
        low: low.map_or(f64::NEG_INFINITY, |rank| sorted[rank - 1]),
        high: high.map_or(f64::INFINITY, |rank| sorted[rank - 1]),
        confidence,
        n,
    })
}

/// The median of independent values, with its order-statistic interval.
#[must_use]
pub fn median_interval(values: &[f64], confidence: f64) -> Option<Interval> {
    quantile_interval(values, 0.5, confidence)
}
