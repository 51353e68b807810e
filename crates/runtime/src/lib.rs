//! Workers that execute functions: wasmtime and processes behind one trait.
//!
//! A [`Runtime`] prepares a function once, when it is deployed; the [`Executor`] that comes of it executes it, call
//! by call. A call carries everything that the function may see, an execution everything that it did: a worker
//! never waits for a network, and nothing that it wrote counts before its caller has committed it.

mod call;
pub mod component;
mod error;
mod logs;
pub mod process;
mod runtime;

pub use call::{Call, Execution, GuestError, InvocationContext, KeepTag, StateValue, WrittenBy};
pub use error::{Busy, ExecuteError, Fault, FunctionFault, PrepareError};
pub use logs::{LogLevel, LogLine, MAX_LOG_LINE, MAX_LOG_LINES};
pub use runtime::{Artefact, Executor, Runtime, Runtimes};
