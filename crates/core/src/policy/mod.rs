//! Placement: which worker an invocation should run on.
//!
//! A *policy* is the choice of the costs that count ([`PlacementPolicy::legs`]); a worker's score is its
//! processing time, were it given the invocation, and the time of those legs. The lowest score wins, ties go to
//! the lowest candidate. [`scan()`] scores all candidates, which is right for the few that a node knows;
//! [`Search`] makes the same choice on networks of any size without looking at most of them.
//!
//! [`Placement`] names the policies that an application may ask for. Some of them do not take the lowest score;
//! each of these is a function of all scores (and of random bits or a turn, which are arguments).

mod demand;
pub mod least_impedance;
mod load;
mod load_net;
pub mod local_first;
mod model_aware;
mod placement;
pub mod power_of_two_choices;
pub mod round_robin;
mod scan;
mod scores;
mod search;
pub mod weighted_random;
mod workers;

pub use demand::Demand;
pub use load::Load;
pub use load_net::{CountedStates, LoadNet};
pub use model_aware::ModelAware;
pub use placement::{Placement, Situation};
pub use scan::{Choice, PathRow, scan};
pub use scores::lowest;
pub use search::Search;
pub use workers::{WorkerIndex, Workers};

use crate::cost::{CostOptions, Invocation, Leg};
use crate::model::ExecutionModel;

/// Which costs count when a worker is chosen.
pub trait PlacementPolicy: Send + Sync {
    /// The name in files and figures.
    fn name(&self) -> &'static str;

    /// Whether the choice depends on the execution model. If not, one placement serves all models.
    fn depends_on_model(&self) -> bool;

    /// Writes the legs that count behind those in `out`.
    fn legs(
        &self,
        model: ExecutionModel,
        invocation: &Invocation<'_>,
        options: CostOptions,
        out: &mut Vec<Leg>,
    );
}
