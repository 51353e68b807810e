//! What goes into one execution of a function, and what comes out.

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;
use fogline_core::model::{CommitId, InvocationId, SessionId, StateName, Timestamp};
use thiserror::Error;

use crate::component::KeptWorker;
use crate::logs::LogLine;

/// What the function may know of its invocation: the same in every attempt (R18).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvocationContext {
    /// The invocation.
    pub id: InvocationId,
    /// The session that it is for, if any.
    pub session: Option<SessionId>,
    /// When it was admitted: the only clock that the function has.
    pub now: Timestamp,
    /// When its caller stops waiting.
    pub deadline: Timestamp,
    /// Where the function's chance comes from.
    pub seed: u64,
}

/// A state as it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StateValue {
    /// The schema number under which it was written.
    pub schema: u32,
    /// Its bytes.
    pub value: Bytes,
}

/// Which commit wrote each of the states that a function declares, always in the same order; one that was never set is not
/// here. No map: it is made for each call.
pub type WrittenBy = Vec<(StateName, CommitId)>;

/// What a call begins on, by which a kept worker is found (R13).
///
/// It is the commits of the states, not of a head: a function may read states of several heads, and of envelopes that a
/// client holds by itself some may be older than the newest head among them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeepTag {
    /// The session.
    pub session: SessionId,
    /// Its states, as the call finds them.
    pub states: WrittenBy,
}

/// One attempt at an invocation, as a worker gets it.
#[derive(Clone, Debug)]
pub struct Call {
    /// What the function may know of the invocation.
    pub invocation: InvocationContext,
    /// The input.
    pub input: Bytes,
    /// The states that the function declares; one that is not here was never set. Others are ignored.
    pub states: BTreeMap<StateName, StateValue>,
    /// Which states they are; none if no worker is to be kept or used again.
    pub keep: Option<KeepTag>,
    /// How long the caller still waits.
    pub time_left: Duration,
}

/// What came of a call.
#[derive(Debug)]
pub struct Execution {
    /// The output, or the error that the function chose to give.
    pub outcome: Result<Bytes, GuestError>,
    /// The states that it set (with the schema number that it declares) or deleted, even if to what they were;
    /// empty after an error.
    pub writes: BTreeMap<StateName, Option<Bytes>>,
    /// What it logged.
    pub logs: Vec<LogLine>,
    /// How long the worker was busy with it, making the worker included.
    pub took: Duration,
    /// Whether a worker was made for this call.
    pub cold: bool,
    /// The worker, if the function keeps workers for sessions: for whoever has committed this execution to keep.
    pub worker: Option<KeptWorker>,
}

/// An error that the function chose to give.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum GuestError {
    /// The caller must act.
    #[error("invalid input: {0}")]
    InvalidInput(String),
    /// The function's author must act.
    #[error("{0}")]
    Failed(String),
}
