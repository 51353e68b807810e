//! Estimates of one condition.

use std::collections::BTreeMap;

use fogline_core::record::{Condition, Replication};
use serde::Serialize;

use super::cell::Cell;
use super::{Metric, Quantile};
use crate::stats::{Bootstrap, Interval, Unit, Units, bootstrap_mean, median_interval};

/// What is known of one condition.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ConditionSummary {
    /// Which.
    pub condition: Condition,
    /// What the intervals count.
    pub unit: Unit,
    /// Replications run.
    pub replications: usize,
    /// Topologies drawn.
    pub topologies: usize,
    /// Jobs run, over all replications.
    pub jobs: u64,
    /// Every metric, ascending; none where no replication has a job.
    ///
    /// A mean is the mean over the replications with its t interval. A latency quantile is the median over
    /// the replications of the replication's quantile with its order-statistic interval: a tail quantile of
    /// some hundred jobs is one of the largest of them, so the replications' values are skewed, and their
    /// median has an interval that needs no assumption about their distribution, which their mean has not.
    /// Where several topologies were drawn, it is the mean over the topologies like the others, because a
    /// topology's value is already a mean over seeds.
    pub estimates: Vec<Estimate>,
    /// Mean latency in ms with the bootstrap's interval, at the highest load of the network and policy and on one topology only:
    /// where it is far from the t interval, replications are too few or too skewed for either.
    pub latency_bootstrap: Option<Interval>,
    /// By number of steps, ascending.
    pub by_steps: Vec<StepsSummary>,
}

/// One metric, estimated.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Estimate {
    /// Which.
    pub metric: Metric,
    /// `ms` or `MB`.
    pub unit: &'static str,
    /// The figures, in that unit.
    pub interval: Interval,
}

/// The runs that have the same number of steps.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct StepsSummary {
    /// Number of steps.
    pub steps: u32,
    /// Runs with that many, over all replications.
    pub jobs: u64,
    /// Replications that have one.
    pub replications: usize,
    /// Mean time in the network, in ms: each replication that has such a run contributes one mean, so
    /// `interval.n` can be below the number of replications.
    pub network: Interval,
}

impl ConditionSummary {
    /// The estimate of a metric.
    #[must_use]
    pub fn interval(&self, metric: Metric) -> Option<Interval> {
        self.estimates
            .iter()
            .find(|estimate| estimate.metric == metric)
            .map(|found| found.interval)
    }

    /// The distribution of the latency: each quantile with its interval, in ms, ascending.
    pub fn latency_quantiles(&self) -> impl Iterator<Item = (Quantile, Interval)> {
        self.estimates
            .iter()
            .filter_map(|estimate| match estimate.metric {
                Metric::LatencyQuantile(quantile) => Some((quantile, estimate.interval)),
                _ => None,
            })
    }

    /// The runs with so many steps.
    #[must_use]
    pub fn steps(&self, steps: u32) -> Option<&StepsSummary> {
        self.by_steps.iter().find(|group| group.steps == steps)
    }
}

/// Summarises one condition.
pub(super) fn summarise(cell: &Cell<'_>, confidence: f64, bootstrap: Option<Bootstrap>) -> ConditionSummary {
    let latency = cell.units(Metric::Latency);
    // Resampling topologies would not see what they share by their seeds.
    let bootstrap = bootstrap.filter(|_| latency.unit == Unit::Seed);
    let estimates = Metric::all().filter_map(|metric| {
        let units = cell.units(metric);
        let interval = match (metric, units.unit) {
            (Metric::LatencyQuantile(_), Unit::Seed) => median_interval(&units.values, confidence),
            _ => units.mean_interval(confidence),
        }?;
        Some(Estimate {
            metric,
            unit: metric.unit(),
            interval,
        })
    });
    ConditionSummary {
        condition: cell.condition.clone(),
        unit: latency.unit,
        replications: cell.rows.len(),
        topologies: cell
            .rows
            .chunk_by(|a, b| a.replication.topology == b.replication.topology)
            .count(),
        jobs: cell.rows.iter().map(|row| row.jobs).sum(),
        estimates: estimates.collect(),
        latency_bootstrap: bootstrap.and_then(|how| bootstrap_mean(&latency.values, confidence, how)),
        by_steps: by_steps(cell, confidence),
    }
}

fn by_steps(cell: &Cell<'_>, confidence: f64) -> Vec<StepsSummary> {
    let mut groups: BTreeMap<u32, (u64, Vec<(Replication, f64)>)> = BTreeMap::new();
    for row in cell.rows {
        for group in row.by_steps.iter().filter(|group| group.jobs > 0) {
            let (jobs, samples) = groups.entry(group.steps).or_default();
            *jobs += group.jobs;
            samples.push((
                row.replication,
                group.total.network().as_millis() / group.jobs as f64,
            ));
        }
    }
    let summarised = groups.into_iter().filter_map(|(steps, (jobs, samples))| {
        Some(StepsSummary {
            steps,
            jobs,
            replications: samples.len(),
            network: Units::of(&samples).mean_interval(confidence)?,
        })
    });
    summarised.collect()
}
