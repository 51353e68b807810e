//! The reduction of a replication to one row.

use fogline_core::model::Seconds;
use fogline_core::record::{Condition, Placed, QUANTILES, Replication, SeedRow, Spent, StepsGroup};

/// Reduces the runs of one replication under one condition: for each, its number of steps, what it took, and
/// its latency. `placed` says where their invocations ran. `None` if there are none.
///
/// Sums are made in the order of the runs, so they are the same on any number of threads.
pub fn seed_row(
    condition: Condition,
    replication: Replication,
    placed: Placed,
    runs: impl Iterator<Item = (u32, Spent, Seconds)>,
) -> Option<SeedRow> {
    let mut total = Spent::default();
    let mut by_steps: Vec<StepsGroup> = Vec::new();
    let mut latencies = Vec::with_capacity(runs.size_hint().0);
    for (steps, spent, latency) in runs {
        total += spent;
        latencies.push(latency);
        let place = by_steps
            .binary_search_by_key(&steps, |group| group.steps)
            .unwrap_or_else(|place| {
                by_steps.insert(
                    place,
                    StepsGroup {
                        steps,
                        jobs: 0,
                        total: Spent::default(),
                    },
                );
                place
            });
        by_steps[place].jobs += 1;
        by_steps[place].total += spent;
    }
    if latencies.is_empty() {
        return None;
    }
    latencies.sort_unstable_by(Seconds::total_cmp);
    let at = |q: f64| latencies[((q * latencies.len() as f64) as usize).min(latencies.len() - 1)];
    Some(SeedRow {
        condition,
        replication,
        jobs: latencies.len() as u64,
        total,
        latency_quantiles: QUANTILES.map(at),
        placed,
        by_steps,
    })
}
