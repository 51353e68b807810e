//! The vocabulary: units, execution models, devices, workflows.

mod bad_input;
mod device;
mod execution_model;
mod id;
pub mod limits;
mod name;
mod session_id;
mod time;
mod units;
mod workflow;

pub use bad_input::BadInput;
pub use device::{Device, FunctionClass};
pub use execution_model::ExecutionModel;
pub use id::{BadId, ClientId, CommitId, Digest, Incarnation, InvocationId, RunId, SpanId, TraceId};
pub use name::{AppName, BadName, FunctionName, MAX_NAME, NodeName, StateName, StepName, TenantName};
pub use session_id::{Birth, SessionId};
pub use time::Timestamp;
pub use units::{BitRate, Bytes, Operations, Seconds, Speed};
pub use workflow::{FunctionId, StateIndex, Step, StepIndex, Workflow, WorkflowError};
