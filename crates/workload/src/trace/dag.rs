//! What makes the tasks of a job a directed acyclic graph.

use std::fmt;

use super::TraceTask;

/// Why tasks are not a DAG.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Fault {
    /// Position of the task at fault.
    pub(super) position: usize,
    kind: Kind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Duplicate { id: u32 },
    UnknownParent { id: u32, parent: u32 },
    Cycle { id: u32 },
}

impl Fault {
    /// What to do about it.
    pub(super) fn hint(self) -> &'static str {
        match self.kind {
            Kind::Duplicate { .. } => "the ids of a job's tasks are all different",
            Kind::UnknownParent { .. } => {
                "a task can only wait for tasks of its own job; are all rows of the job there, and together?"
            }
            Kind::Cycle { .. } => "a task cannot wait for itself, not even through others",
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.kind {
            Kind::Duplicate { id } => write!(f, "task {id} is there twice"),
            Kind::UnknownParent { id, parent } => {
                write!(
                    f,
                    "task {id} waits for task {parent}, which the job does not have"
                )
            }
            Kind::Cycle { id } => write!(f, "task {id} is part of a cycle, or waits for one"),
        }
    }
}

/// Checks that tasks, in ascending order of id, are a DAG.
pub(super) fn check(tasks: &[TraceTask]) -> Result<(), Fault> {
    let twice = tasks.windows(2).position(|pair| pair[0].id == pair[1].id);
    if let Some(before) = twice {
        return Err(Fault {
            position: before + 1,
            kind: Kind::Duplicate { id: tasks[before].id },
        });
    }
    let mut ascending = true;
    for (position, task) in tasks.iter().enumerate() {
        for &parent in &task.parents {
            ascending &= parent < task.id;
            if position_of(tasks, parent).is_none() {
                return Err(Fault {
                    position,
                    kind: Kind::UnknownParent { id: task.id, parent },
                });
            }
        }
    }
    // Most jobs number parents before children, which rules out cycles without a search.
    if ascending {
        return Ok(());
    }
    match walk(tasks).iter().position(Option::is_none) {
        None => Ok(()),
        Some(position) => Err(Fault {
            position,
            kind: Kind::Cycle {
                id: tasks[position].id,
            },
        }),
    }
}

/// Where the task with this id stands among tasks in ascending order of id.
pub(super) fn position_of(tasks: &[TraceTask], id: u32) -> Option<usize> {
    // Ids from 1 without holes are the rule.
    let guess = (id as usize).wrapping_sub(1);
    if tasks.get(guess).is_some_and(|task| task.id == id) {
        return Some(guess);
    }
    tasks.binary_search_by_key(&id, |task| task.id).ok()
}

/// For each task, the positions of the tasks that wait for it, ascending, each once.
pub(super) fn children(tasks: &[TraceTask]) -> Vec<Vec<usize>> {
    let mut children = vec![Vec::new(); tasks.len()];
    for (position, task) in tasks.iter().enumerate() {
        for &parent in &task.parents {
            if let Some(parent) = position_of(tasks, parent)
                && children[parent].last() != Some(&position)
            {
                children[parent].push(position);
            }
        }
    }
    children
}

/// For each task of a DAG, how many tasks the longest path has that ends with it.
pub(super) fn levels(tasks: &[TraceTask]) -> Vec<u32> {
    walk(tasks).into_iter().map(|level| level.unwrap_or(0)).collect()
}

/// For each task its level, or nothing if it never gets to run because it waits for a cycle.
fn walk(tasks: &[TraceTask]) -> Vec<Option<u32>> {
    let children = children(tasks);
    let mut waiting = vec![0_usize; tasks.len()];
    for child in children.iter().flatten() {
        waiting[*child] += 1;
    }
    let mut ready: Vec<usize> = (0..tasks.len()).filter(|task| waiting[*task] == 0).collect();
    let mut levels = vec![None; tasks.len()];
    let mut level = vec![1; tasks.len()];
    while let Some(task) = ready.pop() {
        levels[task] = Some(level[task]);
        for &child in &children[task] {
            level[child] = level[child].max(level[task] + 1);
            waiting[child] -= 1;
            if waiting[child] == 0 {
                ready.push(child);
            }
        }
    }
    levels
}
