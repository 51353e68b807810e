//! The DAG of a job: how many tasks, and which waits for which.
//!
//! The jobs of the reference are query plans: most of their DAGs are trees that join towards one last task,
//! numbered in post-order, so that the first task is a source and its descendants are a path to the end.

use super::purpose;
use crate::random::Stream;

/// Jobs of 1, 2, …, 10 tasks, in thousandths of the reference hour's jobs with a DAG.
const TASKS: [f64; 10] = [224.0, 223.0, 196.0, 86.0, 60.0, 40.0, 35.0, 26.0, 20.0, 18.0];

/// Above 10 tasks: probability that there is yet another task. In the reference hour 7.3 % of the jobs have
/// more than 10 tasks, 1.6 % more than 20, 0.4 % more than 30.
const ANOTHER_TASK: f64 = 0.855;

/// The most tasks: 199 in the eight days of the trace.
const MOST_TASKS: usize = 199;

/// Jobs of 2, 3, … tasks that are a chain, in thousandths.
const CHAINS: [f64; 7] = [975.0, 830.0, 475.0, 190.0, 70.0, 25.0, 20.0];

/// Jobs of 2 tasks, and of more, whose tasks are all independent, in thousandths.
const INDEPENDENT: [f64; 2] = [25.0, 5.0];

/// Probability that the first task off the longest path is a source, rather than fed by the path; few jobs
/// have only one source.
const FIRST_SOURCE: f64 = 0.9;

/// Probability that a further task off the longest path begins a branch with a source, that it begins one
/// fed by another task, and else that it continues a branch.
const NEW_SOURCE: f64 = 0.46;
const NEW_FORK: f64 = 0.06;

/// Probability that the end of a branch skips a level, and that it skips yet another.
const SKIP: f64 = 0.5;

/// Probability that a branch ends in the job's one great join, where it can; few tasks have most parents.
const GREAT_JOIN: f64 = 0.55;

/// Probability that a branch is not joined with anything.
const LOOSE_END: f64 = 0.03;

/// Probability that a job has one more edge than its tasks need.
const EXTRA_EDGE: f64 = 0.2;

/// Probability that the first task waits for a source with a higher number.
const LATE_SOURCE: f64 = 0.165;

/// Probability that a join counts its deepest branch first.
const DEEPEST_FIRST: f64 = 0.1;

/// The parents of each task, by position; the position plus one is the id. Positions ascend in each list.
pub(super) fn draw(seed: u64, replication: u64, job: u64) -> Vec<Vec<u32>> {
    let mut stream = Stream::new(seed, replication, job, purpose::SHAPE);
    let tasks = number_of_tasks(&mut stream);
    if tasks == 1 {
        return vec![Vec::new()];
    }
    let mut kind = 1000.0 * stream.uniform();
    let independent = INDEPENDENT[usize::from(tasks > 2)];
    if kind < independent {
        return vec![Vec::new(); tasks];
    }
    kind -= independent;
    let chain = CHAINS.get(tasks - 2).copied().unwrap_or(0.0);
    // Two dependent tasks are a chain anyway.
    if tasks == 2 || kind < chain {
        return (0..tasks as u32)
            .map(|task| task.checked_sub(1).into_iter().collect())
            .collect();
    }
    Plan::draw(tasks, &mut stream).numbered(&mut stream)
}

fn number_of_tasks(stream: &mut Stream) -> usize {
    let mut left = 1000.0 * stream.uniform();
    for (index, share) in TASKS.iter().enumerate() {
        if left < *share {
            return index + 1;
        }
        left -= share;
    }
    let mut tasks = TASKS.len() + 1;
    while tasks < MOST_TASKS && stream.uniform() < ANOTHER_TASK {
        tasks += 1;
    }
    tasks
}

/// How many tasks the longest path has, of a job of at least three tasks that is neither chain nor
/// independent. Mean and spread follow the reference hour's jobs of 3 to 13 tasks.
fn depth(tasks: usize, stream: &mut Stream) -> usize {
    let tasks_f = tasks as f64;
    let mean = 3.13 * libm::log(tasks_f) - 1.46;
    let spread = (0.13 * tasks_f).min(1.6);
    let drawn = (mean + spread * stream.normal()).round();
    (drawn.max(2.0) as usize).min(tasks - 1)
}

/// A DAG whose tasks are not yet numbered: the first `depth` are the longest path, from source to end, each
/// on its level (from 0).
struct Plan {
    depth: usize,
    level: Vec<usize>,
    parents: Vec<Vec<u32>>,
    children: Vec<Vec<u32>>,
    late_source: bool,
}

impl Plan {
    fn draw(tasks: usize, stream: &mut Stream) -> Self {
        let late_source = stream.uniform() < LATE_SOURCE;
        let mut depth = depth(tasks, stream);
        if late_source && depth > 2 {
            // The late source will lengthen the path.
            depth -= 1;
        }
        let mut plan = Self {
            depth,
            level: (0..depth).collect(),
            parents: vec![Vec::new(); tasks],
            children: vec![Vec::new(); tasks],
            late_source,
        };
        for task in 1..depth {
            plan.connect(task - 1, task);
        }
        for task in depth..tasks {
            plan.branch(task, stream);
        }
        plan.join_branches(stream);
        if stream.uniform() < EXTRA_EDGE {
            plan.connect_extra(stream);
        }
        plan
    }

