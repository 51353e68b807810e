//! `fogline sim merge`.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::str::FromStr;

use fogline_core::model::BadInput;
use fogline_core::record::SeedRow;
use fogline_manifest::Source;
use fogline_manifest::scenario::{Mode, Scenario};
use fogline_report::table::ParquetReader;
use fogline_sim::engine::Outcome;
use fogline_sim::study::Shard;

use crate::failure::Failure;
use crate::output::Format;
use crate::study::{About, Provenance, Seeds, Tables, conclude, hash_files, sort_as_in};

/// The arguments.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// The shards, in any order
    #[arg(value_name = "SHARD", required = true)]
    shards: Vec<PathBuf>,
    /// Write results here
    #[arg(long, value_name = "DIR", default_value = "out")]
    out: PathBuf,
    /// How conclusions are printed
    #[arg(short, long, value_enum, default_value_t)]
    output: Format,
}

/// A shard that was read.
struct Part {
    path: PathBuf,
    about: About,
    shard: Shard,
}

/// Puts shards together.
pub(crate) fn run(args: Args) -> Result<(), Failure> {
    let mut seeds: Seeds = BTreeMap::new();
    let mut parts = Vec::new();
    for path in &args.shards {
        let (part, mut rows) = read(path)?;
        seeds.entry(part.about.mode).or_default().append(&mut rows);
        parts.push(part);
    }
    let about = parts[0].about.clone();
    check(&parts)?;
    let scenario = Scenario::parse(&Source {
        name: args.shards[0].display().to_string(),
        text: about.scenario.clone(),
    })?;
    complete(&parts, &scenario)?;
    let mut files = Vec::new();
    for (mode, rows) in &mut seeds {
        sort_as_in(&scenario, rows);
        files.extend(write(&args.out, &scenario, *mode, rows, &about)?);
    }
    let provenance = Provenance {
        fogline: env!("CARGO_PKG_VERSION").to_owned(),
        command: std::env::args().collect::<Vec<_>>().join(" "),
        scenario: about.scenario.clone(),
        base: PathBuf::new(),
        tasks: None,
        inputs: hash_files(Path::new(""), &args.shards)?,
        outputs: Vec::new(),
    };
    conclude(&scenario, &about.workload, &seeds, provenance, &args.out, files)?.print(args.output)
}

fn read(path: &Path) -> Result<(Part, Vec<SeedRow>), BadInput> {
    let name = path.display().to_string();
    let foreign =
        |problem: String| BadInput::whole(&name, problem, "name files that `fogline sim run --shard` wrote");
    let reader = ParquetReader::<SeedRow>::open(path)?;
    let about: About = serde_json::from_str(reader.about())
        .map_err(|error| foreign(format!("does not say which shard it is: {error}")))?;
    let shard = Shard::from_str(&about.shard).map_err(foreign)?;
    Ok((
        Part {
            path: path.to_owned(),
            about,
            shard,
        },
        reader.read_all()?,
    ))
}

/// Shards must be of one run: same version, scenario, inputs.
fn check(parts: &[Part]) -> Result<(), BadInput> {
    let first = &parts[0];
    for part in parts {
        let (a, b) = (&first.about, &part.about);
        let same = a.fogline == b.fogline && a.scenario == b.scenario && a.inputs == b.inputs;
        if !same || first.shard.count != part.shard.count {
            return Err(BadInput::whole(
                part.path.display().to_string(),
                format!("is of another run than {}", first.path.display()),
                "merge only shards of one scenario, made by one version from the same inputs",
            ));
        }
    }
    Ok(())
}

/// Every shard of every mode must be there once.
fn complete(parts: &[Part], scenario: &Scenario) -> Result<(), BadInput> {
    let mut there = BTreeSet::new();
    for part in parts {
        if !there.insert((part.about.mode, part.shard.index)) {
            return Err(BadInput::whole(
                part.path.display().to_string(),
                format!(
                    "shard {} of {} mode is there twice",
                    part.shard,
                    part.about.mode.name()
                ),
                "name each shard once",
            ));
        }
    }
    for mode in &scenario.run.modes {
        for index in 1..=parts[0].shard.count {
            if !there.contains(&(*mode, index)) {
                return Err(BadInput::whole(
                    "the shards",
                    format!(
                        "shard {index}/{} of {} mode is missing",
                        parts[0].shard.count,
                        mode.name()
                    ),
                    "run it, then merge again",
                ));
            }
        }
    }
    Ok(())
}

fn write(
    out: &Path,
    scenario: &Scenario,
    mode: Mode,
    rows: &[SeedRow],
    about: &About,
) -> Result<Vec<PathBuf>, Failure> {
    let whole = About {
        mode,
        shard: Shard::ALL.to_string(),
        ..about.clone()
    };
    let about = serde_json::to_string(&whole).map_err(|error| Failure::usage(error.to_string(), ""))?;
    let formats = &scenario.output.formats;
    let mut tables = Tables::create(
        &out.join(mode.name()),
        &scenario.output.tables,
        formats,
        "seeds",
        &about,
    )?;
    tables.write(&Outcome {
        seeds: rows.to_vec(),
        ..Outcome::default()
    })?;
    tables.finish()
}
