//! What is asked for: a scenario, and what the command line changes in it.

use std::path::{Path, PathBuf};

use fogline_core::model::BadInput;
use fogline_manifest::Source;
use fogline_manifest::scenario::Scenario;
use fogline_sim::study::Shard;

use crate::failure::Failure;

/// A run of a scenario.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    /// The scenario, with all changes.
    pub(crate) scenario: Scenario,
    /// The folder that its paths are relative to.
    pub(crate) base: PathBuf,
    /// The trace that takes the place of the scenario's.
    pub(crate) tasks: Option<PathBuf>,
    /// Which part of the units is run.
    pub(crate) shard: Option<Shard>,
    /// Where results go.
    pub(crate) out: PathBuf,
    /// The command, as it was typed.
    pub(crate) command: String,
}

/// What the command line changes in a scenario.
#[derive(Clone, Debug, Default, clap::Args)]
pub(crate) struct Overrides {
    /// Take the jobs from this trace (Spår, Alibaba 2018, Azure 2019 or 2021) instead of the scenario's
    #[arg(long, value_name = "FILE")]
    tasks: Option<PathBuf>,
    /// Run so many replications of each topology
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    replications: Option<u32>,
    /// Draw so many networks of each generated one
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    topologies: Option<u32>,
    /// Let dispatchers see loads only every so many placements; 0 shows every load at once
    #[arg(long, value_name = "N")]
    staleness: Option<u32>,
    /// Add replications until every mean is known to within this error, as 1% or 0.01
    #[arg(long, value_name = "ERROR", value_parser = share)]
    until_relative_error: Option<f64>,
    /// Set a switch of the scenario, as transfer=store-and-forward; may be repeated
    #[arg(long = "set", value_name = "SWITCH=VALUE", value_parser = assignment)]
    switches: Vec<(String, String)>,
}

/// A share, as `1%` or `0.01`.
fn share(text: &str) -> Result<f64, String> {
    let (number, unit) = text
        .strip_suffix('%')
        .map_or((text, 1.0), |number| (number, 0.01));
    match number.trim().parse::<f64>() {
        Ok(number) if number * unit > 0.0 && number * unit < 1.0 => Ok(number * unit),
        _ => Err("expected a share between 0 and 1, as 1% or 0.01".to_owned()),
    }
}

fn assignment(text: &str) -> Result<(String, String), String> {
    let (name, value) = text
        .split_once('=')
        .ok_or("expected SWITCH=VALUE, as transfer=store-and-forward")?;
    Ok((name.trim().to_owned(), value.trim().to_owned()))
}

impl Overrides {
    /// The scenario of a file, with these changes.
    pub(crate) fn read(self, file: &Path, out: PathBuf) -> Result<Request, Failure> {
        let source = Source::read(file)?;
        let base = file.parent().unwrap_or(Path::new("")).to_owned();
        self.apply(&source, base, out)
    }

    /// The scenario of a text, with these changes.
    pub(crate) fn apply(self, source: &Source, base: PathBuf, out: PathBuf) -> Result<Request, Failure> {
        let mut scenario = Scenario::parse(source)?;
        if let Some(replications) = self.replications {
            scenario.run.replications = replications;
        }
        if let Some(topologies) = self.topologies {
            scenario.run.topologies = topologies;
        }
        if let Some(staleness) = self.staleness {
            scenario.run.staleness = staleness;
        }
        if self.until_relative_error.is_some() {
            scenario.statistics.until_relative_error = self.until_relative_error;
        }
        for (name, value) in &self.switches {
            scenario.switches = scenario.switches.with(name, value).map_err(|error| {
                Failure::usage(
                    format!("--set {name}={value}: {error}"),
                    "docs/src/scenarios.md explains the switches",
                )
            })?;
        }
        if scenario.statistics.until_relative_error.is_some() && scenario.run.topologies > 1 {
            return Err(Failure::usage(
                "until-relative-error cannot be combined with several topologies: more seeds do not tell more about other networks",
                "fix the number of replications and raise topologies until the intervals are narrow enough",
            ));
        }
        let command = std::env::args().collect::<Vec<_>>().join(" ");
        Ok(Request {
            scenario,
            base,
            tasks: self.tasks,
            shard: None,
            out,
            command,
        })
    }
}

impl Request {
    /// Limits the run to one shard.
    pub(crate) fn with_shard(mut self, shard: Option<Shard>) -> Result<Self, Failure> {
        if shard.is_some() && self.scenario.statistics.until_relative_error.is_some() {
            return Err(Failure::usage(
                "--shard cannot be combined with until-relative-error: a shard does not see enough to know when to stop",
                "fix the number of replications with --replications",
            ));
        }
        let tables = &self.scenario.output.tables;
        if shard.is_some()
            && tables
                .iter()
                .any(|table| *table != fogline_manifest::scenario::Table::Seeds)
        {
            return Err(Failure::Input(BadInput::whole(
                "command line",
                "--shard writes the table of seeds only, and the scenario asks for others",
                "set tables = [\"seeds\"] in [output]",
            )));
        }
        self.shard = shard;
        Ok(self)
    }
}
