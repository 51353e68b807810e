//! What a study reads.

use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use fogline_core::model::BadInput;
use fogline_core::network::{Network, NetworkError};
use fogline_manifest::scenario::{Generate, NetworkSection, Scenario, Switches};
use fogline_workload::network::ether::{
    CloudRegions, Densities, Draw, IndustrialIot, Scenario as Ether, UrbanSensing,
};
use fogline_workload::network::{Format, read, statesim_paths};
use fogline_workload::trace::generate::{GeneratorParams, Length, generate};
use fogline_workload::trace::{self, Trace};

use crate::engine::Pool;

/// Where the jobs come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// A file.
    File(PathBuf),
    /// Our own generator.
    Generated {
        /// Jobs in it.
        jobs: u32,
        /// Its seed.
        seed: u64,
        /// The file that would have been used, were it there.
        instead_of: Option<PathBuf>,
    },
}

impl std::fmt::Display for Origin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::File(path) => write!(f, "the trace {}", path.display()),
            Self::Generated {
                jobs,
                seed,
                instead_of,
            } => {
                write!(f, "a generated trace of {jobs} jobs, seed {seed}")?;
                match instead_of {
                    Some(path) => write!(f, " ({} is not there)", path.display()),
                    None => Ok(()),
                }
            }
        }
    }
}

/// A scenario with its trace.
#[derive(Clone, Debug)]
pub struct Study {
    /// What is to be done.
    pub scenario: Scenario,
    /// The jobs.
    pub trace: Arc<Trace>,
    /// Where they come from.
    pub origin: Origin,
    /// The same jobs as workflows.
    pub pool: Arc<Pool>,
    base: PathBuf,
}

impl Study {
    /// Reads what a scenario names; paths in it are relative to `base`, the folder of its file. `tasks` takes the
    /// place of the scenario's trace.
    ///
    /// # Errors
    /// When the trace cannot be read, or has no job with state.
    pub fn load(scenario: Scenario, base: &Path, tasks: Option<&Path>) -> Result<Self, BadInput> {
        let named = scenario.workload.trace.as_ref().map(|path| join(base, path));
        let (origin, trace) = match (tasks, &named, scenario.workload.generated) {
            (Some(tasks), ..) => (Origin::File(tasks.to_owned()), trace::read(tasks)?.1),
            (None, Some(path), generated) if generated.is_none() || path.exists() => {
                (Origin::File(path.clone()), trace::read(path)?.1)
            }
            (None, _, Some(generated)) => {
                let params = GeneratorParams {
                    seed: generated.seed,
                    replication: 0,
                    length: Length::Jobs(generated.jobs.into()),
                };
                let origin = Origin::Generated {
                    jobs: generated.jobs,
                    seed: generated.seed,
                    instead_of: named,
                };
                (origin, generate(&params))
            }
            (None, ..) => {
                return Err(BadInput::whole(
                    "scenario",
                    "it names no workload",
                    "add trace or generated",
                ));
            }
        };
        let (trace, base) = (Arc::new(trace), base.to_owned());
        let pool = Arc::new(pool(&scenario, &trace));
        if pool.jobs.is_empty() {
            return Err(BadInput::whole(
                origin.to_string(),
                "no job has a state: there is nothing to compare",
                "use a trace whose jobs have dependencies, as Spår's or Alibaba's",
            ));
        }
        Ok(Self {
            scenario,
            trace,
            origin,
            pool,
            base,
        })
    }

    /// The same study with other switches.
    #[must_use]
    pub fn with_switches(&self, switches: Switches) -> Self {
        let mut study = self.clone();
        study.scenario.switches = switches;
        study.pool = Arc::new(pool(&study.scenario, &study.trace));
        study
    }

    /// The files that the study depends on.
    #[must_use]
    pub fn files(&self) -> Vec<PathBuf> {
        let trace = match &self.origin {
            Origin::File(path) => Some(path.clone()),
            Origin::Generated { .. } => None,
        };
        let networks = self
            .scenario
            .networks
            .iter()
            .filter_map(|network| network.file.as_ref());
        let files = networks.flat_map(|file| {
            let path = join(&self.base, file);
            match Format::of(&path) {
                Some(Format::Toml | Format::Json | Format::Graphml) => vec![path],
                Some(Format::Statesim) | None => statesim_paths(&path).to_vec(),
            }
        });
        trace.into_iter().chain(files).collect()
    }

    /// How many different topologies a network has: files have one.
    #[must_use]
    pub fn topologies(&self, network: usize) -> u32 {
        match self.scenario.networks[network].generate {
            Some(_) => self.scenario.run.topologies,
            None => 1,
        }
    }

    /// One of the networks: the published one for topology 0, a random one for others.
    ///
    /// # Errors
    /// When its file cannot be read, or what it describes cannot be generated.
    pub fn network(&self, index: usize, topology: u32) -> Result<Network, BadInput> {
        let section = &self.scenario.networks[index];
        if let Some(file) = &section.file {
            return read(&join(&self.base, file));
        }
        let draw = Draw::new(self.scenario.run.first_seed, topology);
        ether(section).generate(draw).map_err(|error: NetworkError| {
            BadInput::whole(
                format!("network \"{}\"", section.name),
                error.to_string(),
                "correct its figures in the scenario file",
            )
        })
    }
}

/// A path relative to a folder, without the detours that `..` after a folder's name would be; such a folder need
/// not be there.
fn join(base: &Path, path: &Path) -> PathBuf {
    let mut joined = PathBuf::new();
    for part in base.join(path).components() {
        match (part, joined.components().next_back()) {
            (Component::CurDir, _) => {}
            (Component::ParentDir, Some(Component::Normal(_))) => {
                joined.pop();
            }
            (part, _) => joined.push(part),
        }
    }
    joined
}

fn pool(scenario: &Scenario, trace: &Trace) -> Pool {
    let switches = &scenario.switches;
    Pool::new(trace, &scenario.workload, switches.workflow, switches.random)
}

fn ether(section: &NetworkSection) -> Ether {
    match section.generate {
        Some(Generate::UrbanSensing) => Ether::UrbanSensing(match (&section.densities, section.cells) {
            (Some(densities), _) => UrbanSensing {
                densities: Densities::Given(densities.clone()),
            },
            (None, Some(cells)) => UrbanSensing {
                densities: Densities::Law { cells },
            },
            (None, None) => UrbanSensing::default(),
        }),
        Some(Generate::CloudRegions) => {
            let default = CloudRegions::default();
            Ether::CloudRegions(CloudRegions {
                regions: section.cells.unwrap_or(default.regions),
                ..default
            })
        }
        Some(Generate::IndustrialIot) | None => {
            let default = IndustrialIot::default();
            Ether::IndustrialIot(IndustrialIot {
                premises: section.premises.unwrap_or(default.premises),
            })
        }
    }
}
