//! The vocabulary: units, execution models, devices, workflows.

mod bad_input;
mod device;
mod execution_model;
mod units;
mod workflow;

pub use bad_input::BadInput;
pub use device::{Device, FunctionClass};
pub use execution_model::ExecutionModel;
pub use units::{BitRate, Bytes, Operations, Seconds, Speed};
pub use workflow::{FunctionId, StateIndex, Step, StepIndex, Workflow, WorkflowError};
