//! What a request was for, and what came back.

use std::fmt;
use std::time::Duration;

use bytes::Bytes;
use fogline_core::model::{ExecutionModel, FunctionName, NodeName, RunId, StateName};
use fogline_core::session::Seen;
use serde::{Deserialize, Serialize};

/// What a request is for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Target {
    /// To invoke a function.
    Function(FunctionName),
    /// To run the workflow, on the nodes.
    Run,
    /// To set a state.
    Put(StateName),
    /// To delete a state.
    Remove(StateName),
    /// To run the workflow, its steps calling each other.
    Hops,
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Function(function) => write!(f, "function {function}"),
            Self::Run => f.write_str("the workflow"),
            Self::Put(state) => write!(f, "setting state {state}"),
            Self::Remove(state) => write!(f, "deleting state {state}"),
            Self::Hops => f.write_str("the workflow, hop by hop"),
        }
    }
}

/// The answer to a request.
#[derive(Clone, Debug, PartialEq)]
pub struct Reply {
    /// The function's output, or the run's result.
    pub output: Bytes,
    /// What the client has now seen of the part of the session that this was about; none of a function without
    /// states, invoked without a session.
    pub seen: Option<Seen>,
    /// Whether the request had been executed before, and this is what it gave then.
    pub replayed: bool,
    /// The run, where a node or the steps ran the workflow.
    pub run: Option<RunId>,
    /// The node that executed.
    pub node: Option<NodeName>,
    /// Where the session's primary part is now.
    pub model: Option<ExecutionModel>,
    /// How long the execution took.
    pub execution: Option<Duration>,
    /// How often the request was sent.
    pub attempts: u32,
}

/// The answer to a workflow that the client ran.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunReply {
    /// The run.
    pub run: RunId,
    /// Its result.
    pub output: Bytes,
}

/// A request that nobody has answered yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unanswered {
    /// Its number.
    pub number: u64,
    /// What it is for.
    pub target: Target,
}
