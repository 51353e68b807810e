//! The rows of a condition.

use std::cmp::Ordering;
use std::collections::{HashMap, HashSet};

use fogline_core::record::{Condition, Replication, SeedRow, Spent};

use super::{Metric, Setting};
use crate::stats::Units;

/// All replications of one condition, ascending.
pub(super) struct Cell<'rows> {
    pub(super) condition: &'rows Condition,
    pub(super) rows: &'rows [&'rows SeedRow],
}

/// The rows by condition and replication; of several with the same, the least.
pub(super) fn sorted(rows: &[SeedRow]) -> Vec<&SeedRow> {
    let key = |row: &SeedRow| (row.replication.topology, row.replication.seed);
    let mut sorted: Vec<&SeedRow> = rows.iter().collect();
    sorted.sort_by(|a, b| {
        a.condition
            .cmp(&b.condition)
            .then_with(|| key(a).cmp(&key(b)))
            .then_with(|| by_content(a, b))
    });
    sorted.dedup_by(|a, b| a.replication == b.replication && a.condition == b.condition);
    sorted
}

/// Any fixed order, so that which of two repeated rows stays does not depend on which came first.
fn by_content(a: &SeedRow, b: &SeedRow) -> Ordering {
    let numbers = |row: &SeedRow| {
        let quantiles = row.latency_quantiles.iter().map(|quantile| quantile.0);
        let groups = row.by_steps.iter().flat_map(|group| {
            let counts = [f64::from(group.steps), group.jobs as f64];
            counts.into_iter().chain(spent(&group.total))
        });
        let numbers = std::iter::once(row.jobs as f64).chain(spent(&row.total));
        numbers
            .chain(quantiles)
            .chain(groups)
            .map(f64::to_bits)
            .collect::<Vec<u64>>()
    };
    numbers(a).cmp(&numbers(b))
}

fn spent(spent: &Spent) -> [f64; 5] {
    [
        spent.processing.0,
        spent.arguments.0,
        spent.states.0,
        spent.argument_traffic.as_f64(),
        spent.state_traffic.as_f64(),
    ]
}

/// Sorted rows, cut by condition.
pub(super) fn cells<'rows>(sorted: &'rows [&'rows SeedRow]) -> Vec<Cell<'rows>> {
    sorted
        .chunk_by(|a, b| a.condition == b.condition)
        .map(|rows| Cell {
            condition: &rows[0].condition,
            rows,
        })
        .collect()
}

/// The setting with the highest load of every network and policy.
pub(super) fn highest_loads(cells: &[Cell<'_>]) -> HashSet<Setting> {
    let mut highest: HashMap<(&str, &str), &Condition> = HashMap::new();
    for cell in cells {
        // Conditions ascend, so the last load of a network is its highest.
        highest.insert((&cell.condition.network, &cell.condition.policy), cell.condition);
    }
    highest.into_values().map(Setting::of).collect()
}

impl Cell<'_> {
    /// A metric's value in each replication that has one.
    pub(super) fn samples(&self, metric: Metric) -> Vec<(Replication, f64)> {
        self.rows
            .iter()
            .filter_map(|row| Some((row.replication, metric.of(row)?)))
            .collect()
    }

    /// The independent values of a metric.
    pub(super) fn units(&self, metric: Metric) -> Units {
        Units::of(&self.samples(metric))
    }
}
