//! Functions that are WebAssembly components, executed by wasmtime.
//!
//! A [`ComponentRuntime`] compiles a component once and keeps the code on disk (`cache`). Each call gets an instance
//! of its own (`executor`), which costs some microseconds, or, if the function asks for it, one that was kept for
//! the session (`kept`, R13). Guests are interrupted every millisecond (`ticker`), to let others go on and to see
//! whether their time is over.

mod cache;
mod executor;
mod host;
mod interface;
mod kept;
mod key;
mod machine;
mod memory;
mod options;
mod runtime;
mod states;
mod ticker;
mod worker;

pub use kept::KeptWorker;
pub use machine::Allocator;
pub use options::ComponentOptions;
pub use runtime::{ComponentRuntime, ComponentRuntimeError};
