//! Traces of jobs, whatever file or generator they come from.

pub mod alibaba;
pub mod azure;
mod dag;
mod format;
pub mod generate;
mod job;
mod lines;
pub mod marginals;
pub mod spar;
mod workflow;

pub use format::{TraceFormat, Window, read, read_window};
pub use lines::MAX_LINE;
pub use marginals::Marginals;
pub use workflow::{
    CPU_STAND_IN, MEMORY_STAND_IN, Scale, Transformation, workflow, workflow_with_or_without_states,
};

use fogline_core::model::Seconds;
use serde::Serialize;

/// A trace: jobs in the order of the file.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Trace {
    /// The jobs that have a DAG.
    pub jobs: Vec<TraceJob>,
    /// What the file has besides.
    pub left_out: LeftOut,
}

/// What a trace file has that is not part of the [`Trace`], and why.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct LeftOut {
    /// Jobs of which no task has DAG information.
    pub independent_jobs: u64,
    /// The tasks of those jobs.
    pub independent_tasks: u64,
    /// Tasks that failed, that have no end or no duration, or that lie outside the window.
    pub unusable_tasks: u64,
    /// Jobs that depend on a task that is not there, or on themselves, in a trace where that happens.
    pub broken_jobs: u64,
}

/// A job: tasks that depend on each other. Whatever reads or generates one sees to it that the tasks are in
/// ascending order of id, that parents are there and that nothing waits for itself; who builds one by hand
/// does, too.
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
