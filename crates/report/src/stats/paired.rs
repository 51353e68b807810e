//! Differences under common random numbers.

use fogline_core::record::Replication;
use serde::Serialize;
use statrs::distribution::{Binomial, DiscreteCDF};

use super::mean::{moments, t_p_value};
use super::{Interval, Unit, Units, median_interval};

/// Two figures that differ by less than this share of the larger one are equal: sums taken in another order
/// differ by some 1e-15, and without a floor such a difference, always of one sign, would be "certain".
const ROUNDING: f64 = 1e-12;

/// A difference between two conditions, replication by replication: first minus second.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Paired {
    /// The difference; `n` counts the pairs (of replications, or of topologies).
    pub difference: Interval,
    /// What a pair is.
    pub unit: Unit,
    /// Two-sided p-value of "no difference", for this comparison alone.
    pub p_value: f64,
    /// What common random numbers won: the variance that the difference would have between independent runs,
    /// over the one that it has. At 8, independent runs would need 8 times the replications. `None` where it
    /// is not defined: fewer than two pairs, or a constant difference.
    pub variance_ratio: Option<f64>,
}

/// The mean of the differences, its t interval and the paired t test.
///
/// Replications that only one side has are left out. `None` where no replication is common.
#[must_use]
pub fn paired_mean(
    first: &[(Replication, f64)],
    second: &[(Replication, f64)],
    confidence: f64,
) -> Option<Paired> {
    let pairs = Pairs::of(first, second);
    let difference = pairs.differences.mean_interval(confidence)?;
    let (error, freedom) = pairs.differences.error();
    // 0/0, no difference at all, is not a number and so has p = 1.
    let p_value = t_p_value(difference.estimate / error, freedom);
    Some(pairs.with(difference, p_value))
}

/// The median of the differences, its order-statistic interval and the exact sign test (pairs without a
/// difference count against one).
///
/// For quantiles: a tail quantile of a replication is one job's latency, far from normal. Where several
/// topologies were drawn, a value is already a mean over seeds, and this is [`paired_mean`]. `None` where no
/// replication is common.
#[must_use]
pub fn paired_median(
    first: &[(Replication, f64)],
    second: &[(Replication, f64)],
    confidence: f64,
) -> Option<Paired> {
    let pairs = Pairs::of(first, second);
    if pairs.differences.unit == Unit::Topology {
        return paired_mean(first, second, confidence);
    }
    let difference = median_interval(&pairs.differences.values, confidence)?;
    let p_value = sign_test(&pairs.differences.values);
    Some(pairs.with(difference, p_value))
}

/// The two-sided p-value of a median of zero. Zeros count against a difference, so that the test and the
/// order-statistic interval of the median say the same.
fn sign_test(differences: &[f64]) -> f64 {
    let positive = differences.iter().filter(|&&d| d > 0.0).count();
    let negative = differences.iter().filter(|&&d| d < 0.0).count();
    let against = (differences.len() - positive.max(negative)) as u64;
    match Binomial::new(0.5, differences.len() as u64) {
        Ok(signs) => (2.0 * signs.cdf(against)).min(1.0),
        Err(_) => 1.0,
    }
}

/// Two series over the replications that both have.
struct Pairs {
    first: Units,
    second: Units,
    differences: Units,
}

impl Pairs {
    fn of(first: &[(Replication, f64)], second: &[(Replication, f64)]) -> Self {
        let (first, second) = common(first, second);
        let differences: Vec<(Replication, f64)> = first
            .iter()
            .zip(&second)
            .map(|(&(replication, a), &(_, b))| {
                let equal = (a - b).abs() <= ROUNDING * a.abs().max(b.abs());
                (replication, if equal { 0.0 } else { a - b })
            })
            .collect();
        Self {
            first: Units::of(&first),
            second: Units::of(&second),
            differences: Units::of(&differences),
        }
    }

    fn with(&self, difference: Interval, p_value: f64) -> Paired {
        let variance = |units: &Units| {
            let (_, deviation) = moments(&units.values);
            deviation * deviation
        };
        let ratio = (variance(&self.first) + variance(&self.second)) / variance(&self.differences);
        Paired {
            difference,
            unit: self.differences.unit,
            p_value,
            variance_ratio: ratio.is_finite().then_some(ratio),
        }
    }
}

/// What both series have, in the order of the replications.
fn common(first: &[(Replication, f64)], second: &[(Replication, f64)]) -> (Series, Series) {
    let sorted = |series: &[(Replication, f64)]| {
        let mut sorted = series.to_vec();
        sorted.sort_by(|a, b| a.0.cmp(&b.0).then(a.1.total_cmp(&b.1)));
        sorted.dedup_by_key(|(replication, _)| *replication);
        sorted
    };
    let (mut first, mut second) = (sorted(first), sorted(second));
    let find = |series: &[(Replication, f64)], wanted: Replication| {
        series
            .binary_search_by_key(&wanted, |(replication, _)| *replication)
            .is_ok()
    };
    first.retain(|(replication, _)| find(&second, *replication));
    second.retain(|(replication, _)| find(&first, *replication));
    (first, second)
}

type Series = Vec<(Replication, f64)>;
