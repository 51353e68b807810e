//! Topologies that were run with the same seeds.

use std::collections::BTreeMap;

use fogline_core::record::Replication;

/// The part of a mean's variance that no number of topologies removes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Shared {
    /// Variance of the mean over all topologies that comes from the seeds that they share.
    pub variance: f64,
    /// Its degrees of freedom.
    pub freedom: usize,
}

/// The variance of the overall mean that comes from seeds which every topology was run with, from the
/// two-way random-effects analysis of variance (topology × seed, one value each; Searle, Casella and
/// `McCulloch`, Variance Components, 1992, section 4.4): var(seed means)/S - MS(error)/(T·S), at least 0.
///
/// A seed draws the same jobs on every topology, so the topologies' means are not independent; where it should
/// draw others on each, the estimate is near 0 and costs nothing. `None` where no seed is on every topology;
/// with one, its variance cannot be known and is infinite.
pub(super) fn shared(topologies: &[&[(Replication, f64)]]) -> Option<Shared> {
    let mut by_seed: BTreeMap<u64, Vec<f64>> = BTreeMap::new();
    for (replication, value) in topologies.iter().copied().flatten() {
        by_seed.entry(replication.seed).or_default().push(*value);
    }
    let table: Vec<Vec<f64>> = by_seed
        .into_values()
        .filter(|row| row.len() == topologies.len())
        .collect();
    match table.len() {
        0 => return None,
        1 => {
            return Some(Shared {
                variance: f64::INFINITY,
                freedom: 1,
            });
        }
        _ => {}
    }
    let (seeds, columns) = (table.len() as f64, topologies.len() as f64);
    let of_seed: Vec<f64> = table
        .iter()
        .map(|row| row.iter().sum::<f64>() / columns)
        .collect();
    let of_topology: Vec<f64> = (0..topologies.len())
        .map(|column| table.iter().map(|row| row[column]).sum::<f64>() / seeds)
        .collect();
    let overall = of_seed.iter().sum::<f64>() / seeds;
    let between: f64 = of_seed
        .iter()
        .map(|mean| (mean - overall) * (mean - overall))
        .sum();
    let mut error = 0.0;
    for (row, seed) in table.iter().zip(&of_seed) {
        for (value, topology) in row.iter().zip(&of_topology) {
            let rest = value - seed - topology + overall;
            error += rest * rest;
        }
    }
    let between = between / (seeds - 1.0) / seeds;
    let error = error / ((seeds - 1.0) * (columns - 1.0)) / (columns * seeds);
    Some(Shared {
        variance: (between - error).max(0.0),
        freedom: table.len() - 1,
    })
}
