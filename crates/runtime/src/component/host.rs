//! What a worker sees of its node.

use std::time::Instant;

use super::memory::MemoryLimit;
use super::states::States;
use crate::call::InvocationContext;
use crate::logs::Logs;

/// What one attempt brings, and leaves.
pub(super) struct Attempt {
    /// What the function may know of its invocation.
    pub(super) invocation: InvocationContext,
    /// The states.
    pub(super) states: States,
    /// What it logs.
    pub(super) logs: Logs,
    /// When it is interrupted for good.
    pub(super) ends: Instant,
}

/// The data of a worker's store.
pub(super) struct Host {
    /// The attempt that it works on.
    pub(super) attempt: Attempt,
    /// Its memory, over all attempts.
    pub(super) memory: MemoryLimit,
}
