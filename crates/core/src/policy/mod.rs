//! Placement: which worker an invocation should run on.
//!
//! A *policy* is the choice of the costs that count ([`PlacementPolicy::legs`]); a worker's score is its
//! processing time, were it given the invocation, and the time of those legs. The lowest score wins, ties go to
//! the lowest candidate. [`scan()`] scores all candidates, which is right for the few that a node knows;
//! [`Search`] makes the same choice on networks of any size without looking at most of them.

mod demand;
mod load;
mod load_net;
mod model_aware;
mod scan;
mod search;
mod workers;

pub use demand::Demand;
pub use load::Load;
pub use load_net::{CountedStates, LoadNet};
pub use model_aware::ModelAware;
pub use scan::{Choice, PathRow, scan};
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
