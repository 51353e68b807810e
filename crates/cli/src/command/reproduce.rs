//! `fogline reproduce`: the paper's simulation, exactly and then correctly.

use std::path::{Path, PathBuf};

use fogline_manifest::Source;

use crate::command::sim::run_request;
use crate::failure::Failure;
use crate::output::Format;
use crate::study::Overrides;
use crate::threads;

/// The scenario, part of the program so that it runs anywhere.
pub(crate) const SCENARIO: &str = include_str!("../../../../scenarios/paper.toml");

/// The arguments.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Write results here
    #[arg(long, value_name = "DIR", default_value = "out")]
    out: PathBuf,
    #[command(flatten)]
    overrides: Overrides,
    #[command(flatten)]
    threads: threads::Args,
    /// How conclusions are printed
    #[arg(short, long, value_enum, default_value_t)]
    output: Format,
}

/// Runs the paper's scenario.
pub(crate) fn run(args: Args) -> Result<(), Failure> {
    let source = Source {
        name: "scenarios/paper.toml".to_owned(),
        text: SCENARIO.to_owned(),
    };
    let request = args
        .overrides
        .apply(&source, Path::new("scenarios").to_owned(), args.out)?;
    args.threads.install(|| run_request(&request, args.output))
}
