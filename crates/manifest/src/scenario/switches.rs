//! The switches: every respect in which the reference simulator deviates from what it describes, or from what
//! the platform does. The default of each is corrected.

use fogline_core::cost::{Access, InFunction, StateAccess};
use fogline_core::network::Transfer;
use fogline_core::policy::CountedStates;
use serde::{Deserialize, Serialize};
use thiserror::Error;

/// A choice with two values, the corrected one first.
macro_rules! switch {
    ($(#[$doc:meta])* $name:ident { $(#[$corrected_doc:meta])* $corrected:ident, $($(#[$other_doc:meta])* $other:ident),+ }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
        #[serde(rename_all = "kebab-case")]
        pub enum $name {
            $(#[$corrected_doc])*
            #[default]
            $corrected,
            $($(#[$other_doc])* $other),+
        }
    };
}

switch!(
    /// What a node's speed is.
    Speeds {
        /// Measured per device and class of function, CPU millis where nothing was measured.
        Measured,
        /// CPU millis, for all functions.
        CpuMillis,
        /// The bytes of its memory, as op/s: the mix-up behind all figures of the paper (F1).
        Memory
    }
);
switch!(
    /// Which nodes run functions.
    WorkerChoice {
        /// Workers that are no clients.
        Edge,
        /// Client devices too (deviation 2).
        All
    }
);
switch!(
    /// How traffic to the cloud is counted.
    ExternalTraffic {
        /// As all other traffic: the cloud is a place in the network, and each link on the way counts.
        PerLink,
        /// Once, and without the links of the edge on the way (deviation 4).
        Once
    }
);
switch!(
    /// Whether crossing an edge of the network takes time.
    Latencies {
        /// As the network says.
        Links,
        /// No (deviation 5). The cloud's round trip stays.
        None
    }
);
switch!(
    /// Whose capacities a transfer is charged with.
    Paths {
        /// Those on its way.
        Forward,
        /// Those on the way back (deviation 8, F2).
        Reversed
    }
);
switch!(
    /// How many jobs a replication has.
    JobCount {
        /// As many as the load says.
        Exact,
        /// A random number with that mean: each job of the pool is tossed for (deviation 12).
        Bernoulli
    }
);
switch!(
    /// Where random numbers come from.
    RandomNumbers {
        /// A counter-based generator, keyed by seed, replication, entity and purpose.
        Counter,
        /// A multiplicative congruential generator; seeds 1, 2, … give scaled copies of one stream
        /// (deviation 11).
        Lcg
    }
);
switch!(
    /// What a job of the trace becomes.
    WorkflowShape {
        /// Its DAG, with fork and join.
        Dag,
        /// The descendants of its first task, one after the other by id (deviation 7).
        Descendants
    }
);
switch!(
    /// With whom an invocation shares its worker's processor.
    Sharing {
        /// The invocations of other jobs: the steps of one job run one after the other.
        OtherJobs,
        /// All, those of its own job too (deviation 6).
        All
    }
);
switch!(
    /// Where the in-edge store is.
    RepositoryChoice {
        /// At the worker that is nearest to the farthest other; ties by the mean over the others.
        Central,
        /// As central, but ties by name, and clients may keep it (deviation 9).
        FirstCentral,
        /// At the worker nearest to the client: a home of its own for each session.
        Home
    }
);
switch!(
    /// Which workers may run a function.
    Affinity {
        /// Those that have what the function requires.
        Required,
        /// The functions are dealt out to CPU and GPU nodes in proportion to their speeds, and run only
        /// there (deviation 10).
        SpeedShare
    }
);

/// All switches.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", default, deny_unknown_fields)]
pub struct Switches {
    /// What a node's speed is.
    pub speeds: Speeds,
    /// Which nodes run functions.
    pub workers: WorkerChoice,
    /// Which workers may run a function.
    pub affinity: Affinity,
    /// Who talks to the store under external and in-edge.
    pub state_access: StateAccess,
    /// How traffic to the cloud is counted.
    pub external_traffic: ExternalTraffic,
    /// Round trips to the store.
    pub access: Access,
    /// How messages cross several links.
    pub transfer: Transfer,
    /// Whether crossing an edge of the network takes time.
    pub latencies: Latencies,
    /// Whose capacities a transfer is charged with.
    pub paths: Paths,
    /// Which states `load-net` takes into account.
    pub counted_states: CountedStates,
    /// What happens when two workers need one state under in-function.
    pub in_function: InFunction,
    /// Where the in-edge store is.
    pub repository: RepositoryChoice,
    /// With whom an invocation shares its worker's processor.
    pub sharing: Sharing,
    /// What a job of the trace becomes.
    pub workflow: WorkflowShape,
    /// How many jobs a replication has.
    pub job_count: JobCount,
    /// Where random numbers come from.
    pub random: RandomNumbers,
}

/// A switch or a value that does not exist.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{0}")]
pub struct UnknownSwitch(String);

impl Switches {
    /// As the reference simulator has them.
    pub const REFERENCE: Self = Self {
        speeds: Speeds::Memory,
        workers: WorkerChoice::All,
        affinity: Affinity::SpeedShare,
        state_access: StateAccess::Client,
        external_traffic: ExternalTraffic::Once,
        access: Access::Paper,
        transfer: Transfer::StoreAndForward,
        latencies: Latencies::None,
        paths: Paths::Reversed,
        counted_states: CountedStates::All,
        in_function: InFunction::Pinned,
        repository: RepositoryChoice::FirstCentral,
        sharing: Sharing::All,
        workflow: WorkflowShape::Descendants,
        job_count: JobCount::Bernoulli,
        random: RandomNumbers::Lcg,
    };

    /// The name and the value of each, in the order in which they are declared.
    #[must_use]
    pub fn values(&self) -> Vec<(String, String)> {
        let text = toml::to_string(self).unwrap_or_default();
        text.lines()
            .filter_map(|line| line.split_once(" = "))
            .map(|(name, value)| (name.to_owned(), value.trim_matches('"').to_owned()))
            .collect()
    }

    /// The same, but for one of them.
    ///
    /// # Errors
    /// When there is no such switch, or it has no such value.
    pub fn with(&self, name: &str, value: &str) -> Result<Self, UnknownSwitch> {
        let mut values = self.values();
        let known: Vec<_> = values.iter().map(|(name, _)| name.clone()).collect();
        let slot = values
            .iter_mut()
            .find(|(known, _)| known == name)
            .ok_or_else(|| {
                UnknownSwitch(format!(
                    "unknown switch \"{name}\", expected one of {}",
                    known.join(", ")
                ))
            })?;
        value.clone_into(&mut slot.1);
        let text: String = values
            .iter()
            .map(|(name, value)| format!("{name} = {value:?}\n"))
            .collect();
        toml::from_str(&text)
            .map_err(|error| UnknownSwitch(format!("switch \"{name}\": {}", error.message())))
    }
}
