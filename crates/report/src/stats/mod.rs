//! Statistics over replications.
//!
//! The unit is always the replication, never the job: the jobs of one replication share its network, its load
//! and its random numbers, so thousands of them say little more than one number about the next replication.
//! Where several topologies were drawn, seeds are nested in topologies and the unit is the topology
//! ([`Units`]).
//!
//! Every function sorts its input or takes it in a defined order, so a result never depends on the order in
//! which replications finished.

mod bootstrap;
mod crossed;
mod holm;
mod interval;
mod mean;
mod order;
mod paired;
mod stopping;
mod units;

pub use bootstrap::{Bootstrap, bootstrap_mean};
pub use crossed::Shared;
pub use holm::holm;
pub use interval::Interval;
pub(crate) use interval::decimals;
pub use mean::{mean_interval, t_quantile};
pub use order::{median_interval, quantile_interval, quantile_ranks};
pub use paired::{Paired, paired_mean, paired_median};
pub use stopping::{BadStopping, Stopping};
pub use units::{Unit, Units};
