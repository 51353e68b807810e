//! The sections of a scenario file. They are its manual: each key with its meaning, unit and default.

use std::path::PathBuf;

use fogline_core::model::{ExecutionModel, FunctionClass};
use fogline_core::policy::Placement;
use serde::{Deserialize, Serialize};

use super::switches::Switches;

/// A scenario file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Scenario {
    /// Name of the study, for titles and files.
    pub name: String,
    /// The networks, each compared apart.
    pub networks: Vec<NetworkSection>,
    /// What lies behind the slow link.
    #[serde(default)]
    pub cloud: CloudSection,
    /// The jobs.
    pub workload: WorkloadSection,
    /// What is run.
    #[serde(default)]
    pub run: RunSection,
    /// How the simulation is done; the default of each is corrected. Not used in compat mode.
    #[serde(default)]
    pub switches: Switches,
    /// How results are reduced.
    #[serde(default)]
    pub statistics: StatisticsSection,
    /// What is written.
    #[serde(default)]
    pub output: OutputSection,
}

/// A network: generated, or read from a file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct NetworkSection {
    /// Name in figures and tables.
    pub name: String,
    /// The scenario to generate it from. Either this or `file`.
    pub generate: Option<Generate>,
    /// A network in the native format (`.toml`, `.json`), GraphML (`.graphml`) or StateSim's (`PREFIX.nodes`),
    /// relative to the scenario file.
    pub file: Option<PathBuf>,
    /// Of `industrial-iot`: how many premises. Default: 4.
    pub premises: Option<u32>,
    /// Of `urban-sensing`: the boxes in each neighbourhood. Default: the published 6, 3, 4, 8, 6.
    pub densities: Option<Vec<u32>>,
    /// Of `urban-sensing`: how many neighbourhoods, with densities drawn. Of `cloud-regions`: how many regions.
    pub cells: Option<u32>,
}

/// The scenarios that networks are generated from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Generate {
    /// Premises with sensors, a computing box and racks of servers.
    IndustrialIot,
    /// Neighbourhoods with sensors and computing boxes, and a cloudlet.
    UrbanSensing,
    /// Data centres.
    CloudRegions,
}

/// What lies behind the slow link.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", default, deny_unknown_fields)]
pub struct CloudSection {
    /// Round-trip time between the edge's Internet exchange and the cloud, in ms. Default: 120, the paper's.
    pub rtt_ms: f64,
    /// Capacity each way, in Mb/s. Default: 50, the paper's.
    pub rate_mbps: f64,
    /// The vertices of the network that lead to the cloud. Default: all whose name begins with `internet`.
    pub attached_to: Vec<String>,
}

impl Default for CloudSection {
    fn default() -> Self {
        Self {
            rtt_ms: 120.0,
            rate_mbps: 50.0,
            attached_to: Vec::new(),
        }
    }
}

/// The jobs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct WorkloadSection {
    /// A trace in any format that is understood, relative to the scenario file.
    pub trace: Option<PathBuf>,
    /// A trace that is made, where there is no `trace` or its file is missing.
    pub generated: Option<GeneratedTrace>,
    /// Jobs in one replication; each number is a load of its own.
    pub jobs: Vec<u32>,
    /// Operations per CPU second of the trace. Default: 1e5, the paper's.
    #[serde(default = "default_operations")]
    pub operations_factor: f64,
    /// Bytes of argument per percent of memory in the trace. Default: 1e6, the paper's.
    #[serde(default = "default_bytes")]
    pub argument_factor: f64,
    /// Bytes of state per percent of memory in the trace. Default: 1e6, the paper's.
    #[serde(default = "default_bytes")]
    pub state_factor: f64,
    /// The functions; each task of the trace is an invocation of one of them, drawn once. Default: ten, over
    /// the measured classes.
    #[serde(default = "default_functions")]
    pub functions: Vec<FunctionSection>,
}

fn default_operations() -> f64 {
    1e5
}

fn default_bytes() -> f64 {
    1e6
}

/// The paper has ten functions and one speed per node; here they are dealt out over the classes that have been
/// measured.
fn default_functions() -> Vec<FunctionSection> {
    (0..10)
        .map(|index| FunctionSection {
            name: format!("f{index}"),
            class: FunctionClass::ALL[1 + index % (FunctionClass::ALL.len() - 1)],
            requires: None,
        })
        .collect()
}

/// A function.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct FunctionSection {
    /// Its name.
    pub name: String,
    /// What dominates its execution: decides how fast each device runs it.
    pub class: FunctionClass,
    /// A capability that its worker must have, as `gpu`. Default: none.
    pub requires: Option<String>,
}

/// A trace from our own generator.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct GeneratedTrace {
    /// Jobs in the trace, those without state too (about seven of ten).
    pub jobs: u32,
    /// Its seed.
    #[serde(default)]
    pub seed: u64,
}

