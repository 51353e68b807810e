//! Traces of jobs, whatever file or generator they come from.

mod dag;
mod job;
mod lines;
pub mod spar;
mod workflow;

pub use lines::MAX_LINE;
pub use workflow::{
    CPU_STAND_IN, MEMORY_STAND_IN, Scale, Transformation, workflow, workflow_with_or_without_states,
};

use fogline_core::model::Seconds;

/// A trace: jobs in the order of the file.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Trace {
    /// The jobs that have a DAG.
    pub jobs: Vec<TraceJob>,
    /// How many jobs have no task with DAG information, and are left out of `jobs`.
    pub independent_jobs: u64,
    /// How many tasks those have.
    pub independent_tasks: u64,
}

/// A job: tasks that depend on each other.
#[derive(Clone, Debug, PartialEq)]
pub struct TraceJob {
    /// Its name in the trace, as `j_17`.
    pub name: String,
    /// When it was submitted, from the start of the trace.
    pub arrival: Seconds,
    /// The tasks that are part of the DAG, in ascending order of id; ids are the trace's, from 1.
    pub tasks: Vec<TraceTask>,
    /// How many tasks carry no DAG information (`task_…`, `MergeTask`) and are left out of `tasks`.
    pub independent: u32,
}

/// A task of a job.
#[derive(Clone, Debug, PartialEq)]
pub struct TraceTask {
    /// Number in the job, from 1.
    pub id: u32,
    /// The tasks that must end before it starts, by id, as the trace lists them.
    pub parents: Vec<u32>,
    /// Running time of one instance.
    pub duration: Seconds,
    /// CPU asked for, in hundredths of a core; `None` where the trace does not tell.
    pub cpu: Option<f64>,
    /// Memory asked for, in percent of the largest machine; `None` where the trace does not tell.
    pub memory: Option<f64>,
    /// Number of parallel instances.
    pub instances: u32,
}
