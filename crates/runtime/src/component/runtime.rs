//! Prepares components.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use fogline_core::application::{Function, Instance, State};
use fogline_core::model::{Bytes, FunctionName, StateName, limits};
use thiserror::Error;
use tokio::sync::Semaphore;
use tokio::task::{JoinError, spawn_blocking};
use tokio::time::{Instant, timeout_at};
use wasmtime::component::Component;

use super::cache::CodeCache;
use super::executor::ComponentExecutor;
use super::interface;
use super::kept::Kept;
use super::machine::{Allocator, Machine};
use super::options::ComponentOptions;
use super::states;
use super::worker::Blueprint;
use crate::error::{Busy, ExecuteError, FunctionFault, PrepareError};
use crate::runtime::{Artefact, Executor, Runtime};

/// A page of WebAssembly's memory.
const PAGE: u64 = 64 << 10;
/// Compilations at once, those included that nobody waits for any more; each uses all cores.
const COMPILATIONS: usize = 2;
/// How a core module begins: magic, version 1. A component has version 0x1000d.
const CORE_MODULE: &[u8] = b"\0asm\x01\0\0\0";

/// Executes components. Engines end with the last of it and of its executors.
pub struct ComponentRuntime {
    options: ComponentOptions,
    plain: Arc<Machine>,
    /// Made for the first function with a limit of fuel.
    metered: Mutex<Option<Arc<Machine>>>,
    cache: Option<Arc<CodeCache>>,
    kept: Arc<Kept>,
    compilations: Arc<Semaphore>,
    /// How many executors there have been.
    executors: AtomicU64,
}

/// Why a node cannot execute components.
#[derive(Debug, Error)]
pub enum ComponentRuntimeError {
    /// The folder of compiled code.
    #[error("opening the folder {folder} for compiled code")]
    Cache {
        /// The folder.
        folder: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The engine.
    #[error("starting wasmtime: {0:#}")]
    Engine(wasmtime::Error),
}

impl ComponentRuntime {
    /// Starts it; takes some milliseconds.
    ///
    /// # Errors
    /// When the machine lacks what wasmtime needs, or the folder of compiled code cannot be used.
    pub fn new(options: ComponentOptions) -> Result<Self, ComponentRuntimeError> {
        let open = |folder: &PathBuf| match CodeCache::open(folder) {
            Ok(cache) => Ok(Arc::new(cache)),
            Err(source) => Err(ComponentRuntimeError::Cache {
                folder: folder.clone(),
                source,
            }),
        };
        Ok(Self {
            cache: options.cache.as_ref().map(open).transpose()?,
            plain: Arc::new(Machine::new(&options, false).map_err(ComponentRuntimeError::Engine)?),
            metered: Mutex::new(None),
            kept: Arc::new(Kept::new(options.kept, options.kept_memory)),
            compilations: Arc::new(Semaphore::new(COMPILATIONS)),
            executors: AtomicU64::new(0),
            options,
        })
    }

    /// Where the memory of workers comes from, as far as the machine's address space allowed.
    #[must_use]
    pub fn allocator(&self) -> Allocator {
        self.plain.allocator
    }

    fn machine(&self, metered: bool) -> wasmtime::Result<Arc<Machine>> {
        if !metered {
            return Ok(Arc::clone(&self.plain));
        }
        let mut place = self.metered.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(machine) = &*place {
            return Ok(Arc::clone(machine));
        }
        let machine = Arc::new(Machine::new(&self.options, true)?);
        *place = Some(Arc::clone(&machine));
        Ok(machine)
    }

