//! The scenario file: network, workload, models, policies, statistics and outputs of one study.

mod check;
mod file;
mod switches;

pub use file::{
    CloudSection, FunctionSection, Generate, GeneratedTrace, Mode, NetworkSection, OutputSection, PolicyName,
    RunSection, Scenario, StatisticsSection, Table, TableFormat, WorkloadSection,
};
pub use switches::{
    Affinity, ExternalTraffic, JobCount, Latencies, Paths, RandomNumbers, RepositoryChoice, Sharing, Speeds,
    Switches, UnknownSwitch, WorkerChoice, WorkflowShape,
};
