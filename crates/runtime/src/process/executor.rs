//! Executes one function in its process.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Instant;

use async_trait::async_trait;
use fogline_core::application::FunctionLimits;
use fogline_core::model::{Bytes as Size, FunctionName, StateName};
use http::{Method, StatusCode};
use tokio::sync::Semaphore;
use tokio::task::JoinError;
use tokio::time::timeout;

use super::exchange::{ExchangeError, ask};
use super::protocol;
use super::supervisor::{Status, Supervisor};
use crate::call::{Call, Execution};
use crate::error::{Busy, ExecuteError, Fault};
use crate::logs::cut;
use crate::runtime::Executor;

/// A function whose program runs.
pub(super) struct ProcessExecutor {
    pub(super) function: FunctionName,
    pub(super) reads: BTreeSet<StateName>,
    pub(super) writes: BTreeSet<StateName>,
    pub(super) limits: FunctionLimits,
    /// As many permits as executions may be under way.
    pub(super) slots: Arc<Semaphore>,
    pub(super) supervisor: Supervisor,
}

#[async_trait]
impl Executor for ProcessExecutor {
    async fn execute(&self, call: Call) -> Result<Execution, ExecuteError> {
        let busy = |_| ExecuteError::Busy(Busy::Function(self.limits.concurrency));
        let slot = Arc::clone(&self.slots).try_acquire_owned().map_err(busy)?;
        let socket = match self.supervisor.status() {
            Status::Up(socket) => socket,
            Status::Down(reason) => return Err(ExecuteError::Unavailable(reason)),
            Status::Starting => return Err(ExecuteError::Unavailable("it is starting".to_owned())),
        };
        let started = Instant::now();
        let body = protocol::request(&self.function, &self.reads, &call);
        let most = protocol::most(&self.limits, self.writes.len());
        let (time, health) = (self.limits.time, Arc::clone(self.supervisor.health()));
        // The program goes on with a call that nobody waits for any more: the call keeps its place, and is no reason to
        // doubt the program.
        let exchange = tokio::spawn(async move {
            let _slot = slot;
            let answer = timeout(time, ask(&socket, Method::POST, "/", body, most)).await;
            match &answer {
                Ok(Ok(_)) => health.answered(),
                Ok(Err(ExchangeError::Connect(_))) | Err(_) => health.suspect(),
                Ok(Err(_)) => {}
            }
            answer
        });
        let Ok(answer) = timeout(call.time_left, exchange).await else {
            return Err(ExecuteError::Deadline);
        };
        let (status, body) = match answer.map_err(broken_off)? {
            Ok(Ok(answer)) => answer,
            Ok(Err(error)) => return Err(explain(error)),
            Err(_) => return Err(guest(Fault::TimeLimit(time))),
        };
        if status != StatusCode::OK {
            let text = String::from_utf8_lossy(&body);
            return Err(guest(Fault::BadAnswer(format!(
                "{status}: {}",
                cut(&text, Size(200))
            ))));
        }
        let answer = protocol::answer(&body, &self.writes, self.limits.written()).map_err(guest)?;
        if let Ok(output) = &answer.outcome {
            let (size, limit) = (Size(output.len() as u64), self.limits.output);
            if size > limit {
                let fault = Fault::OutputTooLarge { size, limit };
                return Err(ExecuteError::Guest {
                    fault,
                    logs: answer.logs,
                    cold: false,
                });
            }
        }
        Ok(Execution {
            outcome: answer.outcome,
            writes: answer.writes,
            logs: answer.logs,
            took: started.elapsed(),
            cold: false,
            worker: None,
        })
    }
}

fn broken_off(error: JoinError) -> ExecuteError {
    ExecuteError::Internal {
        doing: "asking the function's process",
        source: error.into(),
    }
}

fn explain(error: ExchangeError) -> ExecuteError {
    match error {
        ExchangeError::Node(source) => ExecuteError::Internal {
            doing: "connecting to the function's process",
            source: source.into(),
        },
        ExchangeError::Connect(_) => ExecuteError::Unavailable(error.to_string()),
        ExchangeError::TooLarge(_) => guest(Fault::BadAnswer(error.to_string())),
        ExchangeError::Broken(_) | ExchangeError::Body(_) => guest(Fault::Trap(error.to_string())),
    }
}

fn guest(fault: Fault) -> ExecuteError {
    ExecuteError::Guest {
        fault,
        logs: Vec::new(),
        cold: false,
    }
}
