//! `model-aware`: processing time and the transfers of the execution model in force.

use super::PlacementPolicy;
use crate::cost::{CostOptions, Invocation, Leg, legs};
use crate::model::ExecutionModel;

/// As load-net, but each model is placed by its own costs: in-edge workers are drawn to the store,
/// in-function ones to where the states are.
#[derive(Clone, Copy, Debug, Default)]
pub struct ModelAware;

impl PlacementPolicy for ModelAware {
    fn name(&self) -> &'static str {
        "model-aware"
    }

    fn depends_on_model(&self) -> bool {
        true
    }

    fn legs(
        &self,
        model: ExecutionModel,
        invocation: &Invocation<'_>,
        options: CostOptions,
        out: &mut Vec<Leg>,
    ) {
        legs(model, invocation, options, out);
    }
}
