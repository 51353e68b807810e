//! The pool: the jobs of a trace that have state, as workflows.

use fogline_core::model::{FunctionId, Workflow};
use fogline_manifest::scenario::{RandomNumbers, WorkflowShape, WorkloadSection};
use fogline_workload::random::Stream;
use fogline_workload::trace::{Scale, Trace, Transformation, workflow};

use crate::compat::Engine;
use crate::purpose;

/// A job of the pool.
#[derive(Clone, Debug)]
pub struct PoolJob {
    /// Its name in the trace.
    pub name: String,
    /// What one run of it executes.
    pub workflow: Workflow,
}

/// The jobs that replications draw from.
#[derive(Clone, Debug)]
pub struct Pool {
    /// In the order of the trace.
    pub jobs: Vec<PoolJob>,
    /// The names of the functions.
    pub functions: Vec<String>,
}

impl Pool {
    /// Turns the jobs of a trace into workflows and gives each step its function, once for all replications.
    #[must_use]
    pub fn new(
        trace: &Trace,
        workload: &WorkloadSection,
        shape: WorkflowShape,
        random: RandomNumbers,
    ) -> Self {
        let functions: Vec<String> = workload
            .functions
            .iter()
            .map(|function| function.name.clone())
            .collect();
        let scale = Scale {
            operations: workload.operations_factor,
            argument: workload.argument_factor,
            state: workload.state_factor,
        };
        let transformation = match shape {
            WorkflowShape::Dag => Transformation::Dag,
            WorkflowShape::Descendants => Transformation::Descendants,
        };
        // The reference draws the functions of all tasks from one engine with seed 0.
        let mut engine = Engine::new(0);
        let count = functions.len();
        let mut jobs = Vec::new();
        for (index, job) in trace.jobs.iter().enumerate() {
            let mut stream = Stream::new(0, 0, index as u64, purpose::FUNCTION);
            let workflow = workflow(job, transformation, &scale, |_| {
                FunctionId(match random {
                    RandomNumbers::Counter => stream.below(count as u64) as u16,
                    RandomNumbers::Lcg => ((engine.unit() * count as f64) as usize).min(count - 1) as u16,
                })
            });
            if let Some(workflow) = workflow {
                jobs.push(PoolJob {
                    name: job.name.clone(),
                    workflow,
                });
            }
        }
        Self { jobs, functions }
    }
}
