//! `fogline reproduce`: the paper's simulation, exactly and then correctly.

use std::path::PathBuf;

use fogline_manifest::Source;

use crate::command::sim::{RunOptions, run_request};
use crate::failure::Failure;
use crate::study::{Overrides, Request};

/// The scenario, part of the program so that it runs anywhere.
const SCENARIO: &str = include_str!("../../../../scenarios/paper.toml");

/// Runs the paper's scenario.
pub(crate) fn run(options: RunOptions) -> Result<(), Failure> {
    let RunOptions {
        out,
        overrides,
        threads,
        output,
    } = options;
    let request = request(overrides, out)?;
    threads.install(|| run_request(&request, output))
}

/// The paper's scenario, with these changes.
pub(crate) fn request(overrides: Overrides, out: PathBuf) -> Result<Request, Failure> {
    let source = Source {
        name: "scenarios/paper.toml".to_owned(),
        text: SCENARIO.to_owned(),
    };
    overrides.apply(&source, PathBuf::from("scenarios"), out)
}
