//! The trait behind which workers are alike.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use fogline_core::application::{Function, RuntimeKind, State};
use fogline_core::model::{FunctionName, StateName};

use crate::call::{Call, Execution};
use crate::component::ComponentRuntime;
use crate::error::{ExecuteError, PrepareError};
use crate::process::ProcessRuntime;

/// What was deployed for a function.
#[derive(Clone, Debug)]
pub struct Artefact {
    /// Its component; empty for a process.
    pub bytes: Bytes,
    /// Whose it is, as `TENANT/APP`, for the node's log.
    pub application: String,
    /// The folder of the manifest, where a process is started.
    pub folder: PathBuf,
}

/// Makes functions ready to be executed.
#[async_trait]
pub trait Runtime: Send + Sync {
    /// Checks a function, compiles or starts it, and tries a worker; `states` are those of the application.
    ///
    /// # Errors
    /// When the function is at fault, or the node cannot execute it; see [`PrepareError`].
    async fn prepare(
        &self,
        name: &FunctionName,
        function: &Function,
        states: &BTreeMap<StateName, State>,
        artefact: Artefact,
    ) -> Result<Arc<dyn Executor>, PrepareError>;
}

/// Executes one function. Whatever it holds, workers and processes too, ends when it is dropped.
#[async_trait]
pub trait Executor: Send + Sync {
    /// Executes the function within its limits. Dropping the future ends the execution of a component; a process goes on with
    /// it, which keeps its place among the function's executions.
    ///
    /// # Errors
    /// When there is no outcome; see [`ExecuteError`]. An error that the function itself gave is an outcome.
    async fn execute(&self, call: Call) -> Result<Execution, ExecuteError>;
}

/// All runtimes of a node: prepares each function with the one that its manifest names.
pub struct Runtimes {
    component: ComponentRuntime,
    process: ProcessRuntime,
}

impl Runtimes {
    /// These runtimes.
    #[must_use]
    pub fn new(component: ComponentRuntime, process: ProcessRuntime) -> Self {
        Self { component, process }
    }
}

#[async_trait]
impl Runtime for Runtimes {
    async fn prepare(
        &self,
        name: &FunctionName,
        function: &Function,
        states: &BTreeMap<StateName, State>,
        artefact: Artefact,
    ) -> Result<Arc<dyn Executor>, PrepareError> {
        match function.runtime {
            RuntimeKind::Component(_) => self.component.prepare(name, function, states, artefact).await,
            RuntimeKind::Process { .. } => self.process.prepare(name, function, states, artefact).await,
        }
    }
}