/// What is run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", default, deny_unknown_fields)]
pub struct RunSection {
    /// `corrected`, `compat` (StateSim v1.1.1, sample for sample), or both. Default: corrected.
    pub modes: Vec<Mode>,
    /// Execution models. Default: the paper's four.
    pub models: Vec<ExecutionModel>,
    /// Placement policies. Default: load, load-net, model-aware; compat mode has the first two.
    pub policies: Vec<PolicyName>,
    /// Replications of each topology. Default: 20.
    pub replications: u32,
    /// Seed of the first replication; the others count up. Default: 1.
    pub first_seed: u64,
    /// How many networks are drawn of each generated one. Default: 1, the published one.
    pub topologies: u32,
    /// How many invocations are placed between two refreshes of the loads that dispatchers see; each knows besides what
    /// it has placed itself. Not used in compat mode. Default: 0, every load is seen at once.
    #[serde(skip_serializing_if = "is_zero")]
    pub staleness: u32,
}

/// What is not asked for is not written, so that the manifest of a run is as it was before there was staleness.
#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_zero(number: &u32) -> bool {
    *number == 0
}

impl Default for RunSection {
    fn default() -> Self {
        Self {
            modes: vec![Mode::Corrected],
            models: ExecutionModel::PAPER.to_vec(),
            policies: PolicyName::DEFAULT.to_vec(),
            replications: 20,
            first_seed: 1,
            topologies: 1,
            staleness: 0,
        }
    }
}

/// How faithful a run is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Mode {
    /// `StateSim` v1.1.1, sample for sample.
    Compat,
    /// With the switches of the scenario.
    Corrected,
}

impl Mode {
    /// The name in files.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Compat => "compat",
            Self::Corrected => "corrected",
        }
    }
}

/// The placement policies: those of applications, but for least-impedance, as nothing is measured here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PolicyName {
    /// Processing time alone.
    Load,
    /// Processing time and transfers, whatever the model.
    LoadNet,
    /// Processing time and the transfers of the model in force.
    ModelAware,
    /// The better of two that are drawn.
    PowerOfTwoChoices,
    /// One after the other.
    RoundRobin,
    /// The worker nearest to the client, until it has much to do; then as load-net.
    LocalFirst,
    /// Drawn, the more likely the lower the score.
    WeightedRandom,
}

impl PolicyName {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::Load,
        Self::LoadNet,
        Self::ModelAware,
        Self::PowerOfTwoChoices,
        Self::RoundRobin,
        Self::LocalFirst,
        Self::WeightedRandom,
    ];

    /// Those that are compared unless a scenario names others.
    pub const DEFAULT: [Self; 3] = [Self::Load, Self::LoadNet, Self::ModelAware];

    /// The policy.
    #[must_use]
    pub fn placement(self) -> Placement {
        match self {
            Self::Load => Placement::Load,
            Self::LoadNet => Placement::LoadNet,
            Self::ModelAware => Placement::ModelAware,
            Self::PowerOfTwoChoices => Placement::PowerOfTwoChoices,
            Self::RoundRobin => Placement::RoundRobin,
            Self::LocalFirst => Placement::LocalFirst,
            Self::WeightedRandom => Placement::WeightedRandom,
        }
    }
}

/// How results are reduced.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", default, deny_unknown_fields)]
pub struct StatisticsSection {
    /// Confidence of all intervals. Default: 0.95.
    pub confidence: f64,
    /// Add replications until the half-width of every mean latency and mean traffic is at most this part of
    /// the mean, as 0.01. Default: `replications` are run, whatever comes out.
    pub until_relative_error: Option<f64>,
}

impl Default for StatisticsSection {
    fn default() -> Self {
        Self {
            confidence: 0.95,
            until_relative_error: None,
        }
    }
}

/// What is written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", default, deny_unknown_fields)]
pub struct OutputSection {
    /// Which tables. Default: seeds.
    pub tables: Vec<Table>,
    /// In which formats. Default: Parquet.
    pub formats: Vec<TableFormat>,
    /// Whether figures are drawn and a report is written. Default: true.
    pub report: bool,
}

impl Default for OutputSection {
    fn default() -> Self {
        Self {
            tables: vec![Table::Seeds],
            formats: vec![TableFormat::Parquet],
            report: true,
        }
    }
}

/// The tables.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Table {
    /// A row per replication.
    Seeds,
    /// A row per job.
    Jobs,
    /// A row per step. Not in compat mode, whose samples are per job.
    Tasks,
    /// A row per node: its load at the end.
    Nodes,
}

/// The formats of tables.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TableFormat {
    /// Apache Parquet.
    Parquet,
    /// Comma-separated values.
    Csv,
}
