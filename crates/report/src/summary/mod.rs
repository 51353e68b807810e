//! What the replications say: estimates with intervals, differences in pairs, and a winner per question.
//!
//! [`summarise`] sorts the rows first, so the summary is bit-identical for any order of arrival, any number of
//! threads and any sharding.

mod cell;
mod condition;
mod difference;
mod metric;
mod verdict;

use fogline_core::model::ExecutionModel;
use fogline_core::record::{Condition, SeedRow};
use serde::Serialize;

pub use condition::{ConditionSummary, Estimate, StepsSummary};
pub use difference::Difference;
pub use metric::{Metric, Quantile};
pub use verdict::Verdict;

use crate::stats::Bootstrap;

/// How to summarise.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SummaryOptions {
    /// Confidence of every interval, and 1 - the level of every claim; above 0 and below 1.
    pub confidence: f64,
}

impl Default for SummaryOptions {
    fn default() -> Self {
        Self { confidence: 0.95 }
    }
}

/// What the replications say.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Summary {
    /// Confidence of every interval.
    pub confidence: f64,
    /// How the bootstrap intervals were drawn.
    pub bootstrap: Bootstrap,
    /// Rows left out, because another row has the same condition and replication: counting a replication
    /// twice would make every interval too narrow.
    pub repeated_rows: usize,
    /// Every condition, ascending.
    pub conditions: Vec<ConditionSummary>,
    /// Every two models under the same network, load and policy, ascending, for each of
    /// [`Metric::COMPARED`].
    pub differences: Vec<Difference>,
    /// The winner for each network, load, policy and metric of [`Metric::COMPARED`], ascending.
    pub verdicts: Vec<Verdict>,
}

/// What models are compared under: the same jobs on the same network.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct Setting {
    /// Name of the network.
    pub network: String,
    /// Jobs offered in one replication.
    pub load: u32,
    /// Placement policy.
    pub policy: String,
}

impl Setting {
    /// What a condition shares with those that differ in the model only.
    #[must_use]
    pub fn of(condition: &Condition) -> Self {
        Self {
            network: condition.network.clone(),
            load: condition.load,
            policy: condition.policy.clone(),
        }
    }

    /// The condition of a model in this setting.
    #[must_use]
    pub fn with(&self, model: ExecutionModel) -> Condition {
        Condition {
            network: self.network.clone(),
            load: self.load,
            policy: self.policy.clone(),
            model,
        }
    }
}

/// Summarises replications, in whatever order they come.
#[must_use]
pub fn summarise(rows: &[SeedRow], options: &SummaryOptions) -> Summary {
    let confidence = options.confidence;
    let bootstrap = Bootstrap::default();
    let sorted = cell::sorted(rows);
    let cells = cell::cells(&sorted);
    let highest = cell::highest_loads(&cells);
    let summarised = cells.iter().map(|cell| {
        let shown = highest.contains(&Setting::of(cell.condition));
        condition::summarise(cell, confidence, shown.then_some(bootstrap))
    });
    let conditions: Vec<ConditionSummary> = summarised.collect();
    let differences = difference::between_models(&cells, confidence);
    let verdicts = verdict::of(&conditions, &differences, confidence);
    Summary {
        confidence,
        bootstrap,
        repeated_rows: rows.len() - sorted.len(),
        conditions,
        differences,
        verdicts,
    }
}

/// One series per condition: a metric's values, one per replication (or topology), in ascending order of the
/// condition. What [`crate::stats::Stopping::enough`] takes.
///
/// With several topologies no number of seeds makes the spread between topologies smaller, so a run that adds
/// seeds until it is enough has to be on one topology.
#[must_use]
pub fn series(rows: &[SeedRow], metric: Metric) -> Vec<Vec<f64>> {
    let sorted = cell::sorted(rows);
    cell::cells(&sorted)
        .iter()
        .map(|cell| cell.units(metric).values)
        .collect()
}

impl Summary {
    /// The summary of a condition.
    #[must_use]
    pub fn condition(&self, condition: &Condition) -> Option<&ConditionSummary> {
        let found = self
            .conditions
            .binary_search_by(|summary| summary.condition.cmp(condition));
        found.ok().map(|position| &self.conditions[position])
    }

    /// Every setting, ascending.
    #[must_use]
    pub fn settings(&self) -> Vec<Setting> {
        let mut settings: Vec<Setting> = self
            .conditions
            .iter()
            .map(|summary| Setting::of(&summary.condition))
            .collect();
        settings.dedup();
        settings
    }

    /// The difference between two models, first minus second, in whichever order they are asked for.
    #[must_use]
    pub fn difference(
        &self,
        setting: &Setting,
        metric: Metric,
        first: ExecutionModel,
        second: ExecutionModel,
    ) -> Option<Difference> {
        let pair = (first.min(second), first.max(second));
        let key = (setting, metric, pair);
        let found = self
            .differences
            .binary_search_by(|d| (&d.setting, d.metric, (d.first, d.second)).cmp(&key));
        let difference = found.ok().map(|position| &self.differences[position])?;
        Some(if difference.first == first {
            difference.clone()
        } else {
            difference.reversed()
        })
    }
}
