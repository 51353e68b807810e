//! Invocations: where they run, and how.

mod beside;
mod client;
mod dispatch;
mod dispatcher;
mod drive;
mod envelopes;
mod exchange;
mod explain;
mod local;
pub(crate) mod parts;
mod place;
pub(crate) mod resolve;
mod task;

use std::collections::BTreeMap;

use bytes::Bytes;
use fogline_core::model::{self, NodeName, StateName};
use fogline_core::session::{Commit, Head, Home, encoded_len};
use fogline_protocol::peer::{Invoke, Invoked};

pub(crate) use client::ClientPlace;
pub(crate) use dispatch::{MAX_HOPS, dispatch, dispatch_at, outlived, send, whereto};
pub(crate) use dispatcher::Dispatcher;
pub(crate) use envelopes::{missing, old};
pub(crate) use exchange::{ask, exchange, tell};
pub(crate) use explain::explain;
pub(crate) use local::execute;
pub(crate) use task::Task;

/// An invocation with what it carries.
#[derive(Clone, Debug)]
pub(crate) struct Job {
    pub(crate) call: Box<Invoke>,
    pub(crate) input: Bytes,
    pub(crate) envelopes: BTreeMap<StateName, Bytes>,
}

impl Job {
    /// One that carries nothing.
    pub(crate) fn bare(call: Box<Invoke>) -> Self {
        Self {
            call,
            input: Bytes::new(),
            envelopes: BTreeMap::new(),
        }
    }
}

/// What came of executing a job on a node.
#[derive(Clone, Debug)]
pub(crate) enum Answer {
    /// Output and new envelopes.
    Invoked(Invoked, Bytes, Vec<(StateName, Bytes)>),
    /// The session's invocations are executed where its home is.
    Elsewhere(Home),
    /// There were too many conflicts: at that node, where the session's home is, invocations wait their turn (R4).
    TakeTurn(NodeName),
}

/// What a commit writes.
fn bytes_of(commit: &Commit) -> model::Bytes {
    let blobs: usize = commit.blobs.values().map(Bytes::len).sum();
    model::Bytes((encoded_len(&commit.head) + blobs) as u64)
}

/// The states of a head, and their sizes.
fn sizes_of(head: &Head) -> Vec<(StateName, model::Bytes)> {
    let states = head.states.iter();
    states
        .map(|(state, entry)| (state.clone(), model::Bytes(entry.content.len())))
        .collect()
}
