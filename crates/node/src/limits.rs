//! What a node takes at once; whoever comes then is told so.

use std::time::Duration;

use fogline_core::model::limits::MAX_SESSION_QUEUE;

/// What a node takes at once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Executions that wait for a slot.
    pub waiting: usize,
    /// Invocations of one session that are executed or wait for its turn.
    pub session_queue: usize,
    /// Applications, of all tenants.
    pub apps: usize,
    /// How often it looks for what has expired, or belongs to an application that was deleted.
    pub sweep_every: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            waiting: 4096,
            session_queue: MAX_SESSION_QUEUE,
            apps: 1000,
            sweep_every: Duration::from_secs(60),
        }
    }
}
