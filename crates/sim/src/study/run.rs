//! Running the units of a study.

use std::fmt;
use std::str::FromStr;

use fogline_core::model::BadInput;
use fogline_core::record::Replication;
use fogline_manifest::scenario::{Mode, PolicyName, Table};
use rayon::prelude::*;

use super::inputs::Study;
use crate::compat::{AllocPolicy, ExecPolicy, Options, Prepared, Replicate, RowNames, Scratch};
use crate::engine::{Outcome, Paths, Replicator, World};

/// Units that are computed before the first of them is handed over; bounds the memory of a run.
const BATCH: usize = 64;

/// A part of a study: `index` of `count`, from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shard {
    /// Which part, from 1.
    pub index: u32,
    /// Of how many.
    pub count: u32,
}

impl Shard {
    /// The whole.
    pub const ALL: Self = Self { index: 1, count: 1 };
}

impl fmt::Display for Shard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.index, self.count)
    }
}

impl FromStr for Shard {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let expected = || format!("\"{text}\" is no shard, expected i/n with i from 1 to n, as 3/8");
        let (index, count) = text.split_once('/').ok_or_else(expected)?;
        let number = |text: &str| text.parse::<u32>().map_err(|_| expected());
        let shard = Self {
            index: number(index)?,
            count: number(count)?,
        };
        if shard.index == 0 || shard.index > shard.count {
            Err(expected())
        } else {
            Ok(shard)
        }
    }
}

/// One replication of one load in a stage.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unit {
    /// Jobs.
    pub load: u32,
    /// Seed.
    pub seed: u64,
}

/// The units that have all preparations in common.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stage {
    /// In which mode.
    pub mode: Mode,
    /// Which network of the scenario.
    pub network: usize,
    /// Which draw of it.
    pub topology: u32,
}

/// Which units are run.
#[derive(Clone, Debug)]
pub struct Units {
    /// The seed of the first replication that is run.
    pub first_seed: u64,
    /// How many replications are run of each load and topology.
    pub replications: u32,
    /// Which part of them.
    pub shard: Shard,
    /// The tables for which rows are made; those of seeds always are.
    pub tables: Vec<Table>,
}

impl Study {
    /// All stages, in order.
    #[must_use]
    pub fn stages(&self) -> Vec<Stage> {
        let mut modes = self.scenario.run.modes.clone();
        modes.sort_unstable();
        let networks = 0..self.scenario.networks.len();
        modes
            .into_iter()
            .flat_map(|mode| networks.clone().map(move |network| (mode, network)))
            .flat_map(|(mode, network)| {
                (0..self.topologies(network)).map(move |topology| Stage {
                    mode,
                    network,
                    topology,
                })
            })
            .collect()
    }

    /// How many units there are in all stages.
    #[must_use]
    pub fn unit_count(&self, units: &Units) -> usize {
        (0..self.stages().len())
            .map(|stage| self.units_of(stage, units).len())
            .sum()
    }

    /// Runs the units of all stages, and hands over their outcomes in order. Stops at the first error that
    /// `take` returns.
    ///
    /// # Errors
    /// When a network cannot be had or does not fit, or `take` fails.
    pub fn run<E: From<BadInput>>(
        &self,
        units: &Units,
        mut take: impl FnMut(Stage, Unit, Outcome) -> Result<(), E>,
    ) -> Result<(), E> {
        for (index, stage) in self.stages().into_iter().enumerate() {
            let list = self.units_of(index, units);
            if list.is_empty() {
                continue;
            }
            match stage.mode {
                Mode::Compat => self.run_compat(stage, units, &list, &mut take)?,
                Mode::Corrected => self.run_corrected(stage, units, &list, &mut take)?,
            }
        }
        Ok(())
    }

    /// The units of a stage that are in the shard: every `count`-th of all units of the study, so that all
    /// shards have as much to do.
    fn units_of(&self, stage: usize, units: &Units) -> Vec<Unit> {
        let loads = &self.scenario.workload.jobs;
        let per_stage = loads.len() * units.replications as usize;
        let all = loads.iter().flat_map(|load| {
            (0..u64::from(units.replications)).map(|offset| Unit {
                load: *load,
                seed: units.first_seed + offset,
            })
        });
        all.enumerate()
            .filter(|(index, _)| {
                (stage * per_stage + index) % units.shard.count as usize == units.shard.index as usize - 1
            })
            .map(|(_, unit)| unit)
            .collect()
    }

