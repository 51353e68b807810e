//! Running a request: units, tables, and the decision whether it is enough.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use fogline_core::record::SeedRow;
use fogline_manifest::scenario::{Mode, Scenario};
use fogline_report::stats::Stopping;
use fogline_report::summary::{Metric, series};
use fogline_sim::study::{Shard, Study, Units};

use super::progress::Progress;
use super::provenance::{About, Provenance};
use super::request::Request;
use super::tables::Tables;
use crate::failure::Failure;
use crate::output;

/// The most replications that a sequential run makes of each load and topology; with fewer the error asked for
/// may not be reached, and this is said.
const MAX_REPLICATIONS: u32 = 20_000;

/// The rows of each mode, in order.
pub(crate) type Seeds = BTreeMap<Mode, Vec<SeedRow>>;

/// What came out of a run.
#[derive(Debug)]
pub(crate) struct Results {
    /// The study.
    pub(crate) study: Study,
    /// Its provenance; outputs are still missing.
    pub(crate) provenance: Provenance,
    /// Its rows.
    pub(crate) seeds: Seeds,
    /// The files written so far.
    pub(crate) files: Vec<PathBuf>,
    /// How many replications of each load and topology were run.
    pub(crate) replications: u32,
    /// The confidence of an interval that keeps what was promised, after all looks at the data.
    pub(crate) confidence: f64,
}

/// Runs a request and writes its tables.
pub(crate) fn execute(request: &Request) -> Result<Results, Failure> {
    let study = Study::load(request.scenario.clone(), &request.base, request.tasks.as_deref())?;
    let provenance = Provenance::of(request, &study.files())?;
    output::note(&format!("workload: {}", study.origin));
    let mut run = Run::new(request, &study, &provenance)?;
    run.go()?;
    let confidence = run.confidence;
    let (seeds, replications, files) = run.finish()?;
    Ok(Results {
        study,
        provenance,
        seeds,
        files,
        replications,
        confidence,
    })
}

struct Run<'a> {
    request: &'a Request,
    study: &'a Study,
    tables: BTreeMap<Mode, Tables>,
    seeds: Seeds,
    replications: u32,
    confidence: f64,
}

impl<'a> Run<'a> {
    fn new(request: &'a Request, study: &'a Study, provenance: &Provenance) -> Result<Self, Failure> {
        let mut tables = BTreeMap::new();
        let mut seeds = BTreeMap::new();
        for mode in &request.scenario.run.modes {
            tables.insert(*mode, create_tables(request, study, provenance, *mode)?);
            seeds.insert(*mode, Vec::new());
        }
        Ok(Self {
            request,
            study,
            tables,
            seeds,
            replications: 0,
            confidence: request.scenario.statistics.confidence,
        })
    }

    /// Runs as many replications as the scenario says, or as it takes.
    fn go(&mut self) -> Result<(), Failure> {
        let Scenario { run, statistics, .. } = &self.request.scenario;
        let mut progress = Progress::new(0);
        self.replicate(run.replications, &mut progress)?;
        let Some(error) = statistics.until_relative_error else {
            return Ok(());
        };
        let mut stopping = Stopping::new(error, statistics.confidence)
            .map_err(|bad| Failure::usage(bad.to_string(), "write 0.01 for 1 %"))?;
        loop {
            let series: Vec<Vec<f64>> = self
                .seeds
                .values()
                .flat_map(|rows| [series(rows, Metric::Latency), series(rows, Metric::Traffic)])
                .flatten()
                .collect();
            let enough = stopping.enough(&series);
            self.confidence = stopping.confidence_of_look(series.len());
            if enough {
                return Ok(());
            }
            let left = MAX_REPLICATIONS.saturating_sub(self.replications);
            if left == 0 {
                output::note(&format!(
                    "stopped after {MAX_REPLICATIONS} replications: the relative error is still above {error}"
                ));
                return Ok(());
            }
            let more = stopping
                .forecast(&series)
                .saturating_sub(self.replications as usize);
            // Each look costs some confidence, so a look comes only after half as many again.
            let more =
                (more as u32).clamp(self.replications.div_ceil(2), self.replications.saturating_mul(4));
            self.replicate(more.min(left), &mut progress)?;
        }
    }

    fn replicate(&mut self, count: u32, progress: &mut Progress) -> Result<(), Failure> {
        let scenario = &self.request.scenario;
        let units = Units {
            first_seed: scenario.run.first_seed + u64::from(self.replications),
            replications: count,
            shard: self.request.shard.unwrap_or(Shard::ALL),
            tables: scenario.output.tables.clone(),
        };
        progress.extend(self.study.unit_count(&units));
        self.replications += count;
        let (tables, seeds) = (&mut self.tables, &mut self.seeds);
        self.study.run(&units, |stage, _, mut outcome| {
            sort_as_in(scenario, &mut outcome.seeds);
            if let (Some(tables), Some(seeds)) = (tables.get_mut(&stage.mode), seeds.get_mut(&stage.mode)) {
                tables.write(&outcome)?;
                seeds.append(&mut outcome.seeds);
            }
            progress.step();
            Ok(())
        })
    }

    fn finish(self) -> Result<(Seeds, u32, Vec<PathBuf>), Failure> {
        let mut files = Vec::new();
        for (_, tables) in self.tables {
            files.extend(tables.finish()?);
        }
        Ok((self.seeds, self.replications, files))
    }
}

fn create_tables(
    request: &Request,
    study: &Study,
    provenance: &Provenance,
    mode: Mode,
) -> Result<Tables, Failure> {
    let about = About {
        fogline: provenance.fogline.clone(),
        mode,
        shard: request.shard.unwrap_or(Shard::ALL).to_string(),
        scenario: provenance.scenario.clone(),
        inputs: provenance
            .inputs
            .iter()
            .map(|input| input.sha256.clone())
            .collect(),
        workload: study.origin.to_string(),
    };
    let about = serde_json::to_string(&about).map_err(|error| Failure::usage(error.to_string(), ""))?;
    let output = &request.scenario.output;
    match request.shard {
        None => Tables::create(
            &request.out.join(mode.name()),
            &output.tables,
            &output.formats,
            "seeds",
            &about,
        ),
        Some(shard) => {
            let name = format!("{}-shard-{}-of-{}", mode.name(), shard.index, shard.count);
            let parquet = [fogline_manifest::scenario::TableFormat::Parquet];
            Tables::create(Path::new(&request.out), &output.tables, &parquet, &name, &about)
        }
    }
}

/// The order of rows in a table: as the scenario names networks, loads, policies and models.
pub(crate) fn sort_as_in(scenario: &Scenario, rows: &mut [SeedRow]) {
    let place = |found: Option<usize>| found.unwrap_or(usize::MAX);
    rows.sort_by_cached_key(|row| {
        let condition = &row.condition;
        let network = place(
            scenario
                .networks
                .iter()
                .position(|network| network.name == condition.network),
        );
        let load = place(
            scenario
                .workload
                .jobs
                .iter()
                .position(|load| *load == condition.load),
        );
        let model = place(
            scenario
                .run
                .models
                .iter()
                .position(|model| *model == condition.model),
        );
        (
            network,
            row.replication.topology,
            load,
            row.replication.seed,
            condition.policy.clone(),
            model,
        )
    });
}
