//! Prepares programs.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use fogline_core::application::{Function, Instance, RuntimeKind, State};
use fogline_core::model::{FunctionName, StateName};
use tokio::sync::Semaphore;

use super::executor::ProcessExecutor;
use super::program::Spec;
use super::supervisor::Supervisor;
use crate::error::{FunctionFault, PrepareError};
use crate::runtime::{Artefact, Executor, Runtime};

/// A program that serves one request after the other may be busy with one for the function's limit; beyond it, it has
/// as long as this to say that it is ready.
const GRACE: Duration = Duration::from_secs(1);

/// Executes functions that are programs.
#[derive(Clone, Copy, Debug, Default)]
pub struct ProcessRuntime;

#[async_trait]
impl Runtime for ProcessRuntime {
    async fn prepare(
        &self,
        name: &FunctionName,
        function: &Function,
        _: &BTreeMap<StateName, State>,
        artefact: Artefact,
    ) -> Result<Arc<dyn Executor>, PrepareError> {
        let at_fault = |fault| PrepareError::Function {
            function: name.clone(),
            fault,
        };
        let command = check(function).map_err(at_fault)?;
        let limits = function.limits;
        let spec = Spec {
            application: artefact.application,
            function: name.clone(),
            command: command.to_vec(),
            folder: artefact.folder,
            // One program stands for as many workers as may be busy at once.
            memory: limits.memory * u64::from(limits.concurrency),
        };
        let supervisor = Supervisor::start(spec, limits.time + GRACE);
        let started = supervisor.started().await;
        started.map_err(|reason| at_fault(FunctionFault::ProcessStart(reason)))?;
        Ok(Arc::new(ProcessExecutor {
            function: name.clone(),
            reads: function.reads.union(&function.writes).cloned().collect(),
            writes: function.writes.clone(),
            limits,
            slots: Arc::new(Semaphore::new(limits.concurrency as usize)),
            supervisor,
        }))
    }
}

fn check(function: &Function) -> Result<&[String], FunctionFault> {
    let command = match &function.runtime {
        RuntimeKind::Process { command, .. } if !command.is_empty() => command,
        RuntimeKind::Process { .. } | RuntimeKind::Component(_) => return Err(FunctionFault::NoCommand),
    };
    if function.limits.fuel.is_some() {
        return Err(FunctionFault::ProcessFuel);
    }
    if function.instance == Instance::PerSession {
        return Err(FunctionFault::ProcessPerSession);
    }
    Ok(command)
}
