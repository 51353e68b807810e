//! One run of a workflow: which steps are ready, with which input, and what the result is.
//!
//! Client and node execute runs by the same machine, and keep it in their journals (R16): what has finished is in it,
//! and never handed out again. It does not know what executes where: [`Run::ready`] may be executed at once.
//!
//! ```text
//! start ─▶ ready() ─▶ execute each ─▶ finish(step, output) ─▶ newly ready … ─▶ result()
//!            ▲ after a restart: the journal's run is asked again
//! ```
//! Steps may also call each other, without coming back to who runs the workflow: [`Run::onward`], [`Run::arrive`].

mod hops;

use bytes::{BufMut, Bytes, BytesMut};
use serde::{Deserialize, Serialize};
use thiserror::Error;

pub use hops::Onward;

use crate::application::WorkflowStep;
use crate::model::limits::{MAX_BODY, MAX_STEPS};
use crate::model::{self, FunctionName, RunId, StepName};

/// The format that is written; one, once released, is read for ever.
const FORMAT: u8 = 1;

/// One run of a workflow. It keeps the steps as they were when it began: a new version of the application is for
/// later runs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Run {
    id: RunId,
    input: Bytes,
    steps: Vec<Step>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Step {
    name: StepName,
    function: FunctionName,
    after: Vec<StepName>,
    output: Option<Bytes>,
}

/// A step that may be executed now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReadyStep {
    /// Its name.
    pub name: StepName,
    /// The function that it invokes.
    pub function: FunctionName,
    /// The function's input.
    pub input: Bytes,
}

/// Why steps, or bytes, are not a run.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum BadRun {
    /// The application has no workflow.
    #[error("the application has no workflow")]
    Empty,
    /// There are more steps than any manifest may have.
    #[error("{0} steps, expected at most {MAX_STEPS}")]
    TooManySteps(usize),
    /// Two steps have one name.
    #[error("there are two steps \"{0}\"")]
    Twice(StepName),
    /// The steps are not in topological order, or one comes after a step that does not exist.
    #[error("step \"{step}\" comes after \"{after}\", which does not stand before it")]
    Order {
        /// The step.
        step: StepName,
        /// Its alleged predecessor.
        after: StepName,
    },
    /// The bytes were written by a newer version of the platform.
    #[error("a run of format {0}, this version reads up to {FORMAT}")]
    Format(u8),
    /// The bytes are damaged.
    #[error("a damaged run: {0}")]
    Damaged(String),
}

/// What a step gave does not fit into the input of one that follows.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("its input, joined of the outputs of the steps before it, has {size}, the most is {MAX_BODY}")]
pub struct JoinTooLarge {
    /// The step that joins.
    pub step: StepName,
    /// How large its input would be, as far as it is known.
    pub size: model::Bytes,
}

impl Run {
    /// A run that begins. `steps` are in topological order.
    ///
    /// # Errors
    /// When there is no step, too many, two of one name, or one before a step that it comes after.
    pub fn start(id: RunId, steps: &[WorkflowStep], input: Bytes) -> Result<Self, BadRun> {
        let step = |step: &WorkflowStep| Step {
            name: step.name.clone(),
            function: step.function.clone(),
            after: step.after.clone(),
            output: None,
        };
        Self {
            id,
            input,
            steps: steps.iter().map(step).collect(),
        }
        .checked()
    }

    /// Its id.
    #[must_use]
    pub fn id(&self) -> RunId {
        self.id
    }

    /// The steps that have not finished and whose predecessors have. Those that are being executed are among them:
    /// the machine is asked at the start of a run, and after a restart.
    #[must_use]
    pub fn ready(&self) -> Vec<ReadyStep> {
        self.steps
            .iter()
            .filter_map(|step| self.ready_step(step))
            .collect()
    }

    /// Whether the inputs that a step's output is joined into can be sent to any node; to be asked before it is recorded.
    ///
    /// # Errors
    /// For the first that cannot.
    pub fn fits(&self, name: &StepName, output: &Bytes) -> Result<(), JoinTooLarge> {
        let length = |before: &StepName| match self.output(before) {
            Some(known) => known.len(),
            None if before == name => output.len(),
            None => 0,
        };
        for step in self.steps.iter().filter(|step| step.after.contains(name)) {
            let size = joined_length(step.after.iter().map(length));
            if step.after.len() > 1 && size as u64 > MAX_BODY.0 {
                return Err(JoinTooLarge {
                    step: step.name.clone(),
                    size: model::Bytes(size as u64),
                });
            }
        }
        Ok(())
    }

