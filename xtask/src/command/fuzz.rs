//! `cargo xtask fuzz`: feeds the readers with what a coverage-guided fuzzer makes up.

use std::fs;

use crate::failure::Failure;
use crate::say;
use crate::shell::{Run, root};
use crate::tool::CARGO_FUZZ;

/// How long, in seconds, each target is fuzzed as part of `cargo xtask test`: enough to meet every branch that
/// the seeds reach, not to explore.
const SHORT: u32 = 5;

/// What to fuzz, and for how long.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// How long to fuzz each target.
    #[arg(default_value_t = 60, value_name = "SECONDS")]
    seconds: u32,
    /// Fuzz only these targets.
    #[arg(long, value_name = "TARGET", value_delimiter = ',')]
    only: Vec<String>,
}

/// Fuzzes the chosen targets, one after the other, and stops at the first input that makes one fail.
pub(crate) fn run(args: &Args) -> Result<(), Failure> {
    run_among(args, &targets()?)
}

fn run_among(args: &Args, all: &[String]) -> Result<(), Failure> {
    CARGO_FUZZ.ensure()?;
    if let Some(unknown) = args.only.iter().find(|name| !all.contains(*name)) {
        return Err(Failure::new(
            format!("there is no fuzz target {unknown}"),
            format!("the targets are {}", all.join(", ")),
        ));
    }
    let chosen = all
        .iter()
        .filter(|name| args.only.is_empty() || args.only.contains(name));
    for target in chosen {
        cargo_fuzz("build", target).show()?;
        fuzz(target, args.seconds)?;
    }
    Ok(())
}

/// The step of `cargo xtask test`: all but the readers of tables.
///
/// # Errors
/// When a target fails.
pub(crate) fn check() -> Result<(), Failure> {
    let mut quick = targets()?;
    quick.retain(|target| !is_table(target));
    let args = Args {
        seconds: SHORT,
        only: Vec::new(),
    };
    run_among(&args, &quick)
}

fn fuzz(target: &str, seconds: u32) -> Result<(), Failure> {
    let corpus = root().join("fuzz/corpus").join(target);
    let seeds = root().join("fuzz/seeds").join(target);
    fs::create_dir_all(&corpus).map_err(|error| Failure::file("cannot create", &corpus, &error))?;
    // A damaged Parquet footer may claim 2^31 elements, which the Parquet crate skips one by one: 4 s optimised.
    let timeout_s = if is_table(target) { 60 } else { 10 };
    let printed = cargo_fuzz("run", target)
        .args([&corpus, &seeds])
        .args(["--", "-print_final_stats=1", "-rss_limit_mb=2048"])
        .args([
            format!("-timeout={timeout_s}"),
            format!("-max_total_time={seconds}"),
        ])
        .capture()?;
    if !printed.success {
        say::note(&printed.stderr);
        return Err(Failure::new(
            format!("the fuzz target {target} failed"),
            "the input is under fuzz/artifacts; add it to a test of the reader, and correct the reader",
        ));
    }
    let tried = printed
        .stderr
        .lines()
        .find_map(|line| line.strip_prefix("stat::number_of_executed_units:"));
    say::note(&format!(
        "{target}: {} inputs, none fails",
        tried.unwrap_or("?").trim()
    ));
    Ok(())
}

/// `cargo fuzz` on a compiler without nightly features. The address sanitizer needs them, and would find little:
/// our code is free of `unsafe`.
fn cargo_fuzz(verb: &str, target: &str) -> Run {
    let features: &[&str] = if is_table(target) {
        &["--features", "tables"]
    } else {
        &[]
    };
    Run::cargo()
        .args(["fuzz", verb, "--fuzz-dir", "fuzz", "--sanitizer", "none"])
        .args(features)
        .args([target])
}

/// Whether a target needs Arrow and Parquet, which take minutes to instrument.
fn is_table(target: &str) -> bool {
    target.starts_with("table_")
}

fn targets() -> Result<Vec<String>, Failure> {
    let folder = root().join("fuzz/fuzz_targets");
    let entries = fs::read_dir(&folder).map_err(|error| Failure::file("cannot list", &folder, &error))?;
    let mut names: Vec<_> = entries
        .filter_map(|entry| {
            entry
                .ok()?
                .file_name()
                .to_str()?
                .strip_suffix(".rs")
                .map(str::to_owned)
        })
        .collect();
    names.sort();
    Ok(names)
}
