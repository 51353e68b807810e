//! Which conditions a figure shows, and the words for them.

use fogline_core::model::ExecutionModel;
use fogline_core::record::Condition;

use super::plot::Panel;
use crate::stats::Unit;
use crate::summary::{ConditionSummary, Summary};

/// Panels side by side.
const COLUMNS: usize = 2;

/// The conditions of a panel: a network at its largest load, by model.
pub(super) struct Selected<'a> {
    pub(super) network: &'a str,
    pub(super) load: u32,
    pub(super) found: Vec<&'a ConditionSummary>,
}

/// Each network at the largest load that was run under a policy.
pub(super) fn largest_load<'a>(summary: &'a Summary, policy: &str) -> Vec<Selected<'a>> {
    // Conditions are sorted by network, then by load.
    let of_policy: Vec<&ConditionSummary> = summary
        .conditions
        .iter()
        .filter(|found| found.condition.policy == policy)
        .collect();
    let networks = of_policy.chunk_by(|a, b| a.condition.network == b.condition.network);
    let select = |conditions: &[&'a ConditionSummary]| {
        let last = conditions.last()?;
        let load = last.condition.load;
        let found = conditions
            .iter()
            .copied()
            .filter(|found| found.condition.load == load);
        Some(Selected {
            network: &last.condition.network,
            load,
            found: found.collect(),
        })
    };
    networks.filter_map(select).collect()
}

/// Panels in rows.
pub(super) fn in_rows(panels: Vec<Panel>) -> Vec<Vec<Panel>> {
    let mut rows = Vec::new();
    for panel in panels {
        match rows.last_mut() {
            Some(row) if Vec::len(row) < COLUMNS => row.push(panel),
            _ => rows.push(vec![panel]),
        }
    }
    rows
}

/// The models of conditions, in the order of [`ExecutionModel::ALL`].
pub(super) fn models<'a>(found: impl Iterator<Item = &'a ConditionSummary>) -> Vec<ExecutionModel> {
    let mut models: Vec<ExecutionModel> = found.map(|found| found.condition.model).collect();
    models.sort_unstable();
    models.dedup();
    models
}

/// The distinct values of a part of the conditions, ascending.
pub(super) fn distinct(summary: &Summary, part: fn(&Condition) -> &str) -> Vec<&str> {
    let mut values: Vec<&str> = summary
        .conditions
        .iter()
        .map(|found| part(&found.condition))
        .collect();
    values.sort_unstable();
    values.dedup();
    values
}

/// `500 jobs`, or `300 to 500 jobs` where networks differ.
pub(super) fn loads(selected: &[Selected<'_>]) -> String {
    let loads = selected.iter().map(|selected| selected.load);
    span(
        loads.clone().min().unwrap_or(0) as usize,
        loads.max().unwrap_or(0) as usize,
        "jobs",
    )
}

/// How many values an interval rests on.
pub(super) struct Sample {
    /// What is counted.
    pub(super) unit: Unit,
    /// In words: `200 replications`.
    pub(super) words: String,
    /// The most that any condition has.
    pub(super) most: usize,
}

/// What the intervals count. `None` without conditions.
pub(super) fn sample<'a>(found: impl Iterator<Item = &'a ConditionSummary> + Clone) -> Option<Sample> {
    let unit = found.clone().next()?.unit;
    let counts = found.map(|found| match unit {
        Unit::Seed => found.replications,
        Unit::Topology => found.topologies,
    });
    let (least, most) = (counts.clone().min()?, counts.max()?);
    let words = span(least, most, unit.word(most));
    Some(Sample { unit, words, most })
}

impl Sample {
    /// What the note says of the intervals: `means` of them, or that there are none.
    pub(super) fn note(&self, means: &str) -> String {
        if self.most < 2 {
            format!(
                "One {}: there are no intervals.",
                self.words.trim_start_matches("1 ")
            )
        } else {
            format!("{means} over {}.", self.words)
        }
    }
}

fn span(least: usize, most: usize, word: &str) -> String {
    if least == most {
        format!("{most} {word}")
    } else {
        format!("{least} to {most} {word}")
    }
}

/// `95 %`.
pub(super) fn percent(confidence: f64) -> String {
    // Rounded, because 0.95 times 100 need not be 95.
    let percent = (confidence * 1e6).round() / 1e4;
    format!("{percent} %")
}
