//! Executes one function in its process.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use fogline_core::application::FunctionLimits;
use fogline_core::model::{Bytes as Size, FunctionName, StateName};
use http::{Method, StatusCode};
use tokio::sync::Semaphore;
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
    pub(super) slots: Semaphore,
    pub(super) supervisor: Supervisor,
}

#[async_trait]
impl Executor for ProcessExecutor {
    async fn execute(&self, call: Call) -> Result<Execution, ExecuteError> {
        let busy = |_| ExecuteError::Busy(Busy::Function(self.limits.concurrency));
        let _slot = self.slots.try_acquire().map_err(busy)?;
        let socket = match self.supervisor.status() {
            Status::Up(socket) => socket,
            Status::Down(reason) => return Err(ExecuteError::Unavailable(reason)),
            Status::Starting => return Err(ExecuteError::Unavailable("it is starting".to_owned())),
        };
        let started = Instant::now();
        let body = protocol::request(&self.function, &self.reads, &call);
        let most = protocol::most(self.limits.output, self.writes.len());
        let time = self.limits.time.min(call.time_left);
        let exchange = timeout(time, ask(&socket, Method::POST, "/", body, most)).await;
        let (status, body) = match exchange {
            Ok(Ok(answer)) => answer,
            Ok(Err(error)) => return Err(self.explain(error)),
            Err(_) => return Err(self.late(call.time_left)),
        };
        if status != StatusCode::OK {
            let text = String::from_utf8_lossy(&body);
            return Err(guest(Fault::BadAnswer(format!(
                "{status}: {}",
                cut(&text, Size(200))
            ))));
        }
        let answer = protocol::answer(&body, &self.writes).map_err(guest)?;
        if let Ok(output) = &answer.outcome {
            let (size, limit) = (Size(output.len() as u64), self.limits.output);
            if size > limit {
                let fault = Fault::OutputTooLarge { size, limit };
                return Err(ExecuteError::Guest {
                    fault,
                    logs: answer.logs,
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

impl ProcessExecutor {
    fn explain(&self, error: ExchangeError) -> ExecuteError {
        match error {
            ExchangeError::Connect(_) => {
                self.supervisor.suspect();
                ExecuteError::Unavailable(error.to_string())
            }
            ExchangeError::TooLarge(_) => guest(Fault::BadAnswer(error.to_string())),
            ExchangeError::Broken(_) | ExchangeError::Body(_) => guest(Fault::Trap(error.to_string())),
        }
    }

    fn late(&self, time_left: Duration) -> ExecuteError {
        self.supervisor.suspect();
        if time_left < self.limits.time {
            return ExecuteError::Deadline;
        }
        guest(Fault::TimeLimit(self.limits.time))
    }
}

fn guest(fault: Fault) -> ExecuteError {
    ExecuteError::Guest {
        fault,
        logs: Vec::new(),
    }
}
