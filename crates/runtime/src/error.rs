//! What can go wrong, split by who must act.

use std::time::Duration;

use fogline_core::model::{Bytes, FunctionName};
use thiserror::Error;

use crate::logs::LogLine;

/// A cause of another crate's making.
pub(crate) type Cause = Box<dyn std::error::Error + Send + Sync>;

/// Why a function cannot be executed on this node.
#[derive(Debug, Error)]
pub enum PrepareError {
    /// The function's author must act.
    #[error("function {function}: {fault}")]
    Function {
        /// The function.
        function: FunctionName,
        /// What is wrong with it.
        fault: FunctionFault,
    },
    /// All workers of the node are in use: again later, or elsewhere.
    #[error("function {function} cannot be tried: {busy}")]
    Busy {
        /// The function.
        function: FunctionName,
        /// What there is too little of.
        busy: Busy,
    },
    /// The node's operator must act.
    #[error("function {function}: {doing}")]
    Node {
        /// The function.
        function: FunctionName,
        /// What failed.
        doing: &'static str,
        /// Why.
        source: Cause,
    },
}

impl PrepareError {
    /// What to do about it, in one sentence.
    #[must_use]
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::Function { fault, .. } => Some(fault.hint()),
            Self::Busy { .. } | Self::Node { .. } => None,
        }
    }
}

/// What is wrong with a function.
#[derive(Debug, Error)]
pub enum FunctionFault {
    /// Its component is too large.
    #[error("its component has {size}, the most is {limit}")]
    TooLarge {
        /// The component's size.
        size: Bytes,
        /// The most that is allowed.
        limit: Bytes,
    },
    /// It is a WebAssembly module without an interface.
    #[error("this is a WebAssembly core module, not a component")]
    CoreModule,
    /// It is not WebAssembly, or damaged, or uses what the runtime does not offer.
    #[error("this is not a component: {0}")]
    NotAComponent(String),
    /// It is not compiled in time.
    #[error("compiling it takes longer than {0:?}")]
    CompileTime(Duration),
    /// It imports what functions do not get.
    #[error("it imports what a node does not offer: {0}")]
    Imports(String),
    /// It does not export the function `handle` of `wit/function.wit`.
    #[error("{0}")]
    Exports(&'static str),
    /// It needs more memory than it may have before it has done anything.
    #[error("it begins with {needed} of memory, but its limit is {limit}")]
    Memory {
        /// What it begins with.
        needed: Bytes,
        /// The limit of its manifest.
        limit: Bytes,
    },
    /// Its worker fails before it is called.
    #[error("its worker does not start: {0}")]
    Start(Fault),
    /// A process without a command line.
    #[error("there is no command line for its process")]
    NoCommand,
    /// Fuel is counted in components only.
    #[error("the fuel of a process cannot be counted")]
    ProcessFuel,
    /// Workers of processes serve all sessions.
    #[error("a process cannot be kept for a session")]
    ProcessPerSession,
    /// Its process does not begin to serve.
    #[error("its process does not serve: {0}")]
    ProcessStart(String),
}

impl FunctionFault {
    /// What to do about it, in one sentence.
    #[must_use]
    pub fn hint(&self) -> &'static str {
        match self {
            Self::TooLarge { .. } => "build it in release mode, and leave out what it does not use",
            Self::CoreModule => "`fogline build` makes a component of it",
            Self::NotAComponent(_) => "`fogline build` makes components; the file may be cut or another one",
            Self::CompileTime(_) => {
                "deploy it again later, when what was begun has ended: that is kept; or make it smaller"
            }
            Self::Imports(_) => {
                "functions see their states, their invocation and a log, and nothing else: \
                 build for wasm32-unknown-unknown, which has no WASI"
            }
            Self::Exports(_) => "export `handle` as the world `function` of wit/function.wit says",
            Self::Memory { .. } => "raise limits.memory in the manifest",
            Self::Start(_) => {
                "what runs before the first call must end, and stay within the function's limits"
            }
            Self::NoCommand => "give a command line, as process = [\"python3\", \"app.py\"]",
            Self::ProcessFuel => "remove limits.fuel; limits.time holds for processes too",
            Self::ProcessPerSession => "remove instance = \"per-session\"",
            Self::ProcessStart(_) => {
                "it must listen on the Unix socket in FOGLINE_SOCKET, and answer GET /ready with 200"
            }
        }
    }
}

/// Why a call has no outcome.
#[derive(Debug, Error)]
pub enum ExecuteError {
    /// The function's author must act.
    #[error("{fault}")]
    Guest {
        /// What the function did.
        fault: Fault,
        /// What it had logged until then.
        logs: Vec<LogLine>,
        /// Whether a worker was made for it.
        cold: bool,
    },
    /// The caller's time was over before the function's.
    #[error("the caller's deadline passed during the execution")]
    Deadline,
    /// Too many executions at once: again later, or elsewhere.
    #[error("{0}")]
    Busy(Busy),
    /// The function's process is down at the moment: again later, or elsewhere.
    #[error("the function's process is down: {0}")]
    Unavailable(String),
    /// The node's operator must act.
    #[error("{doing}")]
    Internal {
        /// What failed.
        doing: &'static str,
        /// Why.
        source: Cause,
    },
}

/// What a function did that ended its execution.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Fault {
    /// It broke off: a panic, an overflow of its stack, a memory access out of bounds.
    #[error("the function broke off: {0}")]
    Trap(String),
    /// It took longer than it may.
    #[error("the function took longer than its limit of {0:?}")]
    TimeLimit(Duration),
    /// It broke off after it was refused more memory.
    #[error("the function needs more memory than its limit of {0}")]
    MemoryLimit(Bytes),
    /// It executed more instructions than it may.
    #[error("the function used up its fuel of {0}")]
    FuelExhausted(u64),
    /// Its output is larger than it may be.
    #[error("the function's output has {size}, its limit is {limit}")]
    OutputTooLarge {
        /// The output's size.
        size: Bytes,
        /// The limit of its manifest.
        limit: Bytes,
    },
    /// Its process answered what the protocol does not know.
    #[error("the function's process gave a wrong answer: {0}")]
    BadAnswer(String),
}

/// What there is too little of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum Busy {
    /// The function's own limit.
    #[error("{0} executions of the function are under way, as many as it allows")]
    Function(u32),
    /// The node's workers.
    #[error("all workers of the node are in use")]
    Node,
    /// What the node compiles at once.
    #[error("the node is compiling as many components as it may at once")]
    Compiler,
}
