//! From replications to independent values.

use fogline_core::record::Replication;
use serde::Serialize;

use super::Interval;
use super::crossed::{Shared, shared};
use super::mean::{moments, t_quantile};

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

/// The values that statistics are made of, in the order of their replications.
#[derive(Clone, Debug, PartialEq)]
pub struct Units {
    /// What each stands for.
    pub unit: Unit,
    /// The values.
    pub values: Vec<f64>,
    /// What topologies have in common because they share seeds; `None` where they share none.
    pub shared: Option<Shared>,
}

impl Units {
    /// One value per replication where there is one topology, else one per topology: the mean over the seeds
    /// on it (cluster means). Two seeds on one topology share its draw, so with few topologies they would make
    /// any interval too narrow.
    #[must_use]
    pub fn of(samples: &[(Replication, f64)]) -> Self {
        let mut sorted = samples.to_vec();
        sorted.sort_by(|a, b| a.0.cmp(&b.0).then(a.1.total_cmp(&b.1)));
        let clusters: Vec<&[(Replication, f64)]> =
            sorted.chunk_by(|a, b| a.0.topology == b.0.topology).collect();
        if clusters.len() < 2 {
            let values = sorted.iter().map(|(_, value)| *value).collect();
            return Self {
                unit: Unit::Seed,
                values,
                shared: None,
            };
        }
        let mean = |cluster: &&[(Replication, f64)]| {
            cluster.iter().map(|(_, value)| value).sum::<f64>() / cluster.len() as f64
        };
        Self {
            unit: Unit::Topology,
            values: clusters.iter().map(mean).collect(),
            shared: shared(&clusters),
        }
    }

    /// The t interval of the mean, exact for normal values. Shared seeds add their variance, with
    /// Satterthwaite's degrees of freedom. `None` without values; unbounded for one.
    #[must_use]
    pub fn mean_interval(&self, confidence: f64) -> Option<Interval> {
        let (n, (estimate, _)) = (self.values.len(), moments(&self.values));
        if n == 0 {
            return None;
        }
        let (error, freedom) = self.error();
        if freedom == 0 || !error.is_finite() {
            return Some(Interval::unbounded(estimate, confidence, n));
        }
        let half = t_quantile(confidence, freedom) * error;
        let (low, high) = (estimate - half, estimate + half);
        Some(Interval {
            estimate,
            low,
            high,
            confidence,
            n,
        })
    }

    /// The standard error of the mean and its degrees of freedom.
    pub(super) fn error(&self) -> (f64, usize) {
        let n = self.values.len() as f64;
        let freedom = self.values.len().saturating_sub(1);
        let (_, deviation) = moments(&self.values);
        let own = deviation * deviation / n;
        match self.shared {
            Some(shared) if shared.variance > 0.0 => {
                let both = own + shared.variance;
                let parts =
                    own * own / freedom as f64 + shared.variance * shared.variance / shared.freedom as f64;
                (both.sqrt(), (both * both / parts) as usize)
            }
            _ => (own.sqrt(), freedom),
        }
    }
}
