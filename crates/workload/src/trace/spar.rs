//! Spår's `batch_task.csv`: `arrival,job,name,duration,cpu,mem,instances`, without a header, the rows of a job
//! together.
//!
//! Spår (<https://github.com/All-less/trace-generator>) writes samples of the Alibaba cluster trace of 2018 in
//! this form. Times are in seconds, CPU in hundredths of a core, memory in percent of the largest machine.

use std::io::{BufRead, Write};
use std::path::Path;

use fogline_core::model::{BadInput, Seconds};

use super::job::{OpenJob, TaskName};
use super::lines::{Field, Lines};
use super::workflow::{CPU_STAND_IN, MEMORY_STAND_IN};
use super::{Trace, TraceJob, TraceTask};

/// The columns, in order.
pub(super) const COLUMNS: [&str; 7] = ["arrival", "job", "name", "duration", "cpu", "mem", "instances"];

/// What the name of a task without DAG information contains.
const INDEPENDENT: &str = "task_";

/// Reads a file.
///
/// # Errors
/// See [`parse`]; also when the file cannot be opened.
pub fn read(path: &Path) -> Result<Trace, BadInput> {
    parse_lines(Lines::open(path)?)
}

/// Reads from memory or a stream; `file` is its name in messages.
///
/// A row whose name contains `task_` carries no DAG information and is only counted: with its job, or, for
/// a job of nothing else, with the trace. A task of the DAG starts a new job when its job's name differs from
/// that of the task of a DAG before it.
///
/// # Errors
/// When a record has not seven fields, a number is missing, negative, infinite or NaN, an id is 0 or there
/// twice in its job, a parent is not there, the tasks of a job wait for each other in a cycle, a line is
/// longer than [`MAX_LINE`](super::MAX_LINE), is not UTF-8 or cannot be read, or no job is left.
pub fn parse(input: impl BufRead, file: &str) -> Result<Trace, BadInput> {
    parse_lines(Lines::new(input, file))
}

/// Writes jobs; [`parse`] reads the same jobs back.
///
/// Tasks without DAG information are not written, and what a trace does not tell about CPU and memory is
/// written as [`CPU_STAND_IN`] and [`MEMORY_STAND_IN`].
///
/// # Errors
/// When `out` fails.
pub fn write<'a>(jobs: impl IntoIterator<Item = &'a TraceJob>, out: &mut impl Write) -> std::io::Result<()> {
    for job in jobs {
        for task in &job.tasks {
            // The letters of the trace: they mean nothing, but most sources map and most joins join.
            let letter = ["M", "R", "J"][task.parents.len().min(2)];
            write!(out, "{},{},{letter}{}", job.arrival.0, job.name, task.id)?;
            for parent in &task.parents {
                write!(out, "_{parent}")?;
            }
            let cpu = task.cpu.unwrap_or(CPU_STAND_IN);
            let memory = task.memory.unwrap_or(MEMORY_STAND_IN);
            writeln!(out, ",{},{cpu},{memory},{}", task.duration.0, task.instances)?;
        }
    }
    Ok(())
}

pub(super) fn parse_lines(mut lines: Lines<impl BufRead>) -> Result<Trace, BadInput> {
    let mut trace = Trace::default();
    let mut open: Option<OpenJob> = None;
    // Rows without DAG information of a job of which no task of a DAG was seen yet.
    let mut waiting = Independent::default();
    while lines.advance()? {
        let fields = lines.fields()?.exactly(COLUMNS)?;
        let [arrival, job, name, ..] = &fields;
        let arrival = Seconds(arrival.quantity()?);
        let job = job.word()?;
        if name.word()?.contains(INDEPENDENT) {
            task(&fields, 0, Vec::new())?;
            match &mut open {
                Some(open) if open.name == job => open.independent = open.independent.saturating_add(1),
                _ => waiting.add(job, &mut trace),
            }
            continue;
        }
        let new = match &mut open {
            Some(open) if open.name == job => open,
            _ => {
                if let Some(done) = open.take() {
                    trace.jobs.push(done.close(lines.file())?);
                }
                let mut new = OpenJob::new(job, arrival);
                new.independent = waiting.claim(job, &mut trace);
                open.insert(new)
            }
        };
        let parsed =
            TaskName::parse(name.text).ok_or_else(|| name.bad("the name of a task", TaskName::HINT))?;
        new.tasks
            .push((task(&fields, parsed.id, parsed.parents)?, name.place()));
    }
    waiting.flush(&mut trace);
    if let Some(done) = open {
        trace.jobs.push(done.close(lines.file())?);
    }
    if trace.jobs.is_empty() {
        return Err(BadInput::whole(
            lines.file(),
            "there is no job with a DAG in it",
            "a trace has at least one row such as 0,j_1,M1,10,100,0.5,1",
        ));
    }
    Ok(trace)
}

fn task(fields: &[Field<'_>; 7], id: u32, parents: Vec<u32>) -> Result<TraceTask, BadInput> {
    let [_, _, _, duration, cpu, memory, instances] = fields;
    Ok(TraceTask {
        id,
        parents,
        duration: Seconds(duration.quantity()?),
        cpu: Some(cpu.quantity()?),
        memory: Some(memory.quantity()?),
        instances: instances.count()?,
    })
}

/// Rows in a row that carry no DAG information, all of one job.
#[derive(Default)]
struct Independent {
    job: String,
    tasks: u32,
}

impl Independent {
    fn add(&mut self, job: &str, trace: &mut Trace) {
        if self.job != job {
            self.flush(trace);
            job.clone_into(&mut self.job);
        }
        self.tasks = self.tasks.saturating_add(1);
    }

    /// The rows belong to this job after all, if they are its.
    fn claim(&mut self, job: &str, trace: &mut Trace) -> u32 {
        if self.job == job {
            return std::mem::take(&mut self.tasks);
        }
        self.flush(trace);
        0
    }

    /// The rows were a job of their own.
    fn flush(&mut self, trace: &mut Trace) {
        if self.tasks > 0 {
            trace.left_out.independent_jobs += 1;
            trace.left_out.independent_tasks += u64::from(self.tasks);
            self.tasks = 0;
        }
    }
}
