//! The static Monte Carlo engine: places all invocations of a replication, one after the other, and reckons what
//! each run took under each execution model.
//!
//! There is no time between jobs: a worker's processor is shared evenly by all that was placed on it, and links
//! are not congested. What it does otherwise is up to the [`Switches`](fogline_manifest::scenario::Switches).

mod draw;
mod finder;
mod measure;
mod paths;
mod place;
mod policy;
mod pool;
mod replicate;
mod repository;
mod telemetry;
mod world;

pub use draw::Draw;
pub use measure::{Measured, StepMeasure};
pub use paths::Paths;
pub use place::Placement;
pub use policy::Policy;
pub use pool::{Pool, PoolJob};
pub use replicate::{Outcome, Replicator};
pub use world::{World, WorldError};
