//! The marginals of a trace: what its jobs, tasks and arrivals look like, one quantity at a time.

mod reference;
mod statistics;

use serde::Serialize;

pub use reference::REFERENCE;
pub use statistics::{Distribution, Histogram};

use self::statistics::{counts_per, intraclass_correlation, pearson};
use super::workflow::{CPU_STAND_IN, MEMORY_STAND_IN, Parts};
use super::{LeftOut, Trace, TraceJob, TraceTask, dag};

/// The marginals of the jobs of a trace that have a DAG.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Marginals {
    /// Number of jobs.
    pub jobs: u64,
    /// Number of tasks of those jobs that are part of the DAG.
    pub tasks: u64,
    /// What the file has besides.
    pub left_out: LeftOut,
    /// Jobs by number of tasks.
    pub tasks_per_job: Histogram,
    /// Jobs by number of tasks on the longest path.
    pub depth: Histogram,
    /// Jobs by shape.
    pub shapes: Shapes,
    /// Tasks by number of tasks that they wait for.
    pub parents_per_task: Histogram,
    /// Of the tasks, in seconds.
    pub duration_s: Distribution,
    /// Of the tasks, in hundredths of a core; stand-ins where the trace does not tell.
    pub cpu: Distribution,
    /// Of the tasks, in percent of the largest machine; stand-ins where the trace does not tell.
    pub memory: Distribution,
    /// Parallel instances of the tasks.
    pub instances: Distribution,
    /// When jobs arrive.
    pub arrivals: Arrivals,
    /// Intraclass correlation (one-way analysis of variance) of ln(max(1, duration)) within jobs; none where
    /// every job has one task.
    pub within_job_correlation: Option<f64>,
    /// Pearson's correlation of CPU and memory over tasks; none where one of them never changes.
    pub cpu_memory_correlation: Option<f64>,
    /// What [`workflow`](super::workflow) makes of the jobs.
    pub workflows: Workflows,
}

/// Jobs by shape of their DAG.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Shapes {
    /// One task.
    pub single: u64,
    /// Several tasks, one after the other.
    pub chain: u64,
    /// Several tasks, none of which waits for another.
    pub independent: u64,
    /// Everything else.
    pub other: u64,
}

/// The process of arrivals.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Arrivals {
    /// Seconds from the first to the last, both included.
    pub span_s: f64,
    /// Mean jobs per second.
    pub per_s: f64,
    /// Index of dispersion of the jobs per second: variance by mean; 1 for a Poisson process.
    pub dispersion_per_s: f64,
    /// Coefficient of variation of the jobs per whole minute; none below two minutes.
    pub minute_cv: Option<f64>,
    /// Most jobs in one second.
    pub most_per_s: u64,
}

/// The workflows with states in a trace; the same for both transformations but for the order of steps.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Workflows {
    /// How many jobs have states.
    pub stateful: u64,
    /// Those by number of steps.
    pub steps: Histogram,
    /// Those by number of states.
    pub states: Histogram,
    /// Their steps by number of states that they declare.
    pub states_per_step: Histogram,
    /// Mean memory behind a step's argument, in percent; at the default scale the argument in MB.
    pub argument_memory: Option<f64>,
    /// Mean memory behind a state, in percent; at the default scale its size in MB.
    pub state_memory: Option<f64>,
}