    fn run_compat<E: From<BadInput>>(
        &self,
        stage: Stage,
        units: &Units,
        list: &[Unit],
        take: &mut impl FnMut(Stage, Unit, Outcome) -> Result<(), E>,
    ) -> Result<(), E> {
        let network = self.network(stage.network, stage.topology)?;
        let prepared = Prepared::new(&network, &self.trace, &self.compat_options()).map_err(|unfit| {
            BadInput::whole(
                format!(
                    "network \"{}\" in compat mode",
                    self.scenario.networks[stage.network].name
                ),
                unfit.to_string(),
                "leave compat out of modes: it simulates only what StateSim can",
            )
        })?;
        let allocs = self.allocs();
        let execs: Vec<ExecPolicy> = ExecPolicy::ALL
            .into_iter()
            .filter(|exec| self.scenario.run.models.contains(&exec.model()))
            .collect();
        let names = RowNames {
            network: &self.scenario.networks[stage.network].name,
            topology: stage.topology,
        };
        in_batches(
            stage,
            list,
            take,
            |(scratch, replicate): &mut (Scratch, Replicate), unit| {
                prepared.replicate_into(unit.seed, unit.load, &allocs, &execs, scratch, replicate);
                let wanted = |table| units.tables.contains(&table);
                Outcome {
                    seeds: replicate.seed_rows(&prepared, names),
                    jobs: if wanted(Table::Jobs) {
                        replicate.job_rows(&prepared, names)
                    } else {
                        Vec::new()
                    },
                    tasks: Vec::new(),
                    nodes: if wanted(Table::Nodes) {
                        replicate.node_rows(&prepared, names)
                    } else {
                        Vec::new()
                    },
                }
            },
        )
    }

    fn run_corrected<E: From<BadInput>>(
        &self,
        stage: Stage,
        units: &Units,
        list: &[Unit],
        take: &mut impl FnMut(Stage, Unit, Outcome) -> Result<(), E>,
    ) -> Result<(), E> {
        let world = self.world(stage.network, stage.topology)?;
        let paths = Paths::of(&world);
        let replicator = self.replicator(&world, &paths, &units.tables);
        let network = &self.scenario.networks[stage.network].name;
        let run = &self.scenario.run;
        in_batches(stage, list, take, |(): &mut (), unit| {
            let replication = Replication {
                topology: stage.topology,
                seed: unit.seed,
            };
            replicator.replicate(network, unit.load, replication, &run.policies, &run.models)
        })
    }

    /// What runs replications of this study in a world, with rows for these tables besides those of seeds.
    #[must_use]
    pub fn replicator<'a>(
        &'a self,
        world: &'a World,
        paths: &'a Paths<'a>,
        tables: &'a [Table],
    ) -> Replicator<'a> {
        Replicator {
            pool: &self.pool,
            world,
            paths,
            switches: &self.scenario.switches,
            tables,
            staleness: self.scenario.run.staleness,
        }
    }

    /// One of the networks, prepared for the corrected engine.
    ///
    /// # Errors
    /// When it cannot be had or does not fit the scenario.
    pub fn world(&self, network: usize, topology: u32) -> Result<World, BadInput> {
        let scenario = &self.scenario;
        let graph = self.network(network, topology)?;
        World::new(
            graph,
            &scenario.cloud,
            &scenario.workload.functions,
            &scenario.switches,
        )
        .map_err(|error| {
            let name = format!("network \"{}\"", scenario.networks[network].name);
            BadInput::whole(name, error.to_string(), error.hint())
        })
    }

    fn allocs(&self) -> Vec<AllocPolicy> {
        let policies = &self.scenario.run.policies;
        let wanted = |alloc: &AllocPolicy| match alloc {
            AllocPolicy::ProcOnly => policies.contains(&PolicyName::Load),
            AllocPolicy::ProcNet => policies.contains(&PolicyName::LoadNet),
        };
        AllocPolicy::ALL.into_iter().filter(wanted).collect()
    }

    fn compat_options(&self) -> Options {
        let Self { scenario, .. } = self;
        Options {
            functions: scenario.workload.functions.len() as u64,
            operations_factor: scenario.workload.operations_factor,
            argument_factor: scenario.workload.argument_factor,
            state_factor: scenario.workload.state_factor,
            cloud_rate: scenario.cloud.rate_mbps,
            cloud_latency: scenario.cloud.rtt_ms / 1e3 / 2.0,
        }
    }
}

/// Computes units in parallel, a batch at a time, and hands over their outcomes in order. Each thread has a `Room` to
/// work in.
fn in_batches<E, Room: Default>(
    stage: Stage,
    list: &[Unit],
    take: &mut impl FnMut(Stage, Unit, Outcome) -> Result<(), E>,
    compute: impl Fn(&mut Room, &Unit) -> Outcome + Sync,
) -> Result<(), E> {
    for batch in list.chunks(BATCH) {
        let outcomes: Vec<Outcome> = batch.par_iter().map_init(Room::default, &compute).collect();
        for (unit, outcome) in batch.iter().zip(outcomes) {
            take(stage, *unit, outcome)?;
        }
    }
    Ok(())
}
