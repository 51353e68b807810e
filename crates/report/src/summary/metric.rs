//! What is measured of a replication.

use std::fmt;

use fogline_core::record::{QUANTILES, SeedRow};
use serde::{Serialize, Serializer};

/// A figure of one replication; for all of them less is better.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Metric {
    /// Mean over the jobs of what the client waits, in ms.
    Latency,
    /// Mean over the jobs of the time that functions execute, in ms.
    Processing,
    /// Mean over the jobs of the time in the network, in ms.
    Network,
    /// Mean over the jobs of bytes times links crossed, in MB (10^6 bytes).
    Traffic,
    /// A quantile over the jobs of what the client waits, in ms.
    LatencyQuantile(Quantile),
}

/// One of the probabilities [`QUANTILES`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Quantile(usize);

impl Quantile {
    /// The median.
    pub const MEDIAN: Self = Self::at(0.5);
    /// Nine in ten.
    pub const Q90: Self = Self::at(0.9);
    /// 99 in a hundred.
    pub const Q99: Self = Self::at(0.99);

    /// All, ascending.
    pub fn all() -> impl Iterator<Item = Self> {
        (0..QUANTILES.len()).map(Self)
    }

    /// The quantile of a probability, if it is one of [`QUANTILES`].
    #[must_use]
    pub fn of(probability: f64) -> Option<Self> {
        QUANTILES.iter().position(|&known| known == probability).map(Self)
    }

    /// Its probability.
    #[must_use]
    pub fn probability(self) -> f64 {
        QUANTILES[self.0]
    }

    /// Evaluated when compiling: a probability that is not among [`QUANTILES`] does not build.
    const fn at(probability: f64) -> Self {
        let mut position = 0;
        while QUANTILES[position] != probability {
            position += 1;
        }
        Self(position)
    }
}

impl Metric {
    /// The four means.
    pub const MEANS: [Self; 4] = [Self::Latency, Self::Processing, Self::Network, Self::Traffic];

    /// Those by which models are compared in pairs: the means, and the middle and the tail of the latency.
    pub const COMPARED: [Self; 7] = [
        Self::Latency,
        Self::Processing,
        Self::Network,
        Self::Traffic,
        Self::LatencyQuantile(Quantile::MEDIAN),
        Self::LatencyQuantile(Quantile::Q90),
        Self::LatencyQuantile(Quantile::Q99),
    ];

    /// All, ascending.
    pub fn all() -> impl Iterator<Item = Self> {
        Self::MEANS
            .into_iter()
            .chain(Quantile::all().map(Self::LatencyQuantile))
    }

    /// The unit of its figures.
    #[must_use]
    pub fn unit(self) -> &'static str {
        match self {
            Self::Traffic => "MB",
            Self::Latency | Self::Processing | Self::Network | Self::LatencyQuantile(_) => "ms",
        }
    }

    /// Its figure for a replication, in [`Metric::unit`]; none where the replication has no job.
    #[must_use]
    pub fn of(self, row: &SeedRow) -> Option<f64> {
        let jobs = row.jobs as f64;
        let value = match self {
            Self::Latency => row.total.latency().as_millis() / jobs,
            Self::Processing => row.total.processing.as_millis() / jobs,
            Self::Network => row.total.network().as_millis() / jobs,
            Self::Traffic => row.total.traffic().as_f64() / 1e6 / jobs,
            Self::LatencyQuantile(quantile) => row.latency_quantiles[quantile.0].as_millis(),
        };
        (row.jobs > 0).then_some(value)
    }
}

impl fmt::Display for Metric {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Latency => f.pad("mean latency"),
            Self::Processing => f.pad("mean processing"),
            Self::Network => f.pad("mean network"),
            Self::Traffic => f.pad("mean traffic"),
            Self::LatencyQuantile(Quantile::MEDIAN) => f.pad("median latency"),
            Self::LatencyQuantile(quantile) => f.pad(&format!("latency q{}", quantile.probability())),
        }
    }
}

/// By the name that it is shown by.
impl Serialize for Metric {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}