    /// Records the output of a step, and gives the steps that this makes ready, in the order of the workflow. A step
    /// finishes once: what comes later, or is no step of this run, changes nothing.
    #[must_use = "what is ready now must be executed"]
    pub fn finish(&mut self, name: &StepName, output: Bytes) -> Vec<ReadyStep> {
        let Some(step) = self.steps.iter_mut().find(|step| step.name == *name) else {
            return Vec::new();
        };
        if step.output.is_some() {
            return Vec::new();
        }
        step.output = Some(output);
        let follows = |step: &&Step| step.after.contains(name);
        self.steps
            .iter()
            .filter(follows)
            .filter_map(|step| self.ready_step(step))
            .collect()
    }

    /// The steps that have finished, in the order of the workflow.
    pub fn finished(&self) -> impl Iterator<Item = &StepName> {
        self.steps
            .iter()
            .filter(|step| step.output.is_some())
            .map(|step| &step.name)
    }

    /// The result, once the last steps have finished, whether or not what came before them was seen: the output of the
    /// last step; if there are several last steps, their outputs joined as a step's input is.
    #[must_use]
    pub fn result(&self) -> Option<Bytes> {
        let last = self.steps.iter().filter(|step| self.is_last(&step.name));
        let outputs: Option<Vec<_>> = last.map(|step| step.output.as_ref()).collect();
        joined(&outputs?)
    }

    /// The name of a step's invocation: the same in every attempt, whoever makes it (R2).
    #[must_use]
    pub fn key(&self, step: &StepName) -> String {
        format!("run:{}:{step}", self.id)
    }

    /// The bytes of a run: a format number, then the run in postcard's encoding.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let bytes =
            postcard::to_extend(&FORMAT, Vec::new()).and_then(|bytes| postcard::to_extend(self, bytes));
        bytes.expect("a run has no value that postcard cannot write, and a vector grows")
    }

    /// The run that bytes stand for.
    ///
    /// # Errors
    /// When the format is unknown, or the bytes are not a run and nothing but a run.
    pub fn decode(bytes: &[u8]) -> Result<Self, BadRun> {
        let damaged = |what: &dyn std::fmt::Display| BadRun::Damaged(what.to_string());
        let (format, bytes) = bytes.split_first().ok_or_else(|| damaged(&"no byte"))?;
        if *format != FORMAT {
            return Err(BadRun::Format(*format));
        }
        match postcard::take_from_bytes::<Self>(bytes) {
            Ok((run, [])) => run.checked(),
            Ok((_, rest)) => Err(damaged(&format!("{} bytes too many", rest.len()))),
            Err(error) => Err(damaged(&error)),
        }
    }

    /// Without this, a run could wait for a step that never comes.
    fn checked(self) -> Result<Self, BadRun> {
        match self.steps.len() {
            0 => return Err(BadRun::Empty),
            count if count > MAX_STEPS => return Err(BadRun::TooManySteps(count)),
            _ => {}
        }
        for (index, step) in self.steps.iter().enumerate() {
            let before = &self.steps[..index];
            let stands_before = |name: &StepName| before.iter().any(|other| other.name == *name);
            if stands_before(&step.name) {
                return Err(BadRun::Twice(step.name.clone()));
            }
            if let Some(after) = step.after.iter().find(|after| !stands_before(after)) {
                return Err(BadRun::Order {
                    step: step.name.clone(),
                    after: after.clone(),
                });
            }
        }
        Ok(self)
    }

    fn ready_step(&self, step: &Step) -> Option<ReadyStep> {
        if step.output.is_some() {
            return None;
        }
        let input = if step.after.is_empty() {
            self.input.clone()
        } else {
            let outputs: Option<Vec<_>> = step.after.iter().map(|name| self.output(name)).collect();
            joined(&outputs?)?
        };
        Some(ReadyStep {
            name: step.name.clone(),
            function: step.function.clone(),
            input,
        })
    }

    fn output(&self, name: &StepName) -> Option<&Bytes> {
        self.steps.iter().find(|step| step.name == *name)?.output.as_ref()
    }
}

fn joined_length(outputs: impl Iterator<Item = usize>) -> usize {
    outputs.map(|output| 4 + output).sum()
}

/// One output as it is; several each behind its length as a little-endian u32. None if there is none.
fn joined(outputs: &[&Bytes]) -> Option<Bytes> {
    if let &[] | &[_] = outputs {
        return outputs.first().map(|output| (*output).clone());
    }
    let length = joined_length(outputs.iter().map(|output| output.len()));
    let mut bytes = BytesMut::with_capacity(length);
    for output in outputs {
        bytes.put_u32_le(u32::try_from(output.len()).expect("an output is at most MAX_OUTPUT bytes"));
        bytes.put_slice(output);
    }
    Some(bytes.freeze())
}

#[cfg(test)]
mod tests;
