//! Scenarios after ether ("Synthesizing Plausible Infrastructure Configurations for Evaluating Edge Computing
//! Systems", HotEdge'20): the cells that networks are made of, and what they are put together to.
//!
//! This is a re-implementation from the published description. Latencies are kept: each connection has its
//! law's most likely latency, or a random one.

mod cell;
mod law;
mod scenario;
mod site;

pub use cell::{Backhaul, Cell, DensityLaw, UpDown};
pub use law::LatencyLaw;
pub use scenario::{CloudRegions, Densities, IndustrialIot, MAX_NODES, Scenario, UrbanSensing};

use crate::random::Stream;

/// Which of the networks that a scenario describes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Draw {
    /// The one whose figures were published, each latency the most likely one of its law.
    #[default]
    Published,
    /// A random one.
    Sampled {
        /// Of the random numbers.
        seed: u64,
        /// Which of the networks of that seed.
        number: u32,
    },
}

impl Draw {
    /// Draw 0 is the published network, the others are random.
    #[must_use]
    pub fn new(seed: u64, number: u32) -> Self {
        match number {
            0 => Self::Published,
            number => Self::Sampled { seed, number },
        }
    }

    /// The random numbers for something about an entity; none where nothing is random.
    fn stream(self, entity: u64, purpose: u32) -> Option<Stream> {
        match self {
            Self::Published => None,
            Self::Sampled { seed, number } => Some(Stream::new(seed, u64::from(number), entity, purpose)),
        }
    }
}

/// What random numbers decide here; the prefix keeps them apart from those of other modules.
mod purpose {
    const NETWORK: u32 = 0x4E45_5400;
    /// The latency of a connection; the entity is its number.
    pub(super) const LATENCY: u32 = NETWORK + 1;
    /// The density of a neighbourhood; the entity is its number.
    pub(super) const DENSITY: u32 = NETWORK + 2;
}
