//! Workflows: steps in a directed acyclic graph, and the named states that they declare.

use thiserror::Error;

use super::units::{Bytes, Operations};

/// A function of the application, by its position in the application's list.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FunctionId(pub u16);

/// A step of a workflow, by its position.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StepIndex(pub u32);

/// A state of a workflow, by its position.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StateIndex(pub u32);

/// One step: an invocation of a function.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// What it computes.
    pub function: FunctionId,
    /// How much it computes.
    pub operations: Operations,
    /// Size of its argument, over all steps that feed it.
    pub input: Bytes,
    /// The steps whose outputs it needs, ascending; empty for a step fed by the client.
    pub after: Vec<StepIndex>,
    /// The states that it reads and writes, ascending.
    pub states: Vec<StateIndex>,
}

/// A workflow: what one run of an application executes.
///
/// Steps are in topological order: a step's predecessors stand before it. What a step sends to a successor is
/// the successor's input, split evenly over the successor's predecessors ([`Self::edge_bytes`]).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Workflow {
    steps: Vec<Step>,
    states: Vec<Bytes>,
    result: Bytes,
    successors: Vec<Vec<StepIndex>>,
    last: Vec<StepIndex>,
    /// By step: what it gives out, where all its successors get the same.
    outputs: Option<Vec<Bytes>>,
}

/// Why steps are not a workflow.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum WorkflowError {
    /// A workflow has at least one step.
    #[error("a workflow needs at least one step")]
    Empty,
    /// A step names a predecessor that does not stand before it.
    #[error("step {step} comes after step {after}, which does not stand before it")]
    Order {
        /// The step.
        step: u32,
        /// Its alleged predecessor.
        after: u32,
    },
    /// A step declares a state that does not exist.
    #[error("step {step} declares state {state}, but there are only {count}")]
    UnknownState {
        /// The step.
        step: u32,
        /// The state that it names.
        state: u32,
        /// How many there are.
        count: usize,
    },
}

impl Workflow {
    /// Checks and builds a workflow. `states` are their sizes; `result` is the size of what the client gets
    /// at the end, split evenly over the last steps.
    ///
    /// # Errors
    /// When there is no step, a step refers to a step at or behind it, or to a state that is not there.
    pub fn new(steps: Vec<Step>, states: Vec<Bytes>, result: Bytes) -> Result<Self, WorkflowError> {
        if steps.is_empty() {
            return Err(WorkflowError::Empty);
        }
        let mut successors = vec![Vec::new(); steps.len()];
        for (index, step) in steps.iter().enumerate() {
            let here = index as u32;
            for after in &step.after {
                if after.0 >= here {
                    return Err(WorkflowError::Order {
                        step: here,
                        after: after.0,
                    });
                }
                successors[after.0 as usize].push(StepIndex(here));
            }
            if let Some(state) = step.states.iter().find(|state| state.0 as usize >= states.len()) {
                return Err(WorkflowError::UnknownState {
                    step: here,
                    state: state.0,
                    count: states.len(),
                });
            }
        }
        let last = (0..steps.len() as u32)
            .map(StepIndex)
            .filter(|s| successors[s.0 as usize].is_empty())
            .collect();
        Ok(Self {
            steps,
            states,
            result,
            successors,
            last,
            outputs: None,
        })
    }

    /// The same workflow, whose steps give out one output each, of these sizes, that all successors get.
    #[must_use]
    pub fn with_shared_outputs(mut self, outputs: Vec<Bytes>) -> Self {
        self.outputs = Some(outputs);
        self
    }

    /// Sets the size of a step's argument.
    ///
    /// # Panics
    /// When there is no such step.
    pub fn set_input(&mut self, step: StepIndex, input: Bytes) {
        self.steps[step.0 as usize].input = input;
    }

    /// Sets the size of a state.
    ///
    /// # Panics
    /// When there is no such state.
    pub fn set_state(&mut self, state: StateIndex, size: Bytes) {
        self.states[state.0 as usize] = size;
    }

    /// The steps, in topological order.
    #[must_use]
    pub fn steps(&self) -> &[Step] {
        &self.steps
    }

    /// The sizes of the states.
    #[must_use]
    pub fn states(&self) -> &[Bytes] {
        &self.states
    }

    /// Size of what the client gets at the end.
    #[must_use]
    pub fn result(&self) -> Bytes {
        self.result
    }

    /// The steps that need this step's output.
    #[must_use]
    pub fn successors(&self, step: StepIndex) -> &[StepIndex] {
        &self.successors[step.0 as usize]
    }

    /// Whether this step's output goes to the client as (part of) the result.
    #[must_use]
    pub fn is_last(&self, step: StepIndex) -> bool {
        self.successors(step).is_empty()
    }

    /// Size of the states that this step declares.
    #[must_use]
    pub fn declared_state_bytes(&self, step: StepIndex) -> Bytes {
        self.steps[step.0 as usize]
            .states
            .iter()
            .map(|state| self.states[state.0 as usize])
            .sum()
    }

    /// Size of all states.
    #[must_use]
    pub fn all_state_bytes(&self) -> Bytes {
        self.states.iter().copied().sum()
    }

    /// Size of what `from` sends to `to`: an even share of `to`'s input, the remainder with the first.
    #[must_use]
    pub fn edge_bytes(&self, from: StepIndex, to: StepIndex) -> Bytes {
        let step = &self.steps[to.0 as usize];
        let first = step.after.first() == Some(&from);
        share(step.input, step.after.len(), first)
    }

    /// Size of all that this step gives out: what its successors get, or its share of the result.
    #[must_use]
    pub fn output_bytes(&self, step: StepIndex) -> Bytes {
        if let Some(output) = self
            .outputs
            .as_ref()
            .and_then(|outputs| outputs.get(step.0 as usize))
        {
            *output
        } else if self.is_last(step) {
            share(self.result, self.last.len(), self.last.first() == Some(&step))
        } else {
            self.successors(step)
                .iter()
                .map(|to| self.edge_bytes(step, *to))
                .sum()
        }
    }
}

/// One of `parts` even shares of `total`; the first also takes the remainder.
fn share(total: Bytes, parts: usize, first: bool) -> Bytes {
    let parts = parts.max(1) as u64;
    Bytes(total.0 / parts + if first { total.0 % parts } else { 0 })
}
