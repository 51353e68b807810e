//! `cargo xtask bench`: runs the benchmarks, and says on what they ran.

use std::ffi::OsStr;
use std::fs;
use std::num::NonZeroUsize;

use super::dist;
use crate::failure::Failure;
use crate::say;
use crate::shell::{Run, target};

/// Which benchmarks to run.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Only the set for nodes: gateway, workers, stores, sealing, start, memory and size, with their goals.
    #[arg(long, conflicts_with = "rest")]
    nodes: bool,
    /// Only the set for networks: hops, several nodes, moves, failover and gossip, with their goals.
    #[arg(long, conflicts_with_all = ["rest", "nodes", "store"])]
    network: bool,
    /// In that set, kill so many owners of sessions.
    #[arg(long, value_name = "COUNT", conflicts_with_all = ["rest", "nodes"])]
    kills: Option<NonZeroUsize>,
    /// In the set for nodes, also fill a store with so many GB, kill its node, and time the next start.
    #[arg(long, value_name = "GB", conflicts_with = "rest")]
    store: Option<u64>,
    /// Passed on to `cargo bench`, as `--package fogline-sim` or `-- FILTER`.
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    rest: Vec<String>,
}

/// Prints machine and versions, then runs the benchmarks.
pub(crate) fn run(args: &Args) -> Result<(), Failure> {
    about()?;
    if args.rest.is_empty() {
        suite(args)?;
    }
    if args.nodes || args.network {
        return Ok(());
    }
    let mut command = vec!["bench".to_owned(), "--locked".to_owned()];
    if args.rest.is_empty() {
        command.push("--workspace".to_owned());
    }
    command.extend_from_slice(&args.rest);
    Run::cargo().args(command).show()
}

/// The sets for nodes and networks, each node in a process of its own.
fn suite(args: &Args) -> Result<(), Failure> {
    let built = dist::build()?;
    let mut suite = Run::program(built.join("examples/suite"))
        .args([OsStr::new("--data"), target().join("bench").as_os_str()])
        .args([OsStr::new("--full"), built.join("fogline").as_os_str()]);
    for (only, option) in [(args.nodes, "--nodes"), (args.network, "--network")] {
        suite = suite.args(only.then_some(option));
    }
    if let Some(store) = args.store {
        suite = suite.args(["--store".to_owned(), store.to_string()]);
    }
    if let Some(kills) = args.kills {
        suite = suite.args(["--kills".to_owned(), kills.to_string()]);
    }
    suite.show()
}

/// On what it runs.
fn about() -> Result<(), Failure> {
    let words: Vec<_> = std::env::args().skip(1).collect();
    say::data(&format!("command: cargo xtask {}", words.join(" ")));
    say::data(&format!("machine: {}", machine()));
    say::data(&format!(
        "rustc:   {}",
        first_line(Run::program("rustc").args(["--version"]).read()?)
    ));
    let commit = Run::program("git")
        .args(["describe", "--always", "--dirty"])
        .read();
    say::data(&format!(
        "commit:  {}",
        commit.map_or_else(|_| "unknown".to_owned(), first_line)
    ));
    Ok(())
}

/// CPU model, cores and memory, as far as the system tells.
fn machine() -> String {
    let model = field("/proc/cpuinfo", "model name").unwrap_or_else(|| std::env::consts::ARCH.to_owned());
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let memory = field("/proc/meminfo", "MemTotal")
        .and_then(|total| total.strip_suffix(" kB")?.trim().parse::<u64>().ok())
        .map_or_else(
            || "unknown".to_owned(),
            |kib| format!("{:.1} GiB", kib as f64 / 1_048_576.0),
        );
    format!(
        "{model}, {cores} cores, {memory} of memory, {}",
        std::env::consts::OS
    )
}

/// The value behind the first `key : value` of a file of such lines.
fn field(path: &str, key: &str) -> Option<String> {
    let text = fs::read_to_string(path).ok()?;
    let line = text.lines().find(|line| line.starts_with(key))?;
    Some(line.split_once(':')?.1.trim().to_owned())
}

fn first_line(text: String) -> String {
    text.lines().next().unwrap_or_default().to_owned()
}
