//! Picking one network, load, policy and model out of a scenario.

use std::path::PathBuf;

use fogline_core::model::ExecutionModel;
use fogline_manifest::scenario::PolicyName;
use fogline_sim::study::Study;

use crate::command::reproduce;
use crate::failure::Failure;
use crate::study::{Overrides, Request};

/// Which scenario is looked into, and with what changes.
#[derive(clap::Args)]
pub(crate) struct Scenario {
    /// The scenario [default: the paper's]
    #[arg(value_name = "SCENARIO")]
    scenario: Option<PathBuf>,
    #[command(flatten)]
    overrides: Overrides,
}

impl Scenario {
    /// Reads it.
    pub(crate) fn request(self) -> Result<Request, Failure> {
        match self.scenario {
            Some(file) => self.overrides.read(&file, PathBuf::new()),
            None => reproduce::request(self.overrides, PathBuf::new()),
        }
    }

    /// Reads it and its inputs.
    pub(crate) fn study(self) -> Result<Study, Failure> {
        let request = self.request()?;
        Ok(Study::load(
            request.scenario,
            &request.base,
            request.tasks.as_deref(),
        )?)
    }
}

/// What is looked at.
#[derive(clap::Args)]
pub(crate) struct Pick {
    /// Network [default: the scenario's first]
    #[arg(long, value_name = "NAME")]
    network: Option<String>,
    /// Draw of the network
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(crate) topology: u32,
    /// Jobs in the replication [default: the scenario's highest load]
    #[arg(long, value_name = "JOBS", value_parser = clap::value_parser!(u32).range(1..))]
    load: Option<u32>,
    /// Seed of the replication [default: the scenario's first]
    #[arg(long, value_name = "SEED")]
    seed: Option<u64>,
}

impl Pick {
    /// Position of the network.
    pub(crate) fn network(&self, study: &Study) -> Result<usize, Failure> {
        let Some(name) = &self.network else { return Ok(0) };
        let networks = &study.scenario.networks;
        networks
            .iter()
            .position(|network| network.name == *name)
            .ok_or_else(|| {
                let all: Vec<_> = networks.iter().map(|network| network.name.as_str()).collect();
                Failure::usage(
                    format!("the scenario has no network \"{name}\""),
                    format!("it has {}", all.join(", ")),
                )
            })
    }

    /// The load.
    pub(crate) fn load(&self, study: &Study) -> u32 {
        self.load
            .or_else(|| study.scenario.workload.jobs.iter().copied().max())
            .unwrap_or(1)
    }

    /// The seed.
    pub(crate) fn seed(&self, study: &Study) -> u64 {
        self.seed.unwrap_or(study.scenario.run.first_seed)
    }
}

/// The policy of this name, for clap.
pub(crate) fn policy(name: &str) -> Result<PolicyName, String> {
    let known = PolicyName::ALL.into_iter();
    let found = known.clone().find(|policy| policy.placement().name() == name);
    found.ok_or_else(|| {
        let all: Vec<_> = known.map(|policy| policy.placement().name()).collect();
        format!("expected one of {}", all.join(", "))
    })
}

/// The model of this name, for clap.
pub(crate) fn model(name: &str) -> Result<ExecutionModel, String> {
    name.parse()
}
