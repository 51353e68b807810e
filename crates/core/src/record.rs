//! The rows that simulator and nodes write: one format, so that prediction against reality is a table of two
//! columns, and that statistics, checkers and calibration read one thing.

use std::ops::AddAssign;

use serde::{Deserialize, Serialize};

use crate::model::{Bytes, ExecutionModel, Seconds};
use crate::network::Node;

/// What a row was measured under. Rows of one replication that differ only in policy and model share their
/// random numbers, so that they may be compared in pairs.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Condition {
    /// Name of the network, as `iiot`.
    pub network: String,
    /// Jobs offered in one replication.
    pub load: u32,
    /// Placement policy, as `load-net`.
    pub policy: String,
    /// Execution model.
    pub model: ExecutionModel,
}

/// Which replication of a condition: which draw of the network, which draw of everything else.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Replication {
    /// Draw of the topology, from 0.
    pub topology: u32,
    /// Seed of the replication.
    pub seed: u64,
}

/// Time and traffic, split by what they were spent on.
///
/// The parts of the time add up to the latency along the critical path of the run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Spent {
    /// Executing functions.
    pub processing: Seconds,
    /// Moving arguments and results.
    pub arguments: Seconds,
    /// Moving states.
    pub states: Seconds,
    /// Traffic of arguments and results: bytes times links crossed.
    pub argument_traffic: Bytes,
    /// Traffic of states: bytes times links crossed.
    pub state_traffic: Bytes,
}

impl Spent {
    /// Time in the network.
    #[must_use]
    pub fn network(&self) -> Seconds {
        self.arguments + self.states
    }

    /// Time in all: what the client waits.
    #[must_use]
    pub fn latency(&self) -> Seconds {
        self.processing + self.network()
    }

    /// Traffic in all: bytes times links crossed.
    #[must_use]
    pub fn traffic(&self) -> Bytes {
        self.argument_traffic + self.state_traffic
    }
}

impl AddAssign for Spent {
    fn add_assign(&mut self, other: Self) {
        self.processing += other.processing;
        self.arguments += other.arguments;
        self.states += other.states;
        self.argument_traffic += other.argument_traffic;
        self.state_traffic += other.state_traffic;
    }
}

/// One run of a job.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct JobRow {
    /// Under what.
    pub condition: Condition,
    /// In which replication.
    pub replication: Replication,
    /// Position of the job in the replication.
    pub job: u32,
    /// Position of the job in the pool that it was drawn from.
    pub pool_job: u32,
    /// Name of the client's node.
    pub client: String,
    /// Number of steps.
    pub steps: u32,
    /// What it took.
    pub spent: Spent,
}

/// One step of a run: an invocation.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TaskRow {
    /// Under what.
    pub condition: Condition,
    /// In which replication.
    pub replication: Replication,
    /// Position of the job in the replication.
    pub job: u32,
    /// Position of the step in the job.
    pub step: u32,
    /// Name of the function.
    pub function: String,
    /// Name of the node that executed it.
    pub node: String,
    /// What it took; the times of steps that run in parallel overlap.
    pub spent: Spent,
}

/// The load of one node at the end of a replication.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct NodeRow {
    /// Under what.
    pub condition: Condition,
    /// In which replication.
    pub replication: Replication,
    /// Name of the node.
    pub node: String,
    /// Invocations placed on it.
    pub invocations: u64,
}

/// The probabilities of [`SeedRow::latency_quantiles`].
pub const QUANTILES: [f64; 15] = [
    0.01, 0.05, 0.1, 0.2, 0.25, 0.3, 0.4, 0.5, 0.6, 0.7, 0.75, 0.8, 0.9, 0.95, 0.99,
];

/// Where the invocations of a replication were placed, by what the nodes are to the network.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Placed {
    /// On servers that are no clients.
    pub servers: u64,
    /// On clients.
    pub clients: u64,
    /// On other workers.
    pub others: u64,
}

impl Placed {
    /// Counts invocations on a node.
    pub fn add(&mut self, node: &Node, invocations: u64) {
        let slot = if node.client {
            &mut self.clients
        } else if node.kind == "server" {
            &mut self.servers
        } else {
            &mut self.others
        };
        *slot += invocations;
    }

    /// All invocations.
    #[must_use]
    pub fn all(&self) -> u64 {
        self.servers
            .saturating_add(self.clients)
            .saturating_add(self.others)
    }
}

/// A replication, reduced: the unit of all statistics, because jobs of one replication are not independent.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SeedRow {
    /// Under what.
    pub condition: Condition,
    /// Which replication.
    pub replication: Replication,
    /// Jobs run.
    pub jobs: u64,
    /// Sums over the jobs; divide by `jobs` for means.
    pub total: Spent,
    /// Quantiles of the jobs' latency, at [`QUANTILES`]: the sample at position ⌊q·jobs⌋ of the sorted
    /// latencies.
    pub latency_quantiles: [Seconds; QUANTILES.len()],
    /// Where the invocations ran.
    pub placed: Placed,
    /// By number of steps, ascending: jobs with that many, and the sums over them.
    pub by_steps: Vec<StepsGroup>,
}

/// The jobs of a replication that have the same number of steps.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct StepsGroup {
    /// Number of steps.
    pub steps: u32,
    /// Jobs with that many.
    pub jobs: u64,
    /// Sums over them.
    pub total: Spent,
}
