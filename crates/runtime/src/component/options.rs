//! How a node executes components.

use std::path::PathBuf;
use std::time::Duration;

use fogline_core::model::Bytes;

/// How a node executes components.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ComponentOptions {
    /// Where compiled code is kept; nowhere if absent, and then every start compiles again (50-80 ms a component).
    pub cache: Option<PathBuf>,
    /// How long a component may take to be compiled, its wait for others included. A compilation cannot be broken off:
    /// it goes on by itself, and what comes of it is kept.
    pub compile: Duration,
    /// Workers at once, kept ones included. Each reserves 4 GiB of address space; if there is too little of it, there
    /// will be fewer, see [`super::ComponentRuntime::allocator`].
    pub workers: u32,
    /// Workers that are kept for sessions, over all functions; the one used longest ago goes first.
    pub kept: usize,
    /// Memory of the kept workers together; beyond it, too, the one used longest ago goes first.
    pub kept_memory: Bytes,
    /// Whether to reserve the workers' address space at the start. Without it a worker costs twice the time; valgrind
    /// cannot run with it.
    pub pooling: bool,
}

impl Default for ComponentOptions {
    fn default() -> Self {
        Self {
            cache: None,
            compile: Duration::from_secs(60),
            workers: 1000,
            kept: 256,
            kept_memory: Bytes(1 << 30),
            pooling: true,
        }
    }
}
