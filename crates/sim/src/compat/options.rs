use std::fmt;
use std::str::FromStr;

use fogline_core::model::ExecutionModel;
use thiserror::Error;

/// What a run of StateSim is given besides the network, the trace and the number of jobs.
///
/// The defaults are StateSim's; for the cloud, whose defaults are not documented, they are the figures of the
/// paper's simulation.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Options {
    /// Number of functions that tasks are drawn from (`--num-functions`).
    pub functions: u64,
    /// Operations per CPU second of a task (`--ops-factor`).
    pub operations_factor: f64,
    /// Bytes of argument per unit of memory of a task (`--arg-factor`).
    pub argument_factor: f64,
    /// Bytes of state per unit of memory of a task (`--state-factor`).
    pub state_factor: f64,
    /// Capacity of the way to the cloud, in Mb/s (`--cloud-rate`).
    pub cloud_rate: f64,
    /// Latency of the way to the cloud and back, one way each, in seconds (`--cloud-latency`).
    pub cloud_latency: f64,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            functions: 5,
            operations_factor: 1000.0,
            argument_factor: 1000.0,
            state_factor: 1000.0,
            cloud_rate: 50.0,
            cloud_latency: 0.06,
        }
    }
}

impl Options {
    /// The options of the paper's simulation (simulation 002 of the authors' repository).
    #[must_use]
    pub fn paper() -> Self {
        Self {
            functions: 10,
            operations_factor: 100_000.0,
            argument_factor: 1_000_000.0,
            state_factor: 1_000_000.0,
            ..Self::default()
        }
    }
}

/// How tasks are allocated to nodes, in StateSim's order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum AllocPolicy {
    /// The node with the shortest processing time.
    ProcOnly,
    /// The node with the shortest processing and transfer time, all states of the job going both ways.
    ProcNet,
}

impl AllocPolicy {
    /// All of them, in StateSim's order.
    pub const ALL: [Self; 2] = [Self::ProcOnly, Self::ProcNet];

    /// StateSim's name, as in file names and on its command line.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::ProcOnly => "ProcOnly",
            Self::ProcNet => "ProcNet",
        }
    }

    /// The name of this placement policy elsewhere in Fogline.
    #[must_use]
    pub fn policy(self) -> &'static str {
        match self {
            Self::ProcOnly => "load",
            Self::ProcNet => "load-net",
        }
    }
}

impl fmt::Display for AllocPolicy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for AllocPolicy {
    type Err = UnknownPolicy;

    fn from_str(name: &str) -> Result<Self, UnknownPolicy> {
        Self::ALL
            .into_iter()
            .find(|policy| policy.name() == name)
            .ok_or_else(|| UnknownPolicy {
                kind: "allocation",
                name: name.to_owned(),
            })
    }
}

/// How an allocated job is executed, in StateSim's order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ExecPolicy {
    /// The client calls each function, with all states of the job.
    PureFaaS,
    /// Functions call each other, with all states of the job.
    StatePropagate,
    /// Functions call each other; each fetches the states that it needs from where they were last used.
    StateLocal,
    /// The client calls each function; states are in the cloud.
    UnchainedExternal,
    /// The client calls each function; states are in the central node.
    UnchainedInEdge,
    /// The client calls each function; states are where the function runs.
    UnchainedInFunction,
    /// The client calls each function, with the states that the function needs.
    UnchainedInClient,
}

impl ExecPolicy {
    /// All of them, in StateSim's order.
    pub const ALL: [Self; 7] = [
        Self::PureFaaS,
        Self::StatePropagate,
        Self::StateLocal,
        Self::UnchainedExternal,
        Self::UnchainedInEdge,
        Self::UnchainedInFunction,
        Self::UnchainedInClient,
    ];

    /// The four of the paper.
    pub const PAPER: [Self; 4] = [
        Self::UnchainedExternal,
        Self::UnchainedInEdge,
        Self::UnchainedInFunction,
        Self::UnchainedInClient,
    ];

    /// StateSim's name, as in file names and on its command line.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::PureFaaS => "PureFaaS",
            Self::StatePropagate => "StatePropagate",
            Self::StateLocal => "StateLocal",
            Self::UnchainedExternal => "UnchainedExternal",
            Self::UnchainedInEdge => "UnchainedInEdge",
            Self::UnchainedInFunction => "UnchainedInFunction",
            Self::UnchainedInClient => "UnchainedInClient",
        }
    }

    /// The execution model that it stands for.
    #[must_use]
    pub fn model(self) -> ExecutionModel {
        match self {
            Self::PureFaaS => ExecutionModel::PureFaas,
            Self::StatePropagate => ExecutionModel::StatePropagate,
            Self::StateLocal => ExecutionModel::StateLocal,
            Self::UnchainedExternal => ExecutionModel::External,
            Self::UnchainedInEdge => ExecutionModel::InEdge,
            Self::UnchainedInFunction => ExecutionModel::InFunction,
            Self::UnchainedInClient => ExecutionModel::InClient,
        }
    }
}

impl fmt::Display for ExecPolicy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for ExecPolicy {
    type Err = UnknownPolicy;

    fn from_str(name: &str) -> Result<Self, UnknownPolicy> {
        Self::ALL
            .into_iter()
            .find(|policy| policy.name() == name)
            .ok_or_else(|| UnknownPolicy {
                kind: "execution",
                name: name.to_owned(),
            })
    }
}

/// A policy that StateSim does not have.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("invalid {kind} policy \"{name}\"")]
pub struct UnknownPolicy {
    kind: &'static str,
    name: String,
}

/// Why network, trace and options cannot be simulated.
#[derive(Clone, Debug, PartialEq, Error)]
pub enum Unfit {
    /// An option without meaning.
    #[error("{option} is {value}, expected {expected}")]
    Option {
        /// Which, as on the command line.
        option: &'static str,
        /// Its value.
        value: f64,
        /// What is allowed.
        expected: &'static str,
    },
    /// StateSim knows four models of node.
    #[error("node \"{node}\" is a \"{model}\", expected one of server, rpi3b+, nuci5, nvidia_jetson_tx2")]
    Model {
        /// The node.
        node: String,
        /// Its model.
        model: String,
    },
    /// A capacity that is 0 in StateSim's floats.
    #[error("the capacity of link \"{link}\" is too small")]
    Capacity {
        /// The link.
        link: String,
    },
    /// No node may be a client.
    #[error("the network has no client (rpi3b+ or nvidia_jetson_tx2)")]
    NoClient,
    /// A task without CPU or memory figures.
    #[error("task {task} of job \"{job}\" tells neither or only one of CPU and memory")]
    NoFigures {
        /// The job.
        job: String,
        /// The task.
        task: u32,
    },
    /// No job of the trace has a task with a parent outside the chain.
    #[error("no job of the trace has a state")]
    EmptyPool,
    /// A function that no node may run.
    #[error("no node may run function number {function} of {functions}")]
    NoAffinity {
        /// Its position in the order of names.
        function: u64,
        /// How many there are.
        functions: u64,
    },
}
