//! `load`: processing time alone.

use super::PlacementPolicy;
use crate::cost::{CostOptions, Invocation, Leg};
use crate::model::ExecutionModel;

/// The paper's first policy: the worker that would be done first, as if the network were free.
#[derive(Clone, Copy, Debug, Default)]
pub struct Load;

impl PlacementPolicy for Load {
    fn name(&self) -> &'static str {
        "load"
    }

    fn depends_on_model(&self) -> bool {
        false
    }

    fn legs(&self, _: ExecutionModel, _: &Invocation<'_>, _: CostOptions, _: &mut Vec<Leg>) {}
}
