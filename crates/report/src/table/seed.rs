//! The columns of a replication, and of its groups by number of steps where a format keeps them apart.

use std::collections::BTreeMap;

use fogline_core::model::Seconds;
use fogline_core::record::{Condition, Placed, QUANTILES, Replication, SeedRow, Spent, StepsGroup};

use super::row::{Row, Sink, Source, TOTAL, put_key, sample_key, take_key, take_spent};

/// Names of the columns of [`SeedRow::latency_quantiles`], in the order of [`QUANTILES`].
const QUANTILE_COLUMNS: [&str; QUANTILES.len()] = [
    "latency_q01_s",
    "latency_q05_s",
    "latency_q10_s",
    "latency_q20_s",
    "latency_q25_s",
    "latency_q30_s",
    "latency_q40_s",
    "latency_q50_s",
    "latency_q60_s",
    "latency_q70_s",
    "latency_q75_s",
    "latency_q80_s",
    "latency_q90_s",
    "latency_q95_s",
    "latency_q99_s",
];

impl Row for SeedRow {
    const TABLE: &'static str = "seeds";

    fn sample() -> Self {
        let (condition, replication) = sample_key();
        Self {
            condition,
            replication,
            jobs: 0,
            total: Spent::default(),
            latency_quantiles: [Seconds::ZERO; QUANTILES.len()],
            placed: Placed::default(),
            by_steps: Vec::new(),
        }
    }

    fn put(&self, sink: &mut dyn Sink) {
        put_key(&self.condition, self.replication, sink);
        sink.whole("jobs", self.jobs);
        TOTAL.put(&self.total, sink);
        for (column, quantile) in QUANTILE_COLUMNS.into_iter().zip(self.latency_quantiles) {
            sink.float(column, quantile.0);
        }
        sink.whole("invocations_on_servers", self.placed.servers);
        sink.whole("invocations_on_clients", self.placed.clients);
        sink.whole("invocations_on_others", self.placed.others);
        sink.groups(&self.by_steps);
    }

    fn take(source: &mut dyn Source) -> Result<Self, String> {
        let (condition, replication) = take_key(source)?;
        let jobs = source.whole()?;
        let total = take_spent(source)?;
        let mut latency_quantiles = [Seconds::ZERO; QUANTILES.len()];
        for quantile in &mut latency_quantiles {
            *quantile = Seconds(source.float()?);
        }
        Ok(Self {
            condition,
            replication,
            jobs,
            total,
            latency_quantiles,
            placed: Placed {
                servers: source.whole()?,
                clients: source.whole()?,
                others: source.whole()?,
            },
            by_steps: source.groups()?,
        })
    }
}

/// One group of [`SeedRow::by_steps`] as a row of its own, for formats of flat cells.
#[derive(Clone, Debug, PartialEq)]
pub struct StepsRow {
    /// Under what.
    pub condition: Condition,
    /// Which replication.
    pub replication: Replication,
    /// The jobs with that many steps.
    pub group: StepsGroup,
}

impl Row for StepsRow {
    const TABLE: &'static str = "steps";

    fn sample() -> Self {
        let (condition, replication) = sample_key();
        let group = StepsGroup {
            steps: 0,
            jobs: 0,
            total: Spent::default(),
        };
        Self {
            condition,
            replication,
            group,
        }
    }

    fn put(&self, sink: &mut dyn Sink) {
        put_key(&self.condition, self.replication, sink);
        sink.small("steps", self.group.steps);
        sink.whole("jobs", self.group.jobs);
        TOTAL.put(&self.group.total, sink);
    }

    fn take(source: &mut dyn Source) -> Result<Self, String> {
        let (condition, replication) = take_key(source)?;
        let group = StepsGroup {
            steps: source.small()?,
            jobs: source.whole()?,
            total: take_spent(source)?,
        };
        Ok(Self {
            condition,
            replication,
            group,
        })
    }
}

/// The groups of all rows, as rows.
pub fn split_steps(seeds: &[SeedRow]) -> impl Iterator<Item = StepsRow> + '_ {
    seeds.iter().flat_map(|seed| {
        seed.by_steps.iter().map(|group| StepsRow {
            condition: seed.condition.clone(),
            replication: seed.replication,
            group: *group,
        })
    })
}

/// Puts groups back into the rows that they were split from.
///
/// # Errors
/// When a group belongs to no row.
pub fn join_steps(seeds: &mut [SeedRow], groups: impl IntoIterator<Item = StepsRow>) -> Result<(), String> {
    let mut position = BTreeMap::new();
    for (index, seed) in seeds.iter().enumerate() {
        position.insert((seed.condition.clone(), seed.replication), index);
    }
    for row in groups {
        let key = (row.condition, row.replication);
        let Some(&index) = position.get(&key) else {
            let (condition, replication) = key;
            return Err(format!(
                "a group of {} steps belongs to network {}, load {}, policy {}, model {}, topology {}, seed {}, \
                 of which there is no row",
                row.group.steps,
                condition.network,
                condition.load,
                condition.policy,
                condition.model,
                replication.topology,
                replication.seed
            ));
        };
        seeds[index].by_steps.push(row.group);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantile_columns_are_named_after_their_probability() {
        for (column, probability) in QUANTILE_COLUMNS.into_iter().zip(QUANTILES) {
            assert_eq!(column, format!("latency_q{:02.0}_s", probability * 100.0));
        }
    }
}
