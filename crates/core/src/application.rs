//! An application as it is deployed: functions, states, a workflow, and where the states live.
//!
//! The crate `manifest` reads and checks what people write; whoever holds an [`Application`] may rely on every
//! name in it being declared, and on the workflow being in topological order.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::model::{
    AppName, Bytes, ExecutionModel, FunctionClass, FunctionId, FunctionName, Operations, StateIndex,
    StateName, Step, StepIndex, StepName, Workflow, limits,
};
use crate::policy::Placement;

/// An application.
#[derive(Clone, Debug, PartialEq)]
pub struct Application {
    /// Its name.
    pub name: AppName,
    /// Its version, as its author calls it.
    pub version: String,
    /// Where states without a model of their own live, in sessions that are created from now on.
    pub model: ExecutionModel,
    /// What an acknowledged update survives under in-function.
    pub durability: Durability,
    /// Whether an in-client state can be rolled back unnoticed.
    pub guard: Guard,
    /// How nodes are chosen for its invocations.
    pub placement: Placement,
    /// Whether sessions under in-function are moved to better nodes.
    pub migrate: Migrate,
    /// How long a session lives after it was last used.
    pub session_ttl: Duration,
    /// The functions.
    pub functions: BTreeMap<FunctionName, Function>,
    /// The states.
    pub states: BTreeMap<StateName, State>,
    /// The steps of a run, in topological order; empty if there is no workflow.
    pub workflow: Vec<WorkflowStep>,
}

/// What an acknowledged update survives under in-function.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Durability {
    /// Nothing: state is lost with the owner's process.
    Memory,
    /// State is stored from time to time; what came after the last checkpoint is lost with the owner's process.
    Checkpoint,
    /// Every update is stored, in groups, before it is acknowledged.
    #[default]
    EveryCommit,
}

/// Whether an in-client state can be rolled back unnoticed (R14).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Guard {
    /// A client that presents an older envelope forks its session: detectable, not prevented.
    #[default]
    None,
    /// The head without bytes lives in the in-edge store; an older envelope is refused.
    Mark,
}

/// Whether sessions under in-function are moved to better nodes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Migrate {
    /// Only when an operator says so.
    #[default]
    Never,
    /// After their clients, and away from nodes that have too much to do ([`crate::dispatch::Following`]).
    Auto,
}

/// A function.
#[derive(Clone, Debug, PartialEq)]
pub struct Function {
    /// What executes it.
    pub runtime: RuntimeKind,
    /// States that it reads; those that it writes are among them.
    pub reads: BTreeSet<StateName>,
    /// States that it may change.
    pub writes: BTreeSet<StateName>,
    /// Whether a worker is made for each invocation or kept for a session.
    pub instance: Instance,
    /// What it may use.
    pub limits: FunctionLimits,
    /// How much it computes, for placement: what nobody has measured yet is reckoned with this.
    pub operations: Operations,
    /// What dominates its execution, for placement.
    pub class: FunctionClass,
    /// Capabilities that its node must have, as `gpu` or `arch=aarch64`.
    pub requires: Vec<String>,
    /// Size of its output, for placement.
    pub output: Bytes,
}

/// What executes a function.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RuntimeKind {
    /// A WebAssembly component, by its path beside the manifest.
    Component(String),
    /// A program that answers HTTP.
    Process {
        /// Its command line, run in the manifest's folder.
        command: Vec<String>,
        /// Files that it needs beside those of its command line, and folders of them, by their paths beside the manifest.
        files: Vec<String>,
    },
}

/// How long a worker lives.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Instance {
    /// A worker for each invocation.
    #[default]
    PerInvocation,
    /// A worker kept for a session, used again on the head that it made (R13).
    PerSession,
}

/// What one invocation of a function may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FunctionLimits {
    /// Memory of one worker.
    pub memory: Bytes,
    /// Time that one execution may take.
    pub time: Duration,
    /// Instructions of one execution (wasmtime's fuel), if they are counted.
    pub fuel: Option<u64>,
    /// Executions at once on one node.
    pub concurrency: u32,
    /// Size of the output.
    pub output: Bytes,
}

impl FunctionLimits {
    /// What one execution may set in all, held by its node until it is committed: as much as its worker may have in
    /// memory, and in any case one state of the largest size, which it may write piece by piece.
    #[must_use]
    pub fn written(&self) -> Bytes {
        self.memory.max(limits::MAX_STATE)
    }
}

impl Default for FunctionLimits {
    fn default() -> Self {
        Self {
            memory: Bytes(64 << 20),
            time: Duration::from_secs(10),
            fuel: None,
            concurrency: 64,
            output: limits::MAX_OUTPUT,
        }
    }
}

/// A state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct State {
    /// Where it lives, if not where the application says.
    pub model: Option<ExecutionModel>,
    /// The number of its schema: what this version writes.
    pub schema: u32,
    /// The oldest schema that this version can read (R19).
    pub reads_schema_from: u32,
    /// Its usual size, for placement.
    pub size: Bytes,
}

