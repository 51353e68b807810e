//! What nodes tell each other of themselves.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::model::{AppName, Bytes, FunctionName, TenantName};

/// A function of an application of a tenant.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct FunctionKey {
    /// Whose.
    pub tenant: TenantName,
    /// Of which application.
    pub app: AppName,
    /// Which.
    pub function: FunctionName,
}

/// What a node says of itself, as of the moment in which it says so.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Telemetry {
    /// Executions at work.
    pub running: u32,
    /// Executions that wait for a slot.
    pub queued: u32,
    /// Executions at once.
    pub slots: u32,
    /// Memory that new workers may take.
    pub free_memory: Bytes,
    /// How long executions take there, by function: decayed means of what it has executed lately.
    pub service: BTreeMap<FunctionKey, Duration>,
}

/// Whether a node is sent anything.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Standing {
    /// It is.
    #[default]
    Up,
    /// It does not answer, as far as is known.
    Away,
    /// It is being emptied: what it owns stays until it moves, nothing new is sent.
    Draining,
}
