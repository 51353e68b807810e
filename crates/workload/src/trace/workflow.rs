//! From a job of a trace to the workflow that is simulated.
//!
//! Both transformations take the same steps: the job's task with the smallest id and all its descendants.
//! Their parents outside that set stand for the states; a step declares the states that are its own parents.
//! This is the rule of `StateSim`, the simulator of "In-Network Computing with FaaS at the Edge".

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::fmt;
use std::str::FromStr;

use fogline_core::model::{Bytes, FunctionId, Operations, StateIndex, Step, StepIndex, Workflow};
use serde::{Deserialize, Serialize};

use super::{TraceJob, TraceTask, dag};

/// CPU of a task whose trace does not tell: one core, the commonest value in the Alibaba trace of 2018 (54 %
/// of tasks) and what a function gets by default on common platforms.
pub const CPU_STAND_IN: f64 = 100.0;

/// Memory of a task whose trace does not tell, in percent of the largest machine: the median of the Alibaba
/// trace of 2018 (Spår's `task_mem` histogram).
pub const MEMORY_STAND_IN: f64 = 0.3;

/// How the steps of a workflow follow each other.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Transformation {
    /// `StateSim`'s chain: one after the other in ascending order of id, whatever the DAG says.
    Descendants,
    /// The edges of the job's DAG, with fork and join.
    #[default]
    Dag,
}

impl Transformation {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Descendants, Self::Dag];

    /// The name in files and on the command line.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Descendants => "descendants",
            Self::Dag => "dag",
        }
    }
}

impl fmt::Display for Transformation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Transformation {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        Self::ALL
            .into_iter()
            .find(|transformation| transformation.name() == name)
            .ok_or_else(|| format!("unknown transformation \"{name}\", expected one of descendants, dag"))
    }
}

/// What the quantities of a trace are multiplied by. The defaults are those of the paper's simulation.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", default, deny_unknown_fields)]
pub struct Scale {
    /// Operations per second of a task that uses one core.
    pub operations: f64,
    /// Bytes of a step's argument per percent of memory.
    pub argument: f64,
    /// Bytes of a state per percent of memory.
    pub state: f64,
}

impl Default for Scale {
    fn default() -> Self {
        Self {
            operations: 1e5,
            argument: 1e6,
            state: 1e6,
        }
    }
}

impl Scale {
    fn operations(&self, task: &TraceTask) -> Operations {
        let cpu = task.cpu.unwrap_or(CPU_STAND_IN);
        // StateSim's order of multiplication; another would round differently.
        Operations((0.5 + task.duration.0 * cpu / 100.0 * self.operations) as u64)
    }

    fn argument(&self, task: &TraceTask) -> Bytes {
        bytes(task, self.argument)
    }

    fn state(&self, task: &TraceTask) -> Bytes {
        bytes(task, self.state)
    }
}

fn bytes(task: &TraceTask, factor: f64) -> Bytes {
    Bytes((0.5 + factor * task.memory.unwrap_or(MEMORY_STAND_IN)) as u64)
}

/// The workflow of a job that has states; `None` for a job without any (or without tasks).
///
/// `function` names the function of a task. It is called once per step, in ascending order of id whatever
/// the transformation, and never for a job without states. The first step is the task with the smallest id;
/// the result is as large as its input.
pub fn workflow(
    job: &TraceJob,
    transformation: Transformation,
    scale: &Scale,
    function: impl FnMut(&TraceTask) -> FunctionId,
) -> Option<Workflow> {
    let parts = Parts::of(job);
    (!parts.states.is_empty()).then(|| parts.assemble(transformation, scale, function))
}

/// As [`workflow`], also for a job without states; `None` only for a job without tasks.
pub fn workflow_with_or_without_states(
    job: &TraceJob,
    transformation: Transformation,
    scale: &Scale,
    function: impl FnMut(&TraceTask) -> FunctionId,
) -> Option<Workflow> {
    let parts = Parts::of(job);
    (!parts.steps.is_empty()).then(|| parts.assemble(transformation, scale, function))
}

/// Which tasks of a job are steps and which are states.
pub(super) struct Parts<'a> {
    tasks: &'a [TraceTask],
    /// Positions of the steps' tasks, ascending.
    pub(super) steps: Vec<usize>,
    /// Positions of the states' tasks, ascending.
    pub(super) states: Vec<usize>,
    role: Vec<Role>,
}

/// What a task is in the workflow.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Role {
    Step(u32),
    State(u32),
    Neither,
}