/// A step of the workflow.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WorkflowStep {
    /// Its name.
    pub name: StepName,
    /// The function that it invokes.
    pub function: FunctionName,
    /// The steps whose outputs are its input, in the order in which it gets them; none for a step that gets the
    /// run's input.
    pub after: Vec<StepName>,
}

/// Two steps that may run at the same time and use one state, which one of them writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Contested<'a> {
    /// The step that stands first in the workflow.
    pub one: &'a StepName,
    /// The other one.
    pub two: &'a StepName,
    /// The state.
    pub state: &'a StateName,
}

impl fmt::Display for Contested<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { one, two, state } = self;
        write!(
            f,
            "the steps \"{one}\" and \"{two}\" may run at the same time, and share the in-client state \"{state}\", \
             which is written"
        )
    }
}

impl Application {
    /// What keeps sessions from being with their clients that would hold these states (R14): each of two steps would
    /// carry the state away from the client, and only one could bring it back.
    #[must_use]
    pub fn contested(&self, with_client: impl Fn(&StateName) -> bool) -> Option<Contested<'_>> {
        let position = |name: &StepName| self.workflow.iter().position(|step| step.name == *name);
        let mut earlier: Vec<BTreeSet<usize>> = Vec::with_capacity(self.workflow.len());
        for (later, two) in self.workflow.iter().enumerate() {
            let before = two.after.iter().filter_map(position);
            let before: BTreeSet<usize> = before
                .flat_map(|at| earlier[at].iter().copied().chain([at]))
                .collect();
            for one in (0..later).filter(|one| !before.contains(one)) {
                let one = &self.workflow[one];
                let (first, second) = (&self.functions[&one.function], &self.functions[&two.function]);
                // What is written is read too, so these are all that both use and one writes.
                let mut both = first
                    .writes
                    .intersection(&second.reads)
                    .chain(second.writes.intersection(&first.reads));
                if let Some(state) = both.find(|state| with_client(state)) {
                    let (one, two) = (&one.name, &two.name);
                    return Some(Contested { one, two, state });
                }
            }
            earlier.push(before);
        }
        None
    }

    /// Where a state lives in sessions that are created from now on.
    ///
    /// # Panics
    /// When the state is not declared.
    #[must_use]
    pub fn model_of(&self, state: &StateName) -> ExecutionModel {
        self.states[state].model.unwrap_or(self.model)
    }

    /// The models that a new session is born under, the application's first.
    #[must_use]
    pub fn birth_models(&self) -> Vec<ExecutionModel> {
        let mut models = vec![self.model];
        for model in self.states.values().filter_map(|state| state.model) {
            if !models.contains(&model) {
                models.push(model);
            }
        }
        models
    }

    /// The workflow as the cost model sees it, for a run with an input of this size; functions are numbered in the
    /// order of their names. `None` if there is no workflow.
    #[must_use]
    pub fn cost_workflow(&self, input: Bytes) -> Option<Workflow> {
        let state = |name: &StateName| self.states.keys().position(|state| state == name);
        let position = |name: &StepName| self.workflow.iter().position(|step| step.name == *name);
        let output =
            |step: &StepName| position(step).map(|at| self.functions[&self.workflow[at].function].output);
        let step = |step: &WorkflowStep| {
            let function = &self.functions[&step.function];
            let number = self.functions.keys().position(|name| *name == step.function)?;
            let sent: Bytes = step.after.iter().filter_map(output).sum();
            let states = function.reads.union(&function.writes).filter_map(state);
            let mut after: Vec<_> = step.after.iter().filter_map(position).collect();
            after.sort_unstable();
            Some(Step {
                function: FunctionId(u16::try_from(number).ok()?),
                operations: function.operations,
                input: if step.after.is_empty() { input } else { sent },
                after: after.into_iter().map(|at| StepIndex(at as u32)).collect(),
                states: states.map(|at| StateIndex(at as u32)).collect(),
            })
        };
        let steps = self.workflow.iter().map(step).collect::<Option<Vec<_>>>()?;
        let outputs: Vec<Bytes> = self
            .workflow
            .iter()
            .map(|step| self.functions[&step.function].output)
            .collect();
        let result = self.last_steps().filter_map(|step| output(&step.name)).sum();
        let sizes = self.states.values().map(|state| state.size).collect();
        Some(
            Workflow::new(steps, sizes, result)
                .ok()?
                .with_shared_outputs(outputs),
        )
    }

    /// The steps whose output is the run's result.
    pub fn last_steps(&self) -> impl Iterator<Item = &WorkflowStep> {
        self.workflow.iter().filter(|step| {
            let needed = |other: &WorkflowStep| other.after.contains(&step.name);
            !self.workflow.iter().any(needed)
        })
    }
}
