//! A job that is being read, row by row.

use fogline_core::model::{BadInput, Seconds};

use super::dag;
use super::{TraceJob, TraceTask};

/// Line and column of a task's name.
pub(super) type Place = (u64, u64);

/// The name of a task that is part of a DAG: a letter that means nothing, its id, and the ids of its parents,
/// as `R3_1_2`.
pub(super) struct TaskName {
    pub(super) id: u32,
    pub(super) parents: Vec<u32>,
}

impl TaskName {
    /// What a name looks like, for hints.
    pub(super) const HINT: &'static str =
        "a task of a DAG is a letter, its number from 1 and those of its parents, as R3_1_2";

    pub(super) fn parse(name: &str) -> Option<Self> {
        let numbers = name.strip_prefix(|c: char| c.is_ascii_alphabetic())?;
        let mut ids = numbers.split('_').map(id);
        let id = ids.next()??;
        let parents = ids.collect::<Option<Vec<u32>>>()?;
        Some(Self { id, parents })
    }
}

/// A number from 1, written with digits only.
fn id(text: &str) -> Option<u32> {
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|&id| digits && id != 0)
}

/// The rows of one job so far.
pub(super) struct OpenJob {
    pub(super) name: String,
    pub(super) arrival: Seconds,
    pub(super) tasks: Vec<(TraceTask, Place)>,
    pub(super) independent: u32,
}

impl OpenJob {
    pub(super) fn new(name: &str, arrival: Seconds) -> Self {
        Self {
            name: name.to_owned(),
            arrival,
            tasks: Vec::new(),
            independent: 0,
        }
    }

    /// Orders the tasks by id and checks that they are a DAG.
    pub(super) fn close(mut self, file: &str) -> Result<TraceJob, BadInput> {
        // Stable, so that of two equal ids the later row is at fault.
        self.tasks.sort_by_key(|(task, _)| task.id);
        let (tasks, places): (Vec<TraceTask>, Vec<Place>) = self.tasks.into_iter().unzip();
        if let Err(fault) = dag::check(&tasks) {
            let (line, column) = places[fault.position];
            let problem = format!("job {}: {fault}", self.name);
            return Err(BadInput::at(file, line, column, problem, fault.hint()));
        }
        Ok(TraceJob {
            name: self.name,
            arrival: self.arrival,
            tasks,
            independent: self.independent,
        })
    }
}
