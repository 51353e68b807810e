//! The mean of independent replications, and Student's t.

use statrs::distribution::{ContinuousCDF, StudentsT};

use super::interval::tail;
use super::{Interval, Unit, Units};

/// Mean and standard deviation (divisor n - 1) in the order given. The deviation is NaN for fewer than two
/// values.
pub(super) fn moments(values: &[f64]) -> (f64, f64) {
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n;
    let squares: f64 = values.iter().map(|value| (value - mean) * (value - mean)).sum();
    (mean, (squares / (n - 1.0)).sqrt())
}

/// The quantile of Student's t that bounds a two-sided interval: 2.262 for 0.95 and 9 degrees of freedom.
///
/// Infinite without a degree of freedom. Rounded to nine decimals: the inversion is good to about 1e-12, and
/// what lies below depends on the logarithm of the platform.
#[must_use]
pub fn t_quantile(confidence: f64, freedom: usize) -> f64 {
    let tail = tail(confidence);
    match StudentsT::new(0.0, 1.0, freedom as f64) {
        Ok(t) => (-t.inverse_cdf(tail) * 1e9).round() / 1e9,
        Err(_) => f64::INFINITY,
    }
}

/// The two-sided p-value of a t statistic; 1 where it is not a number.
pub(super) fn t_p_value(statistic: f64, freedom: usize) -> f64 {
    if statistic.is_nan() {
        return 1.0;
    }
    if statistic.is_infinite() {
        return 0.0;
    }
    match StudentsT::new(0.0, 1.0, freedom as f64) {
        Ok(t) => (2.0 * t.cdf(-statistic.abs())).min(1.0),
        Err(_) => 1.0,
    }
}

/// The t interval of the mean: exact for normal values; for others good where n is a few dozen, because a
/// replication's figure is itself a mean or quantile of many jobs.
///
/// `None` without values; unbounded for one.
#[must_use]
pub fn mean_interval(values: &[f64], confidence: f64) -> Option<Interval> {
    let units = Units {
        unit: Unit::Seed,
        values: values.to_vec(),
        shared: None,
    };
    units.mean_interval(confidence)
}
