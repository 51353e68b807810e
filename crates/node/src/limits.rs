//! What a node takes at once; whoever comes then is told so.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use fogline_core::model::TenantName;
use fogline_core::model::limits::MAX_SESSION_QUEUE;
use fogline_core::quota::Quota;

/// What a node takes at once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Executions that wait for a slot.
    pub waiting: usize,
    /// Invocations of one session that are executed or wait for its turn.
    pub session_queue: usize,
    /// Applications, of all tenants.
    pub apps: usize,
    /// What tenants may use; those that are not here, as much as there is.
    pub quotas: BTreeMap<TenantName, Quota>,
    /// Tenants with tokens whose functions may be programs: these may do what the node's user may.
    pub processes: BTreeSet<TenantName>,
    /// How often it looks for what has expired, or belongs to an application that was deleted.
    pub sweep_every: Duration,
    /// How long the record of a run whose steps call each other waits for something to come before it fires again what
    /// it does not have; twice as long each time.
    pub fire_again_after: Duration,
    /// How long a caller may take nothing of its answer before its connection is closed.
    pub write_patience: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            waiting: 4096,
            session_queue: MAX_SESSION_QUEUE,
            apps: 1000,
            quotas: BTreeMap::new(),
            processes: BTreeSet::new(),
            sweep_every: Duration::from_secs(60),
            fire_again_after: Duration::from_secs(1),
            write_patience: Duration::from_secs(30),
        }
    }
}
