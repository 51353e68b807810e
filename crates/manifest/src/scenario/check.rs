//! What a scenario file must hold beyond its types.

use std::collections::BTreeSet;

use fogline_core::model::BadInput;

use super::file::{Generate, Mode, NetworkSection, Scenario, Table};
use crate::source::Source;

/// The page that describes scenario files.
const MANUAL: &str = "docs/src/scenarios.md";

impl Scenario {
    /// Reads and checks a scenario.
    ///
    /// # Errors
    /// At the first thing that is not as expected.
    pub fn parse(source: &Source) -> Result<Self, BadInput> {
        let scenario: Self = source.parse(MANUAL)?;
        Checks {
            source,
            scenario: &scenario,
        }
        .all()?;
        Ok(scenario)
    }
}

struct Checks<'a> {
    source: &'a Source,
    scenario: &'a Scenario,
}

impl Checks<'_> {
    fn all(&self) -> Result<(), BadInput> {
        self.networks()?;
        self.numbers()?;
        self.workload()?;
        self.run()
    }

    fn networks(&self) -> Result<(), BadInput> {
        let mut names = BTreeSet::new();
        self.require(
            !self.scenario.networks.is_empty(),
            "networks",
            "no network",
            "add a [[networks]] section",
        )?;
        for network in &self.scenario.networks {
            self.require(
                names.insert(&network.name),
                &network.name,
                &format!("the network \"{}\" is there twice", network.name),
                "give each network a name of its own",
            )?;
            self.network(network)?;
        }
        Ok(())
    }

    fn network(&self, network: &NetworkSection) -> Result<(), BadInput> {
        let name = &network.name;
        self.require(
            network.generate.is_some() != network.file.is_some(),
            name,
            &format!("the network \"{name}\" needs either generate or file"),
            "write generate = \"industrial-iot\" or file = \"my-network.toml\"",
        )?;
        let fits = match network.generate {
            Some(Generate::IndustrialIot) => network.densities.is_none() && network.cells.is_none(),
            Some(Generate::UrbanSensing) => {
                network.premises.is_none() && !(network.densities.is_some() && network.cells.is_some())
            }
            Some(Generate::CloudRegions) => network.premises.is_none() && network.densities.is_none(),
            None => network.premises.is_none() && network.densities.is_none() && network.cells.is_none(),
        };
        self.require(
            fits,
            name,
            &format!("the network \"{name}\" has a key that its kind does not take"),
            "premises belongs to industrial-iot, densities or cells to urban-sensing, cells to cloud-regions",
        )
    }

    fn numbers(&self) -> Result<(), BadInput> {
        let Scenario {
            cloud,
            workload,
            statistics,
            ..
        } = self.scenario;
        for (key, value) in [
            ("rtt-ms", cloud.rtt_ms),
            ("rate-mbps", cloud.rate_mbps),
            ("operations-factor", workload.operations_factor),
            ("argument-factor", workload.argument_factor),
            ("state-factor", workload.state_factor),
        ] {
            let fits = value.is_finite() && value >= 0.0 && (value > 0.0 || key != "rate-mbps");
            self.require(
                fits,
                key,
                &format!("{key} is {value}, expected a positive number"),
                "correct the number",
            )?;
        }
        let within = |value: f64| value > 0.0 && value < 1.0;
        self.require(
            within(statistics.confidence),
            "confidence",
            &format!(
                "confidence is {}, expected a number between 0 and 1",
                statistics.confidence
            ),
            "0.95 is usual",
        )?;
        self.require(
            statistics.until_relative_error.is_none_or(within),
            "until-relative-error",
            "until-relative-error is not between 0 and 1",
            "0.01 stands for 1 %",
        )
    }

    fn workload(&self) -> Result<(), BadInput> {
        let workload = &self.scenario.workload;
        self.require(
            workload.trace.is_some() || workload.generated.is_some(),
            "workload",
            "the workload has neither trace nor generated",
            "write trace = \"batch_task.csv\", or generated = { jobs = 16749 }",
        )?;
        self.require(
            !workload.jobs.is_empty() && !workload.jobs.contains(&0),
            "jobs",
            "jobs has no load, or a load of zero jobs",
            "write one or more positive numbers, as jobs = [100, 500]",
        )?;
        let loads: BTreeSet<_> = workload.jobs.iter().collect();
        self.require(
            loads.len() == workload.jobs.len(),
            "jobs",
            "a load is there twice",
            "keep it once",
        )?;
        self.require(
            workload.generated.is_none_or(|generated| generated.jobs > 0),
            "generated",
            "a generated trace of zero jobs",
            "write a positive number of jobs",
        )?;
        let names: BTreeSet<_> = workload.functions.iter().map(|function| &function.name).collect();
        self.require(
            !workload.functions.is_empty() && names.len() == workload.functions.len(),
            "functions",
            "there is no function, or two have one name",
            "give each function a name of its own, or leave functions out for the ten of the paper",
        )
    }

    fn run(&self) -> Result<(), BadInput> {
        let run = &self.scenario.run;
        for (key, empty) in [
            ("modes", run.modes.is_empty()),
            ("models", run.models.is_empty()),
            ("policies", run.policies.is_empty()),
        ] {
            self.require(
                !empty,
                key,
                &format!("{key} is empty"),
                "name at least one, or leave the key out",
            )?;
        }
        for (key, value) in [("replications", run.replications), ("topologies", run.topologies)] {
            self.require(value > 0, key, &format!("{key} is 0"), "write a positive number")?;
        }
        let sizes = [run.modes.len(), run.models.len(), run.policies.len()];
        let distinct = [
            run.modes.iter().collect::<BTreeSet<_>>().len(),
            run.models.iter().collect::<BTreeSet<_>>().len(),
            run.policies.iter().collect::<BTreeSet<_>>().len(),
        ];
        self.require(
            sizes == distinct,
            "run",
            "a mode, model or policy is there twice",
            "keep it once",
        )?;
        self.require(
            !run.modes.contains(&Mode::Compat) || !self.scenario.output.tables.contains(&Table::Tasks),
            "tables",
            "compat mode has no table of tasks: its samples are per job",
            "leave tasks out, or run the corrected mode alone",
        )
    }

    /// Where a key is set, at the start of a line if it is anywhere; or else where the word stands.
    fn place(&self, key: &str) -> Option<usize> {
        let text = &self.source.text;
        let sets = |line: &str| {
            line.strip_prefix(key)
                .is_some_and(|rest| rest.trim_start().starts_with('='))
        };
        let mut start = 0;
        for line in text.split_inclusive('\n') {
            let indent = line.len() - line.trim_start().len();
            if sets(line.trim_start()) {
                return Some(start + indent);
            }
            start += line.len();
        }
        text.find(key)
    }

    /// Refuses the file at the first place where `key` stands, unless a condition holds.
    fn require(&self, holds: bool, key: &str, problem: &str, hint: &str) -> Result<(), BadInput> {
        if holds {
            return Ok(());
        }
        Err(match self.place(key) {
            Some(at) => self.source.fault(at, problem, hint),
            None => BadInput::whole(&self.source.name, problem, hint),
        })
    }
}