impl Marginals {
    /// Measures a trace.
    #[must_use]
    pub fn of(trace: &Trace) -> Self {
        let jobs = &trace.jobs;
        let of_tasks = |value: fn(&TraceTask) -> f64| -> Vec<f64> { tasks(jobs).map(value).collect() };
        let (cpu, memory) = (of_tasks(cpu), of_tasks(memory));
        let mut shapes = Shapes::default();
        let mut depth = Histogram::default();
        for job in jobs {
            let levels = dag::levels(&job.tasks);
            let deepest = levels.iter().copied().max().unwrap_or(0);
            depth.add(deepest);
            shapes.add(job, deepest as usize);
        }
        Self {
            jobs: jobs.len() as u64,
            tasks: cpu.len() as u64,
            left_out: trace.left_out,
            tasks_per_job: jobs.iter().map(|job| job.tasks.len() as u32).collect(),
            depth,
            shapes,
            parents_per_task: tasks(jobs).map(|task| task.parents.len() as u32).collect(),
            duration_s: Distribution::of(of_tasks(|task| task.duration.0)),
            instances: Distribution::of(of_tasks(|task| f64::from(task.instances))),
            arrivals: Arrivals::of(jobs),
            within_job_correlation: intraclass_correlation(
                jobs.iter().map(|job| job.tasks.iter().map(log_duration)),
            ),
            cpu_memory_correlation: pearson(&cpu, &memory),
            cpu: Distribution::of(cpu),
            memory: Distribution::of(memory),
            workflows: Workflows::of(jobs),
        }
    }

    /// The marginals as named numbers, in reading order; those of [`REFERENCE`] have the same names. Shares
    /// are in percent.
    #[must_use]
    pub fn rows(&self) -> Vec<(String, Option<f64>)> {
        let mut rows = Rows::default();
        rows.count("jobs", self.jobs);
        rows.count("tasks", self.tasks);
        rows.value("arrivals: jobs per s", self.arrivals.per_s);
        rows.value("arrivals: dispersion per s", self.arrivals.dispersion_per_s);
        rows.optional("arrivals: cv per minute", self.arrivals.minute_cv);
        rows.count("arrivals: most per s", self.arrivals.most_per_s);
        rows.histogram("tasks per job", &self.tasks_per_job, 1, 10);
        rows.histogram("depth", &self.depth, 1, 10);
        let share = |count: u64| 100.0 * count as f64 / self.jobs.max(1) as f64;
        rows.value("shape %: single", share(self.shapes.single));
        rows.value("shape %: chain", share(self.shapes.chain));
        rows.value("shape %: independent", share(self.shapes.independent));
        rows.value("shape %: other", share(self.shapes.other));
        rows.histogram("parents per task", &self.parents_per_task, 0, 4);
        rows.distribution("duration s", &self.duration_s);
        rows.distribution("instances", &self.instances);
        rows.distribution("cpu", &self.cpu);
        rows.distribution("memory", &self.memory);
        rows.optional(
            "within-job correlation of log duration",
            self.within_job_correlation,
        );
        rows.optional("correlation of cpu and memory", self.cpu_memory_correlation);
        let workflows = &self.workflows;
        rows.value("stateful jobs %", share(workflows.stateful));
        rows.optional("steps: mean", workflows.steps.mean());
        rows.histogram("steps", &workflows.steps, 2, 10);
        rows.optional("states: mean", workflows.states.mean());
        rows.histogram("states", &workflows.states, 1, 5);
        rows.histogram("states per step", &workflows.states_per_step, 0, 3);
        rows.optional("argument MB: mean", workflows.argument_memory);
        rows.optional("state MB: mean", workflows.state_memory);
        rows.0
    }
}

impl Shapes {
    fn add(&mut self, job: &TraceJob, depth: usize) {
        let tasks = job.tasks.len();
        let one_parent = job.tasks.iter().all(|task| task.parents.len() <= 1);
        let shape = match depth {
            _ if tasks == 1 => &mut self.single,
            1 => &mut self.independent,
            _ if depth == tasks && one_parent => &mut self.chain,
            _ => &mut self.other,
        };
        *shape += 1;
    }
}

