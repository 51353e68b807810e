//! One instance of a component.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use fogline_core::model::{Bytes as Size, StateName};
use thiserror::Error;
use wasmtime::component::{ComponentExportIndex, InstancePre};
use wasmtime::{Store, StoreContextMut, UpdateDeadline};

use super::host::{Attempt, Host};
use super::interface::Handle;
use super::machine::Machine;
use super::memory::MemoryLimit;
use crate::call::GuestError;
use crate::logs::Logs;

/// An instance, and the function that it is there for.
pub(super) struct Worker {
    store: Store<Host>,
    handle: Handle,
}

/// What the workers of a function are made from.
pub(super) struct Blueprint {
    pub(super) machine: Arc<Machine>,
    pub(super) instance: InstancePre<Host>,
    pub(super) handle: ComponentExportIndex,
    /// Most bytes of memory.
    pub(super) memory: u64,
    /// Instructions of one call, if they are counted.
    pub(super) fuel: Option<u64>,
}

/// A worker that broke off.
pub(super) struct Broken {
    pub(super) error: wasmtime::Error,
    pub(super) host: Host,
}

/// Why a guest was interrupted for good.
#[derive(Debug, Error)]
#[error("its time is over")]
pub(super) struct TimeUp;

impl Blueprint {
    /// Makes a worker for this attempt.
    pub(super) async fn make(&self, attempt: Attempt) -> Result<Worker, Box<Broken>> {
        let memory = MemoryLimit::new(self.memory);
        let mut store = Store::new(&self.machine.engine, Host { attempt, memory });
        store.limiter(|host| &mut host.memory);
        store.epoch_deadline_callback(|store| interrupt(&store));
        let instance = match self.arm(&mut store) {
            Ok(()) => self.instance.instantiate_async(&mut store).await,
            Err(error) => Err(error),
        };
        match instance.and_then(|instance| instance.get_typed_func(&mut store, self.handle)) {
            Ok(handle) => Ok(Worker { store, handle }),
            Err(error) => Err(Box::new(Broken {
                error,
                host: store.into_data(),
            })),
        }
    }

    /// Gives a worker that has finished before another attempt.
    pub(super) fn again(&self, mut worker: Worker, attempt: Attempt) -> Result<Worker, Box<Broken>> {
        let host = worker.store.data_mut();
        host.attempt = attempt;
        // What an earlier attempt was refused, and did without, says nothing of this one.
        host.memory.take_refused();
        match self.arm(&mut worker.store) {
            Ok(()) => Ok(worker),
            Err(error) => Err(worker.broken(error)),
        }
    }

    fn arm(&self, store: &mut Store<Host>) -> wasmtime::Result<()> {
        store.set_epoch_deadline(1);
        self.fuel.map_or(Ok(()), |fuel| store.set_fuel(fuel))
    }
}

impl Worker {
    /// Calls the function; whoever drops the future ends the call, and must drop the worker.
    pub(super) async fn call(&mut self, input: Bytes) -> wasmtime::Result<Result<Bytes, GuestError>> {
        let (outcome,) = self.handle.call_async(&mut self.store, (input,)).await?;
        Ok(outcome.map_err(GuestError::from))
    }

    /// Ends the attempt: what it wrote and logged. The worker holds none of its states any more.
    pub(super) fn finish(&mut self) -> (BTreeMap<StateName, Option<Bytes>>, Logs) {
        let attempt = &mut self.store.data_mut().attempt;
        (attempt.states.finish(), std::mem::take(&mut attempt.logs))
    }

    /// What its linear memories have together.
    pub(super) fn memory(&self) -> Size {
        self.store.data().memory.used()
    }

    /// This worker, broken.
    pub(super) fn broken(self, error: wasmtime::Error) -> Box<Broken> {
        Box::new(Broken {
            error,
            host: self.store.into_data(),
        })
    }
}

/// At every tick: ends the guest if its time is over, lets others go on otherwise.
///
/// It yields as tokio's tasks do, behind the driver of IO: wasmtime's own way of yielding would hold up IO for as many
/// ticks as tokio polls tasks in a row (61).
fn interrupt(store: &StoreContextMut<'_, Host>) -> wasmtime::Result<UpdateDeadline> {
    if Instant::now() >= store.data().attempt.ends {
        return Err(TimeUp.into());
    }
    Ok(UpdateDeadline::YieldCustom(1, Box::pin(tokio::task::yield_now())))
}
