//! When enough replications have been run.

use thiserror::Error;

use super::{Interval, mean_interval};

/// Fewer values than this never stop a run: below, the standard deviation itself is known to no better than a
/// quarter of its size (1/√(2(n-1)) = 0.24 at 10), and a lucky one would stop the run too early.
const FEWEST: usize = 10;

/// A sequential stopping rule: run replications in batches until every series of interest is known to within
/// a relative error, at a confidence that holds although the data were looked at many times.
///
/// Stopping at the first look at which an ordinary interval is narrow enough covers less often than promised,
/// because the run tends to stop on a lucky look. So the error probability is spent over the looks (alpha
/// spending: Lan and `DeMets`, Biometrika 70, 1983). Look k spends (1 - confidence) / (k (k + 1)): these add up
/// to 1 - confidence over any number of looks, which need not be known beforehand, and by the union bound all
/// looks cover at once, whatever their dependence. Within a look it is shared equally between the series
/// (Bonferroni). A look's interval passes where its half-width is at most γ/(1+γ) of the estimate for a
/// relative error of γ, since the error is relative to the truth and not to the estimate (Law, Simulation
/// Modeling and Analysis, 5th edition, section 9.4.1).
///
/// The looks should be few and geometric (each half as many replications again): each one asks for a slightly
/// wider interval. The final report's intervals, to keep what they promise, use
/// [`Stopping::confidence_of_look`].
#[derive(Clone, Debug, PartialEq)]
pub struct Stopping {
    relative_error: f64,
    confidence: f64,
    looks: u32,
}

/// A stopping rule that could never be met, or always.
#[derive(Clone, Copy, Debug, PartialEq, Error)]
pub enum BadStopping {
    /// The relative error.
    #[error("the relative error is {0}, expected a number above 0 and below 1")]
    RelativeError(f64),
    /// The confidence.
    #[error("the confidence is {0}, expected a number above 0 and below 1")]
    Confidence(f64),
}

impl Stopping {
    /// A rule that has not looked yet.
    ///
    /// # Errors
    /// Both figures must lie strictly between 0 and 1.
    pub fn new(relative_error: f64, confidence: f64) -> Result<Self, BadStopping> {
        let proper = |share: f64| share > 0.0 && share < 1.0;
        if !proper(relative_error) {
            return Err(BadStopping::RelativeError(relative_error));
        }
        if !proper(confidence) {
            return Err(BadStopping::Confidence(confidence));
        }
        Ok(Self {
            relative_error,
            confidence,
            looks: 0,
        })
    }

    /// Looks taken so far.
    #[must_use]
    pub fn looks(&self) -> u32 {
        self.looks
    }

    /// The confidence of each interval at the last look (the first, before any), with so many series.
    #[must_use]
    pub fn confidence_of_look(&self, series: usize) -> f64 {
        let look = f64::from(self.looks.max(1));
        1.0 - (1.0 - self.confidence) / (look * (look + 1.0)) / series.max(1) as f64
    }

    /// Takes a look: whether every series, each one value per replication (or topology), is known well enough.
    ///
    /// Every call spends confidence, so it is to be called once per batch, with all values so far. Never
    /// without a series, nor below ten values in one.
    pub fn enough(&mut self, series: &[Vec<f64>]) -> bool {
        self.looks = self.looks.saturating_add(1);
        !series.is_empty() && series.iter().all(|values| self.is_known(values, series.len()))
    }

    /// How many values would be enough at the next look, were the spread to stay what it is: for planning the
    /// next batch and for progress bars. Never below what there is.
    #[must_use]
    pub fn forecast(&self, series: &[Vec<f64>]) -> usize {
        let mut next = self.clone();
        next.looks = self.looks.saturating_add(1);
        let needed = series.iter().filter_map(|values| {
            let interval = next.interval(values, series.len())?;
            let factor = interval.relative_half_width() / self.limit();
            // A series around 0 or of one value has no forecast.
            let needed = (values.len() as f64 * factor * factor).ceil();
            needed.is_finite().then_some((needed as usize).max(values.len()))
        });
        needed.max().unwrap_or(0).max(FEWEST)
    }

    fn limit(&self) -> f64 {
        self.relative_error / (1.0 + self.relative_error)
    }

    fn interval(&self, values: &[f64], series: usize) -> Option<Interval> {
        mean_interval(values, self.confidence_of_look(series))
    }

    fn is_known(&self, values: &[f64], series: usize) -> bool {
        values.len() >= FEWEST
            && self
                .interval(values, series)
                .is_some_and(|interval| interval.relative_half_width() <= self.limit())
    }
}
