//! Executes one component.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use fogline_core::application::FunctionLimits;
use fogline_core::model::{Bytes, InvocationId, Timestamp, limits};
use tokio::sync::Semaphore;
use wasmtime::{PoolConcurrencyLimitError, Trap};

use super::host::Attempt;
use super::kept::{Kept, KeptWorker};
use super::states::{Declared, States};
use super::worker::{Blueprint, Broken, TimeUp, Worker};
use crate::call::{Call, Execution, InvocationContext};
use crate::error::{Busy, ExecuteError, Fault};
use crate::logs::Logs;
use crate::runtime::Executor;

/// A component that is ready to be called.
pub(super) struct ComponentExecutor {
    /// Tells its kept workers from those of others.
    pub(super) id: u64,
    pub(super) blueprint: Blueprint,
    pub(super) declared: Arc<[Declared]>,
    pub(super) limits: FunctionLimits,
    /// As many permits as executions may be under way.
    pub(super) slots: Semaphore,
    /// Whether the function wants its workers to be kept.
    pub(super) per_session: bool,
    pub(super) kept: Arc<Kept>,
}

/// Whose limit ends an attempt.
#[derive(Clone, Copy)]
enum Limit {
    Function,
    Caller,
}

/// What is known of an attempt that breaks off.
#[derive(Clone, Copy)]
struct Attempted {
    limit: Limit,
    /// Whether its worker was made for it.
    cold: bool,
}

#[async_trait]
impl Executor for ComponentExecutor {
    async fn execute(&self, call: Call) -> Result<Execution, ExecuteError> {
        let busy = |_| ExecuteError::Busy(Busy::Function(self.limits.concurrency));
        let _slot = self.slots.try_acquire().map_err(busy)?;
        let _running = self.blueprint.machine.ticker.running();
        let started = Instant::now();
        let (time, limit) = time(self.limits.time, call.time_left);
        let attempt = Attempt {
            invocation: call.invocation,
            states: States::new(&self.declared, call.states, self.limits.written()),
            logs: Logs::default(),
            ends: started + time,
        };
        let keep = call.keep.filter(|_| self.per_session);
        let reused = keep.as_ref().and_then(|tag| self.kept.take(self.id, tag));
        let cold = reused.is_none();
        let attempted = Attempted { limit, cold };
        let made = match reused {
            Some(worker) => self.blueprint.again(worker, attempt),
            None => match self.blueprint.make(attempt).await {
                // Boxed, because there is room nearly always.
                Err(broken) if used_up(&broken) => Box::pin(self.make_room(broken)).await,
                made => made,
            },
        };
        let mut worker = made.map_err(|broken| self.not_made(broken, attempted))?;
        let outcome = match worker.call(call.input).await {
            Ok(outcome) => outcome,
            Err(error) => return Err(self.broke_off(worker.broken(error), attempted)),
        };
        let (mut writes, logs) = worker.finish();
        let logs = logs.finish();
        match &outcome {
            Ok(output) if output.len() as u64 > self.limits.output.0 => {
                let (size, limit) = (Bytes(output.len() as u64), self.limits.output);
                return Err(ExecuteError::Guest {
                    fault: Fault::OutputTooLarge { size, limit },
                    logs,
                    cold,
                });
            }
            Ok(_) => {}
            Err(_) => writes.clear(),
        }
        // After an error nothing is committed, so the worker's memory may be ahead of every head.
        let worker = (keep.is_some() && outcome.is_ok()).then(|| self.keepable(worker));
        Ok(Execution {
            outcome,
            writes,
            logs,
            took: started.elapsed(),
            cold,
            worker,
        })
    }
}

impl ComponentExecutor {
    /// Makes a worker and drops it: what fails now would fail every call.
    pub(super) async fn try_out(&self) -> Result<(), ExecuteError> {
        let _running = self.blueprint.machine.ticker.running();
        let (time, limit) = time(self.limits.time, Duration::MAX);
        let attempt = Attempt {
            invocation: InvocationContext {
                id: InvocationId([0; 16]),
                session: None,
                now: Timestamp(0),
                deadline: Timestamp(0).after(time),
                seed: 0,
            },
            states: States::new(&self.declared, BTreeMap::new(), self.limits.written()),
            logs: Logs::default(),
            ends: Instant::now() + time,
        };
        let made = match self.blueprint.make(attempt).await {
            Err(broken) if used_up(&broken) => self.make_room(broken).await,
            made => made,
        };
        let attempted = Attempted { limit, cold: true };
        made.map(drop).map_err(|broken| self.not_made(broken, attempted))
    }

    /// Makes a worker in the place of kept ones, after one for which the pool had no room.
    async fn make_room(&self, mut broken: Box<Broken>) -> Result<Worker, Box<Broken>> {
        while self.kept.evict_oldest() {
            match self.blueprint.make(broken.host.attempt).await {
                Err(again) if used_up(&again) => broken = again,
                made => return made,
            }
        }
        Err(broken)
    }

    fn keepable(&self, worker: Worker) -> KeptWorker {
        KeptWorker {
            worker,
            executor: self.id,
            cache: Arc::clone(&self.kept),
        }
    }

    /// Why no worker could be made.
    fn not_made(&self, broken: Box<Broken>, attempted: Attempted) -> ExecuteError {
        if used_up(&broken) {
            return ExecuteError::Busy(Busy::Node);
        }
        match self.fault(broken, attempted) {
            Ok(error) => error,
            Err(broken) => ExecuteError::Internal {
                doing: "making a worker",
                source: broken.error.into(),
            },
        }
    }

    /// Why a call did not end: wasmtime reports many faults of guests as plain errors, such as a text that is not
    /// UTF-8, and nothing that the host does in a call can fail.
    fn broke_off(&self, broken: Box<Broken>, attempted: Attempted) -> ExecuteError {
        self.fault(broken, attempted)
            .unwrap_or_else(|broken| ExecuteError::Guest {
                fault: Fault::Trap(broken.error.root_cause().to_string()),
                logs: broken.host.attempt.logs.finish(),
                cold: attempted.cold,
            })
    }

    /// What the guest or its caller is known to be guilty of.
    fn fault(&self, mut broken: Box<Broken>, attempted: Attempted) -> Result<ExecuteError, Box<Broken>> {
        let refused = broken.host.memory.take_refused();
        let fault = match (broken.error.downcast_ref::<Trap>(), self.limits.fuel) {
            _ if broken.error.is::<TimeUp>() => match attempted.limit {
                Limit::Function => Fault::TimeLimit(self.limits.time),
                Limit::Caller => return Ok(ExecuteError::Deadline),
            },
            (Some(Trap::OutOfFuel), Some(fuel)) => Fault::FuelExhausted(fuel),
            _ if refused => Fault::MemoryLimit(self.limits.memory),
            (Some(trap), _) => Fault::Trap(trap.to_string()),
            (None, _) => return Err(broken),
        };
        Ok(ExecuteError::Guest {
            fault,
            logs: broken.host.attempt.logs.finish(),
            cold: attempted.cold,
        })
    }
}

impl Drop for ComponentExecutor {
    fn drop(&mut self) {
        self.kept.forget(self.id);
    }
}

/// How long an attempt may take, and who says so.
fn time(function: Duration, caller: Duration) -> (Duration, Limit) {
    let caller = caller.min(limits::MAX_DEADLINE);
    if function <= caller {
        (function, Limit::Function)
    } else {
        (caller, Limit::Caller)
    }
}

fn used_up(broken: &Broken) -> bool {
    broken.error.is::<PoolConcurrencyLimitError>()
}