impl Arrivals {
    fn of(jobs: &[TraceJob]) -> Self {
        let mut moments: Vec<f64> = jobs.iter().map(|job| job.arrival.0).collect();
        moments.sort_by(f64::total_cmp);
        let (Some(&first), Some(&last)) = (moments.first(), moments.last()) else {
            return Self::default();
        };
        let span_s = last.floor() - first.floor() + 1.0;
        let per_s = moments.len() as f64 / span_s;
        let seconds = counts_per(1.0, &moments);
        let squares: f64 = seconds.iter().map(|&(_, count)| (count * count) as f64).sum();
        // The minute in which the trace begins counts as whole, that in which it ends only if it is.
        let begin = (first / 60.0).floor();
        let minutes = ((last + 1.0) / 60.0).floor() - begin;
        let counts = counts_per(60.0, &moments);
        let whole = counts.iter().filter(|(minute, _)| minute - begin < minutes);
        let (sum, squares_of_minutes) = whole.fold((0.0, 0.0), |(sum, squares), &(_, count)| {
            (sum + count as f64, squares + (count * count) as f64)
        });
        Self {
            span_s,
            per_s,
            dispersion_per_s: (squares / span_s - per_s * per_s) / per_s,
            minute_cv: (minutes >= 2.0 && sum > 0.0).then(|| {
                let mean = sum / minutes;
                (squares_of_minutes / minutes - mean * mean).max(0.0).sqrt() / mean
            }),
            most_per_s: seconds.iter().map(|&(_, count)| count).max().unwrap_or(0),
        }
    }
}

impl Workflows {
    fn of(jobs: &[TraceJob]) -> Self {
        let mut workflows = Self::default();
        let (mut arguments, mut states) = (0.0, 0.0);
        for job in jobs {
            let parts = Parts::of(job);
            if parts.states.is_empty() {
                continue;
            }
            workflows.stateful += 1;
            workflows.steps.add(parts.steps.len() as u32);
            workflows.states.add(parts.states.len() as u32);
            for step in 0..parts.steps.len() {
                workflows.states_per_step.add(parts.declared(step).len() as u32);
            }
            let memory = |position: &usize| memory(&job.tasks[*position]);
            arguments += parts.steps.iter().map(memory).sum::<f64>();
            states += parts.states.iter().map(memory).sum::<f64>();
        }
        let mean = |sum: f64, of: &Histogram| (of.sum() > 0.0).then(|| sum / of.sum());
        workflows.argument_memory = mean(arguments, &workflows.steps);
        workflows.state_memory = mean(states, &workflows.states);
        workflows
    }
}

/// Named numbers, collected.
#[derive(Default)]
struct Rows(Vec<(String, Option<f64>)>);

impl Rows {
    fn optional(&mut self, name: impl Into<String>, value: Option<f64>) {
        self.0.push((name.into(), value));
    }

    fn value(&mut self, name: impl Into<String>, value: f64) {
        self.optional(name, Some(value));
    }

    fn count(&mut self, name: &str, count: u64) {
        self.value(name, count as f64);
    }

    /// Shares in percent: `first`, …, `last`, and all above.
    fn histogram(&mut self, name: &str, histogram: &Histogram, first: u32, last: u32) {
        for value in first..=last {
            self.value(
                format!("{name} %: {value}"),
                100.0 * histogram.share(|v| v == value),
            );
        }
        self.value(format!("{name} %: more"), 100.0 * histogram.share(|v| v > last));
    }

    fn distribution(&mut self, name: &str, distribution: &Distribution) {
        self.value(format!("{name}: mean"), distribution.mean);
        self.value(format!("{name}: cv"), distribution.cv);
        for (rank, quantile) in Distribution::RANKS.iter().zip(distribution.quantiles) {
            self.value(format!("{name}: q{rank}"), quantile);
        }
    }
}

fn tasks(jobs: &[TraceJob]) -> impl Iterator<Item = &TraceTask> {
    jobs.iter().flat_map(|job| &job.tasks)
}

fn cpu(task: &TraceTask) -> f64 {
    task.cpu.unwrap_or(CPU_STAND_IN)
}

fn memory(task: &TraceTask) -> f64 {
    task.memory.unwrap_or(MEMORY_STAND_IN)
}

/// Logarithm of a duration that may be 0 and is in whole seconds.
fn log_duration(task: &TraceTask) -> f64 {
    libm::log(task.duration.0.max(1.0))
}
