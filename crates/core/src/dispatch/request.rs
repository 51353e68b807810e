//! An invocation that needs a node.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::application::{Application, Function};
use crate::model::{Bytes, ExecutionModel, StateName};
use crate::network::VertexId;
use crate::telemetry::FunctionKey;

/// An invocation that needs a node, and what the caller lends to the decision: the time, random bits and a turn.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// Which function.
    pub key: &'a FunctionKey,
    /// The application.
    pub app: &'a Application,
    /// The function.
    pub function: &'a Function,
    /// Size of its input.
    pub input: Bytes,
    /// Sizes of the session's states, of those that are known; the others count as the manifest says.
    pub states: &'a BTreeMap<StateName, Bytes>,
    /// Where the client's requests enter the network.
    pub client: VertexId,
    /// Where the session's in-edge state is.
    pub home: VertexId,
    /// Where its state lives.
    pub model: ExecutionModel,
    /// For policies that draw.
    pub draw: u64,
    /// For round-robin: one more than that of the invocation of the function before ([`super::View::next_turn`]).
    pub turn: u64,
    /// Now, by the clock that the [`super::View`] was told of things by.
    pub now: Duration,
}
