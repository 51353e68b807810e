//! `load-net`: processing time and transfers, as if states travelled with the arguments.

use serde::{Deserialize, Serialize};

use super::PlacementPolicy;
use crate::cost::{CostOptions, Invocation, Leg, legs};
use crate::model::ExecutionModel;

/// Whose bytes travel with the arguments in the eyes of [`LoadNet`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CountedStates {
    /// The states that the step declares.
    #[default]
    Declared,
    /// All states of the session, needed or not. The paper's simulator (deviation 3 of
    /// statesim-semantics.md 6).
    All,
}

/// The paper's second policy. It is blind to the execution model: it always reckons as if the client sent
/// the states along.
#[derive(Clone, Copy, Debug, Default)]
pub struct LoadNet {
    /// Which states it counts.
    pub states: CountedStates,
}

impl PlacementPolicy for LoadNet {
    fn name(&self) -> &'static str {
        "load-net"
    }

    fn depends_on_model(&self) -> bool {
        false
    }

    fn legs(&self, _: ExecutionModel, invocation: &Invocation<'_>, options: CostOptions, out: &mut Vec<Leg>) {
        let model = match self.states {
            CountedStates::Declared => ExecutionModel::InClient,
            CountedStates::All => ExecutionModel::PureFaas,
        };
        legs(model, invocation, options, out);
    }
}