    async fn compile(&self, machine: &Arc<Machine>, bytes: bytes::Bytes) -> Result<Compiled, Late> {
        let end = Instant::now() + self.options.compile;
        let place = timeout_at(end, Arc::clone(&self.compilations).acquire_owned()).await;
        let place = place.map_err(|_| Late::Waiting)?;
        let (cache, machine) = (self.cache.clone(), Arc::clone(machine));
        let compiling = spawn_blocking(move || {
            // Until it has ended, whoever waits for it.
            let _place = place;
            match cache {
                Some(cache) => cache.compile(&machine.engine, &bytes),
                None => Component::from_binary(&machine.engine, &bytes),
            }
        });
        timeout_at(end, compiling).await.map_err(|_| Late::Compiling)
    }
}

/// What came of a compilation, if it did not panic.
type Compiled = Result<wasmtime::Result<Component>, JoinError>;

/// What the time for a compilation was spent on.
enum Late {
    /// Others.
    Waiting,
    /// Itself.
    Compiling,
}

#[async_trait]
impl Runtime for ComponentRuntime {
    async fn prepare(
        &self,
        name: &FunctionName,
        function: &Function,
        states: &BTreeMap<StateName, State>,
        artefact: Artefact,
    ) -> Result<Arc<dyn Executor>, PrepareError> {
        let at_fault = |fault| PrepareError::Function {
            function: name.clone(),
            fault,
        };
        let failed = |doing, source| PrepareError::Node {
            function: name.clone(),
            doing,
            source,
        };
        check_file(&artefact.bytes).map_err(at_fault)?;
        let limits = function.limits;
        let machine = self.machine(limits.fuel.is_some());
        let machine = machine.map_err(|error| failed("starting an engine that counts fuel", error.into()))?;
        let compiled = self.compile(&machine, artefact.bytes).await;
        let compiled = compiled.map_err(|late| match late {
            Late::Waiting => PrepareError::Busy {
                function: name.clone(),
                busy: Busy::Compiler,
            },
            Late::Compiling => at_fault(FunctionFault::CompileTime(self.options.compile)),
        })?;
        let component = compiled
            .map_err(|error| failed("compiling its component", error.into()))?
            .map_err(|error| at_fault(FunctionFault::NotAComponent(format!("{error:#}"))))?;
        check_memory(&component, limits.memory).map_err(at_fault)?;
        let instance = machine
            .linker
            .instantiate_pre(&component)
            .map_err(|error| at_fault(FunctionFault::Imports(format!("{error:#}"))))?;
        let handle = interface::handle_of(&component).map_err(at_fault)?;
        let executor = ComponentExecutor {
            id: self.executors.fetch_add(1, Ordering::Relaxed),
            blueprint: Blueprint {
                machine,
                instance,
                handle,
                memory: limits.memory.0,
                fuel: limits.fuel,
            },
            declared: states::declared(function, states),
            limits,
            slots: Semaphore::new(limits.concurrency as usize),
            per_session: function.instance == Instance::PerSession,
            kept: Arc::clone(&self.kept),
        };
        match executor.try_out().await {
            Ok(()) => Ok(Arc::new(executor)),
            Err(ExecuteError::Guest { fault, .. }) => Err(at_fault(FunctionFault::Start(fault))),
            Err(ExecuteError::Busy(busy)) => Err(PrepareError::Busy {
                function: name.clone(),
                busy,
            }),
            Err(error) => Err(failed("trying a worker", error.into())),
        }
    }
}

fn check_file(bytes: &[u8]) -> Result<(), FunctionFault> {
    let size = Bytes(bytes.len() as u64);
    if size > limits::MAX_COMPONENT {
        return Err(FunctionFault::TooLarge {
            size,
            limit: limits::MAX_COMPONENT,
        });
    }
    if bytes.starts_with(CORE_MODULE) {
        return Err(FunctionFault::CoreModule);
    }
    Ok(())
}

fn check_memory(component: &Component, limit: Bytes) -> Result<(), FunctionFault> {
    let required = component.resources_required();
    let pages = required.and_then(|it| it.max_initial_memory_size).unwrap_or(0);
    let needed = Bytes(pages.saturating_mul(PAGE));
    if needed > limit {
        Err(FunctionFault::Memory { needed, limit })
    } else {
        Ok(())
    }
}