    fn connect(&mut self, parent: usize, child: usize) {
        if !self.children[parent].contains(&(child as u32)) {
            self.children[parent].push(child as u32);
            self.parents[child].push(parent as u32);
        }
    }

    /// Places the next task off the longest path: begins a branch or continues one, on a level that leaves
    /// the last of the path to join it.
    fn branch(&mut self, task: usize, stream: &mut Stream) {
        let draw = stream.uniform();
        let first = task == self.depth;
        let source = if first { FIRST_SOURCE } else { NEW_SOURCE };
        let fork = first || draw < source + NEW_FORK;
        let parent = (draw >= source).then(|| {
            // What a branch goes on from: any task for a fork, the end of a branch for its continuation.
            let open = |task: &usize| {
                self.level[*task] + 2 < self.depth.max(3)
                    && (fork || (*task >= self.depth && self.children[*task].is_empty()))
            };
            let choices: Vec<usize> = (0..task).filter(open).collect();
            choices.get(stream.below(choices.len() as u64) as usize).copied()
        });
        self.level.push(0);
        if let Some(parent) = parent.flatten() {
            self.level[task] = self.level[parent] + 1;
            self.connect(parent, task);
        }
    }

    /// Lets the end of every branch go into a task on a later level.
    fn join_branches(&mut self, stream: &mut Stream) {
        let mut by_level = vec![Vec::new(); self.depth];
        for (task, level) in self.level.iter().enumerate() {
            by_level[*level].push(task);
        }
        // Towards the end: the larger of two draws.
        let mut below = || 1 + stream.below(self.depth as u64 - 1) as usize;
        let great = below().max(below());
        for task in self.depth..self.level.len() {
            let mut to = self.level[task] + 1;
            let open = self.children[task].is_empty() && to < self.depth;
            if !open || (self.level[task] > 0 && stream.uniform() < LOOSE_END) {
                continue;
            }
            if great >= to && stream.uniform() < GREAT_JOIN {
                // The longest path has a task on each level, with the level's number.
                self.connect(task, great);
                continue;
            }
            while to + 1 < self.depth && stream.uniform() < SKIP {
                to += 1;
            }
            let choices = &by_level[to];
            let child = choices[stream.below(choices.len() as u64) as usize];
            self.connect(task, child);
        }
    }

    /// One more edge from a task to one on a later level.
    fn connect_extra(&mut self, stream: &mut Stream) {
        let from = stream.below(self.level.len() as u64) as usize;
        let later: Vec<usize> = (0..self.level.len())
            .filter(|task| self.level[*task] > self.level[from])
            .collect();
        if !later.is_empty() {
            let to = later[stream.below(later.len() as u64) as usize];
            self.connect(from, to);
        }
    }

    /// The parents of each task, numbered in post-order from the ends.
    fn numbered(mut self, stream: &mut Stream) -> Vec<Vec<u32>> {
        let tasks = self.level.len();
        for parents in &mut self.parents {
            shuffle(parents, stream);
            if stream.uniform() < DEEPEST_FIRST {
                parents.sort_by_key(|parent| std::cmp::Reverse(self.level[*parent as usize]));
            }
        }
        let mut number = vec![None; tasks];
        let mut next = 0;
        for end in (0..tasks).rev().filter(|task| self.children[*task].is_empty()) {
            self.visit(end, &mut number, &mut next);
        }
        let mut numbered = vec![Vec::new(); tasks];
        for (parents, number_of_task) in self.parents.iter().zip(&number) {
            let mut parents: Vec<u32> = parents
                .iter()
                .filter_map(|parent| number[*parent as usize])
                .collect();
            parents.sort_unstable();
            if let Some(task) = number_of_task {
                numbered[*task as usize] = parents;
            }
        }
        if self.late_source {
            let sources: Vec<u32> = (1..tasks as u32)
                .filter(|task| numbered[*task as usize].is_empty())
                .collect();
            if !sources.is_empty() {
                let source = sources[stream.below(sources.len() as u64) as usize];
                numbered[0].push(source);
            }
        }
        numbered
    }

    /// Numbers a task after all that it waits for. As deep as the job, at most [`MOST_TASKS`].
    fn visit(&self, task: usize, number: &mut [Option<u32>], next: &mut u32) {
        if number[task].is_some() {
            return;
        }
        for &parent in &self.parents[task] {
            self.visit(parent as usize, number, next);
        }
        number[task] = Some(*next);
        *next += 1;
    }
}

fn shuffle(items: &mut [u32], stream: &mut Stream) {
    for last in (1..items.len()).rev() {
        items.swap(last, stream.below(last as u64 + 1) as usize);
    }
}
