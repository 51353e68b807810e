//! The choices that the cost of a model depends on. The defaults are what the platform does.

use serde::{Deserialize, Serialize};

/// How many round trips an access to a store costs: a read before and a commit after the invocation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Access {
    /// Two: the head and the declared states are fetched in one call, the commit is acknowledged. What an
    /// invocation costs at a worker that has not seen the session before.
    #[default]
    Cold,
    /// One: the worker still has the states, so it commits at once (compare-and-swap on the cached head).
    Warm,
    /// One in all: half for the read and half for the write, neither is requested or acknowledged. The
    /// paper's simulator (statesim-semantics.md 5).
    Paper,
}

/// Who talks to a store.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum StateAccess {
    /// The worker's node.
    #[default]
    Worker,
    /// The client, although the worker needs the state. The paper's simulator (deviation 1 of
    /// statesim-semantics.md 6).
    Client,
}

/// What happens under in-function when two steps on different workers need one state.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum InFunction {
    /// The state moves to the worker that needs it.
    #[default]
    Migrating,
    /// Nothing: every worker is taken to have it. The paper's simulator.
    Pinned,
}

/// Whether what a function gives out is kept in the store, so that a retry is answered and not run again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Replies {
    /// No: the paper's simulator, and its successors.
    #[default]
    Forgotten,
    /// Yes: the output goes to the store with the states. What the nodes do.
    Kept,
}

/// All choices together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CostOptions {
    /// Round trips to a store.
    pub access: Access,
    /// Who talks to a store.
    pub state_access: StateAccess,
    /// States shared by several workers.
    pub in_function: InFunction,
    /// Outputs kept for retries.
    pub replies: Replies,
}
