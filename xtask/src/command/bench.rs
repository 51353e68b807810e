//! `cargo xtask bench`: runs the benchmarks, and says on what they ran.

use std::fs;

use crate::failure::Failure;
use crate::say;
use crate::shell::Run;

/// Which benchmarks to run.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Passed on to `cargo bench`, as `--package fogline-sim` or `-- FILTER`.
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    rest: Vec<String>,
}

/// Prints machine and versions, then runs the benchmarks.
pub(crate) fn run(args: &Args) -> Result<(), Failure> {
    let mut command = vec!["bench".to_owned(), "--locked".to_owned()];
    if args.rest.is_empty() {
        command.push("--workspace".to_owned());
    }
    command.extend_from_slice(&args.rest);
    say::data(&format!("command: cargo {}", command.join(" ")));
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
    Run::cargo().args(command).show()
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
