//! What every trace that was read must go through.

use fogline_core::model::FunctionId;
use fogline_workload::trace::{Scale, Trace, Transformation, workflow_with_or_without_states};

/// Turns every job into its workflows.
pub(crate) fn of(trace: &Trace) {
    for job in &trace.jobs {
        for transformation in Transformation::ALL {
            let function = |_: &_| FunctionId(0);
            let _ = workflow_with_or_without_states(job, transformation, &Scale::default(), function);
        }
    }
}
