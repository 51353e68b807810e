//! From replications to independent values.

use fogline_core::record::Replication;
use serde::Serialize;

/// What counts as one independent value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Unit {
    /// A seed: there is one topology, and intervals speak of that topology alone.
    Seed,
    /// A topology: several were drawn; the seeds on one are averaged.
    Topology,
}

impl Unit {
    /// The word for `n` of them.
    #[must_use]
    pub fn word(self, n: usize) -> &'static str {
        match (self, n) {
            (Self::Seed, 1) => "replication",
            (Self::Seed, _) => "replications",
            (Self::Topology, 1) => "topology",
            (Self::Topology, _) => "topologies",
        }
    }
}

/// Independent values, in the order of their replications.
#[derive(Clone, Debug, PartialEq)]
pub struct Units {
    /// What each stands for.
    pub unit: Unit,
    /// The values.
    pub values: Vec<f64>,
}

impl Units {
    /// One value per replication where there is one topology, else one per topology: the mean over the seeds
    /// on it (cluster means). Two seeds on one topology share its draw, so with few topologies they would make
    /// any interval too narrow. The seeds of one topology are taken to be others than those of the next.
    #[must_use]
    pub fn of(samples: &[(Replication, f64)]) -> Self {
        let mut sorted = samples.to_vec();
        sorted.sort_by(|a, b| a.0.cmp(&b.0).then(a.1.total_cmp(&b.1)));
        let several =
            sorted.first().map(|first| first.0.topology) != sorted.last().map(|last| last.0.topology);
        if !several {
            let values = sorted.iter().map(|(_, value)| *value).collect();
            return Self {
                unit: Unit::Seed,
                values,
            };
        }
        let mean = |cluster: &[(Replication, f64)]| {
            cluster.iter().map(|(_, value)| value).sum::<f64>() / cluster.len() as f64
        };
        Self {
            unit: Unit::Topology,
            values: sorted
                .chunk_by(|a, b| a.0.topology == b.0.topology)
                .map(mean)
                .collect(),
        }
    }
}