impl<'a> Parts<'a> {
    pub(super) fn of(job: &'a TraceJob) -> Self {
        let tasks = job.tasks.as_slice();
        let mut role = descendants(tasks);
        let steps: Vec<usize> = (0..tasks.len())
            .filter(|task| role[*task] != Role::Neither)
            .collect();
        let mut states: Vec<usize> = steps
            .iter()
            .flat_map(|step| &tasks[*step].parents)
            .filter_map(|parent| dag::position_of(tasks, *parent))
            .filter(|parent| role[*parent] == Role::Neither)
            .collect();
        states.sort_unstable();
        states.dedup();
        for (index, step) in steps.iter().enumerate() {
            role[*step] = Role::Step(index as u32);
        }
        for (index, state) in states.iter().enumerate() {
            role[*state] = Role::State(index as u32);
        }
        Self {
            tasks,
            steps,
            states,
            role,
        }
    }

    /// The states that a step declares, by index, ascending, each once.
    pub(super) fn declared(&self, step: usize) -> Vec<u32> {
        self.parents(step, |role| match role {
            Role::State(state) => Some(state),
            _ => None,
        })
    }

    /// The steps before a step, by index in ascending order of id, each once.
    fn before(&self, step: usize) -> Vec<u32> {
        self.parents(step, |role| match role {
            Role::Step(step) => Some(step),
            _ => None,
        })
    }

    fn parents(&self, step: usize, pick: impl Fn(Role) -> Option<u32>) -> Vec<u32> {
        let mut found: Vec<u32> = self.tasks[self.steps[step]]
            .parents
            .iter()
            .filter_map(|parent| dag::position_of(self.tasks, *parent))
            .filter_map(|parent| pick(self.role[parent]))
            .collect();
        found.sort_unstable();
        found.dedup();
        found
    }

    fn assemble(
        &self,
        transformation: Transformation,
        scale: &Scale,
        mut function: impl FnMut(&TraceTask) -> FunctionId,
    ) -> Workflow {
        let mut steps: Vec<Step> = self
            .steps
            .iter()
            .enumerate()
            .map(|(index, task)| Step {
                function: function(&self.tasks[*task]),
                operations: scale.operations(&self.tasks[*task]),
                input: scale.argument(&self.tasks[*task]),
                after: match transformation {
                    Transformation::Descendants => index
                        .checked_sub(1)
                        .map(|before| StepIndex(before as u32))
                        .into_iter()
                        .collect(),
                    Transformation::Dag => self.before(index).into_iter().map(StepIndex).collect(),
                },
                states: self.declared(index).into_iter().map(StateIndex).collect(),
            })
            .collect();
        let result = steps.first().map_or(Bytes::ZERO, |first| first.input);
        if transformation == Transformation::Dag {
            steps = in_topological_order(steps);
        }
        let states = self
            .states
            .iter()
            .map(|task| scale.state(&self.tasks[*task]))
            .collect();
        Workflow::new(steps, states, result).expect("the steps of an acyclic job are in topological order")
    }
}

/// Marks the first task and all its descendants.
fn descendants(tasks: &[TraceTask]) -> Vec<Role> {
    let mut role = vec![Role::Neither; tasks.len()];
    if tasks.is_empty() {
        return role;
    }
    let children = dag::children(tasks);
    role[0] = Role::Step(0);
    let mut open = vec![0];
    while let Some(task) = open.pop() {
        for &child in &children[task] {
            if role[child] == Role::Neither {
                role[child] = Role::Step(0);
                open.push(child);
            }
        }
    }
    role
}

/// Orders steps so that none stands before one that it waits for; of those that could come next, the one that
/// stood first does.
fn in_topological_order(mut steps: Vec<Step>) -> Vec<Step> {
    let sorted = |step: (usize, &Step)| step.1.after.last().is_none_or(|last| (last.0 as usize) < step.0);
    if steps.iter().enumerate().all(sorted) {
        return steps;
    }
    let mut waiting: Vec<usize> = steps.iter().map(|step| step.after.len()).collect();
    let mut successors = vec![Vec::new(); steps.len()];
    for (index, step) in steps.iter().enumerate() {
        for before in &step.after {
            successors[before.0 as usize].push(index);
        }
    }
    let mut ready: BinaryHeap<Reverse<usize>> = (0..steps.len())
        .filter(|step| waiting[*step] == 0)
        .map(Reverse)
        .collect();
    let mut order = Vec::with_capacity(steps.len());
    let mut place = vec![0_u32; steps.len()];
    while let Some(Reverse(step)) = ready.pop() {
        place[step] = order.len() as u32;
        order.push(step);
        for &successor in &successors[step] {
            waiting[successor] -= 1;
            if waiting[successor] == 0 {
                ready.push(Reverse(successor));
            }
        }
    }
    for step in &mut steps {
        for before in &mut step.after {
            before.0 = place[before.0 as usize];
        }
        step.after.sort_unstable();
    }
    let mut ordered: Vec<(u32, Step)> = place.into_iter().zip(steps).collect();
    ordered.sort_unstable_by_key(|(place, _)| *place);
    ordered.into_iter().map(|(_, step)| step).collect()
}
