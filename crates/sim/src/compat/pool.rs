//! The jobs that a replication draws from.

use std::borrow::Cow;

use fogline_core::model::{FunctionId, Seconds};
use fogline_workload::trace::{Scale, Trace, TraceJob, Transformation, workflow};

use super::machines::{Affinity, Machines};
use super::options::{Options, Unfit};
use super::random::Engine;

/// One task of a chain. Sizes wrap as StateSim's `size_t` does.
#[derive(Clone, Copy, Debug)]
pub(super) struct Task {
    pub(super) operations: u64,
    /// Size of the argument, in bytes.
    pub(super) argument: u64,
    /// Size of the states that it depends on, in bytes.
    pub(super) state: u64,
    pub(super) affinity: Affinity,
    /// Where its dependencies end in [`Pool::dependencies`]; they begin where those of the task before end.
    dependencies_end: u32,
}

/// One job. The result is as large as the argument of its first task.
#[derive(Clone, Copy, Debug)]
pub(super) struct Job {
    first_task: u32,
    pub(super) tasks: u32,
    first_state: u32,
    states: u32,
    /// Size of all its states, in bytes.
    pub(super) state: u64,
}

/// The jobs of the trace that have a state.
#[derive(Clone, Debug, Default)]
pub(super) struct Pool {
    pub(super) jobs: Vec<Job>,
    tasks: Vec<Task>,
    state_sizes: Vec<u64>,
    /// The states that tasks depend on, as positions among the states of their job.
    dependencies: Vec<u32>,
}

impl Pool {
    pub(super) fn of(trace: &Trace, machines: &Machines, options: &Options) -> Result<Self, Unfit> {
        let scale = Scale {
            operations: options.operations_factor,
            argument: options.argument_factor,
            state: options.state_factor,
        };
        let picker = FunctionPicker::new(machines, options);
        // The functions are drawn by an engine of their own, whose seed is always 0.
        let mut engine = Engine::new(0);
        let mut pool = Self::default();
        for job in &trace.jobs {
            // The chain starts at task 1; v1.1.1 makes up an empty one where there is none, which has no state.
            if job.tasks.first().is_none_or(|task| task.id != 1) {
                continue;
            }
            pool.add(job, &scale, || picker.pick(&mut engine))?;
        }
        if pool.jobs.is_empty() {
            return Err(Unfit::EmptyPool);
        }
        Ok(pool)
    }

    fn add(
        &mut self,
        job: &TraceJob,
        scale: &Scale,
        mut pick: impl FnMut() -> Result<Affinity, Unfit>,
    ) -> Result<(), Unfit> {
        let chain = workflow(&whole_seconds(job), Transformation::Descendants, scale, |_| {
            FunctionId::default()
        });
        let Some(chain) = chain else {
            return Ok(());
        };
        if let Some(task) = job
            .tasks
            .iter()
            .find(|task| task.cpu.is_none() || task.memory.is_none())
        {
            return Err(Unfit::NoFigures {
                job: job.name.clone(),
                task: task.id,
            });
        }
        let sizes: Vec<u64> = chain.states().iter().map(|state| state.0).collect();
        self.jobs.push(Job {
            first_task: self.tasks.len() as u32,
            tasks: chain.steps().len() as u32,
            first_state: self.state_sizes.len() as u32,
            states: sizes.len() as u32,
            state: total(sizes.iter().copied()),
        });
        for step in chain.steps() {
            let needs = step.states.iter().map(|state| state.0);
            self.dependencies.extend(needs.clone());
            self.tasks.push(Task {
                operations: step.operations.0,
                argument: step.input.0,
                state: total(needs.map(|state| sizes[state as usize])),
                affinity: pick()?,
                dependencies_end: self.dependencies.len() as u32,
            });
        }
        self.state_sizes.extend(sizes);
        Ok(())
    }

    pub(super) fn tasks(&self, job: &Job) -> &[Task] {
        let first = job.first_task as usize;
        &self.tasks[first..first + job.tasks as usize]
    }

    /// The sizes of the states of a job.
    pub(super) fn states(&self, job: &Job) -> &[u64] {
        let first = job.first_state as usize;
        &self.state_sizes[first..first + job.states as usize]
    }

    /// The states that a task of a job depends on.
    pub(super) fn dependencies(&self, job: &Job, task: usize) -> &[u32] {
        let task = job.first_task as usize + task;
        let first = match task.checked_sub(1) {
            Some(before) => self.tasks[before].dependencies_end,
            None => 0,
        };
        &self.dependencies[first as usize..self.tasks[task].dependencies_end as usize]
    }
}

fn total(sizes: impl Iterator<Item = u64>) -> u64 {
    sizes.fold(0, u64::wrapping_add)
}

/// Draws functions, all equally likely. Only their affinity matters.
struct FunctionPicker {
    functions: u64,
    cpu: u64,
    gpu: u64,
}

impl FunctionPicker {
    fn new(machines: &Machines, options: &Options) -> Self {
        let (cpu, gpu) = machines.functions_by_affinity(options);
        Self {
            functions: options.functions,
            cpu,
            gpu,
        }
    }

    fn pick(&self, engine: &mut Engine) -> Result<Affinity, Unfit> {
        // The weights are 1, so their cumulative sums are whole numbers.
        let drawn = (engine.unit() * self.functions as f64) as u64;
        let function = drawn.min(self.functions - 1);
        if function < self.cpu {
            Ok(Affinity::Cpu)
        } else if function - self.cpu < self.gpu {
            Ok(Affinity::Gpu)
        } else {
            Err(Unfit::NoAffinity {
                function,
                functions: self.functions,
            })
        }
    }
}

/// StateSim reads durations with `stoul`, which stops at the decimal point.
fn whole_seconds(job: &TraceJob) -> Cow<'_, TraceJob> {
    if job.tasks.iter().all(|task| task.duration.0.fract() == 0.0) {
        return Cow::Borrowed(job);
    }
    let mut job = job.clone();
    for task in &mut job.tasks {
        task.duration = Seconds(task.duration.0.trunc());
    }
    Cow::Owned(job)
}
