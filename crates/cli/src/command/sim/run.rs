//! `fogline sim run`.

use std::path::PathBuf;

use fogline_sim::study::Shard;

use crate::failure::Failure;
use crate::output::{self, Format};
use crate::study::{Overrides, Request, conclude_run, execute};
use crate::threads;

/// The arguments.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// The scenario
    #[arg(value_name = "SCENARIO")]
    scenario: PathBuf,
    /// Run only a part of the units and write it as one Parquet file per mode, for `fogline sim merge`; as 3/8
    #[arg(long, value_name = "I/N")]
    shard: Option<Shard>,
    #[command(flatten)]
    options: RunOptions,
}

/// What every run of a whole scenario can be told.
#[derive(clap::Args)]
pub(crate) struct RunOptions {
    /// Write results here
    #[arg(long, value_name = "DIR", default_value = "out")]
    pub(crate) out: PathBuf,
    #[command(flatten)]
    pub(crate) overrides: Overrides,
    #[command(flatten)]
    pub(crate) threads: threads::Args,
    /// How conclusions are printed
    #[arg(short, long, value_enum, default_value_t)]
    pub(crate) output: Format,
}

/// Runs it.
pub(crate) fn run(args: Args) -> Result<(), Failure> {
    let RunOptions {
        out,
        overrides,
        threads,
        output,
    } = args.options;
    let request = overrides.read(&args.scenario, out)?.with_shard(args.shard)?;
    threads.install(|| run_request(&request, output))
}

/// Runs a request from its units to what is printed.
pub(crate) fn run_request(request: &Request, format: Format) -> Result<(), Failure> {
    let results = execute(request)?;
    if request.shard.is_some() {
        for file in &results.files {
            output::note(&format!("wrote {}", file.display()));
        }
        return Ok(());
    }
    conclude_run(request, results)?.print(format)?;
    if request.scenario.output.report {
        output::note(&format!("report: {}", request.out.join("report.html").display()));
    }
    Ok(())
}
