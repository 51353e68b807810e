//! `batch_task.csv` of the Alibaba cluster trace of 2018: `task_name,instance_num,job_name,task_type,status,
//! start_time,end_time,plan_cpu,plan_mem`, without a header, rows in any order.
//!
//! The columns are those of the trace's `schema.md`, which the files follow. They hold no duration and no
//! submission: a task lasts from start to end, a job arrives when its first task starts. See
//! <https://github.com/alibaba/clusterdata>; the trace is published for research and study.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::io::BufRead;
use std::path::Path;

use fogline_core::model::{BadInput, Seconds};

use super::format::Window;
use super::job::{OpenJob, TaskName};
use super::lines::{Field, Lines};
use super::{Trace, TraceTask};

/// The columns, in order.
pub(super) const COLUMNS: [&str; 9] = [
    "task_name",
    "instance_num",
    "job_name",
    "task_type",
    "status",
    "start_time",
    "end_time",
    "plan_cpu",
    "plan_mem",
];

/// The only status of a task that did its work; others are Failed, Running, Waiting, Cancelled and Interrupted.
const DONE: &str = "Terminated";

/// Reads a file.
///
/// # Errors
/// See [`parse`]; also when the file cannot be opened.
pub fn read(path: &Path, window: &Window) -> Result<Trace, BadInput> {
    parse_lines(Lines::open(path)?, window)
}

/// Reads from memory or a stream; `file` is its name in messages.
///
/// Left out, and counted: tasks that are not `Terminated`, have no start or no end (the trace writes 0 for
/// what lies outside its eight days), end before they start, or start or end outside the window; tasks
/// without DAG information (`task_…`, `MergeTask`); and jobs of which, after that, a task waits for one that
/// is not there or for itself, or has the number of another. Jobs come in order of arrival.
///
/// All tasks of the window are held in memory, since those of a job are scattered over the file: about
/// 150 bytes for each.
///
/// # Errors
/// When a record has not nine fields, a number is not one, a line is longer than
/// [`MAX_LINE`](super::MAX_LINE), is not UTF-8 or cannot be read, the window has more tasks than it may, or
/// no job is left.
pub fn parse(input: impl BufRead, file: &str, window: &Window) -> Result<Trace, BadInput> {
    parse_lines(Lines::new(input, file), window)
}

pub(super) fn parse_lines(mut lines: Lines<impl BufRead>, window: &Window) -> Result<Trace, BadInput> {
    let mut trace = Trace::default();
    let mut jobs: Vec<OpenJob> = Vec::new();
    let mut known: HashMap<String, usize> = HashMap::new();
    let mut held = 0;
    while lines.advance()? {
        let fields = lines.fields()?.exactly(COLUMNS)?;
        let [name, _, job, ..] = &fields;
        let (name, job) = (name.word()?, job.word()?);
        let Some((start, mut task)) = task(&fields, window)? else {
            trace.left_out.unusable_tasks += 1;
            continue;
        };
        let index = match known.entry(job.to_owned()) {
            Entry::Occupied(entry) => *entry.get(),
            Entry::Vacant(entry) => {
                jobs.push(OpenJob::new(job, start));
                *entry.insert(jobs.len() - 1)
            }
        };
        let open = &mut jobs[index];
        open.arrival = Seconds(open.arrival.0.min(start.0));
        match parse_name(name) {
            None => open.independent = open.independent.saturating_add(1),
            Some(name) => {
                TaskName {
                    id: task.id,
                    parents: task.parents,
                } = name;
                open.tasks.push((task, fields[0].place()));
                held += 1;
                if held > window.most_tasks {
                    return Err(window.too_small(lines.file()));
                }
            }
        }
    }
    drop(known);
    close(&mut trace, jobs, lines.file());
    if trace.jobs.is_empty() {
        return Err(Window::empty(lines.file()));
    }
    Ok(trace)
}

fn close(trace: &mut Trace, jobs: Vec<OpenJob>, file: &str) {
    for job in jobs {
        if job.tasks.is_empty() {
            trace.left_out.independent_jobs += 1;
            trace.left_out.independent_tasks += u64::from(job.independent);
        } else if let Ok(job) = job.close(file) {
            trace.jobs.push(job);
        } else {
            trace.left_out.broken_jobs += 1;
        }
    }
    // Stable, so that jobs of one second stay in the order of the file.
    trace.jobs.sort_by(|a, b| a.arrival.total_cmp(&b.arrival));
}

/// The task of a record and its start, without id and parents; `None` when it cannot be used.
fn task(fields: &[Field<'_>; 9], window: &Window) -> Result<Option<(Seconds, TraceTask)>, BadInput> {
    let [_, instances, _, _, status, start, end, cpu, memory] = fields;
    // An empty field is what the trace writes for "not known".
    let start = start.optional_quantity()?.unwrap_or(0.0);
    let end = end.optional_quantity()?.unwrap_or(0.0);
    let task = TraceTask {
        id: 0,
        parents: Vec::new(),
        duration: Seconds(end - start),
        cpu: cpu.optional_quantity()?,
        memory: memory.optional_quantity()?,
        instances: if instances.text.is_empty() {
            1
        } else {
            instances.count()?
        },
    };
    let within = window.contains(Seconds(start)) && end <= window.until.0;
    let usable = status.text == DONE && start > 0.0 && end >= start && within;
    Ok(usable.then_some((Seconds(start), task)))
}

/// The name of a task with DAG information: as Spår's, and besides
/// - any word that ends in a letter before the number,
/// - `_Stg` and a number at the end, which is not a task of the job,
/// - an underscore at the end, where the trace cut a long name off (the parents behind it are lost).
///
/// The last two are described in <https://github.com/alibaba/clusterdata/issues/76>.
fn parse_name(name: &str) -> Option<TaskName> {
    let (head, mut parents) = name.split_once('_').unwrap_or((name, ""));
    let letters = head.trim_end_matches(|c: char| c.is_ascii_digit());
    let (_, number) = head.split_at(letters.len());
    if let Some(at) = parents.rfind("Stg")
        && parents[at + 3..].bytes().all(|byte| byte.is_ascii_digit())
    {
        parents = &parents[..at];
    }
    parents = parents.strip_suffix('_').unwrap_or(parents);
    if !letters.ends_with(|c: char| c.is_ascii_alphabetic()) {
        return None;
    }
    let separator = if parents.is_empty() { "" } else { "_" };
    TaskName::parse(&format!("T{number}{separator}{parents}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_the_real_trace_are_understood() {
        type Parsed<'a> = Option<(u32, &'a [u32])>;
        let cases: [(&str, Parsed<'_>); 13] = [
            ("M1", Some((1, &[]))),
            ("R3_1_2", Some((3, &[1, 2]))),
            ("J10_7_9_Stg4", Some((10, &[7, 9]))),
            ("M2_Stg1", Some((2, &[]))),
            ("J30_4_5_25_", Some((30, &[4, 5, 25]))),
            ("xM12_3", Some((12, &[3]))),
            ("MergeTask", None),
            ("task_LTE4NjUxMjg5NDY5MDI4NjAzNzU=", None),
            ("12_3", None),
            ("M0", None),
            ("M1_x", None),
            ("é1", None),
            ("", None),
        ];
        for (name, expected) in cases {
            let parsed = parse_name(name).map(|name| (name.id, name.parents));
            assert_eq!(
                parsed,
                expected.map(|(id, parents)| (id, parents.to_vec())),
                "{name}"
            );
        }
    }
}
