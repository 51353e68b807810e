//! `cargo xtask instructions`: how many instructions the guarded parts take, counted by valgrind's callgrind.
//!
//! Seconds depend on what else a machine does; instructions hardly do. They are compared with the figures
//! committed beside the benchmark, which hold for one compiler and one architecture.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::failure::Failure;
use crate::say;
use crate::shell::{Run, root, target};
use crate::tool::ensure_valgrind;

/// The crates with a benchmark `instructions`, and where their figures are committed.
const GUARDS: [Guard; 2] = [
    Guard {
        package: "fogline-sim",
        figures: "crates/sim/benches/instructions.toml",
    },
    Guard {
        package: "fogline-bench",
        figures: "crates/bench/benches/instructions.toml",
    },
];

/// A benchmark whose parts are guarded.
struct Guard {
    package: &'static str,
    figures: &'static str,
}

/// The function of the benchmark inside which instructions count: all else is preparation.
const GUARDED: &str = "*guarded_part*";

/// What to do with the figures.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Write the figures found as those to compare with from now on.
    #[arg(long)]
    accept: bool,
}

/// What was committed.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Figures {
    /// By how much a part may take more, as a fraction.
    margin: f64,
    /// The compiler they hold for, as `1.95.0`.
    rustc: String,
    /// The architecture they hold for, as `x86_64`.
    arch: String,
    /// Instructions by part.
    #[serde(default)]
    parts: BTreeMap<String, u64>,
}

/// Counts, and compares or accepts.
pub(crate) fn run(args: &Args) -> Result<(), Failure> {
    if !cfg!(target_os = "linux") {
        say::note("instructions are counted on Linux only: nothing to do");
        return Ok(());
    }
    ensure_valgrind()?;
    let programs = build()?;
    for (guard, program) in GUARDS.iter().zip(programs) {
        let path = root().join(guard.figures);
        let committed = load(&path)?;
        let found = count(&program)?;
        if args.accept {
            accept(&path, &committed, &found)?;
        } else {
            compare(&committed, &found)?;
        }
    }
    Ok(())
}

/// The step of `cargo xtask test`.
///
/// # Errors
/// When a part takes more than the margin allows, or has no figure.
pub(crate) fn check() -> Result<(), Failure> {
    run(&Args { accept: false })
}

fn compare(committed: &Figures, found: &BTreeMap<String, u64>) -> Result<(), Failure> {
    let comparable = committed.rustc == rustc()? && committed.arch == std::env::consts::ARCH;
    let mut slower = Vec::new();
    for (part, &now) in found {
        let Some(&before) = committed.parts.get(part) else {
            slower.push(format!("{part} has no committed figure (now {now})"));
            continue;
        };
        let change = now as f64 / before as f64 - 1.0;
        say::data(&format!(
            "{part:<24} {now:>14} instructions, {:+.2} % of {before}",
            change * 100.0
        ));
        if change > committed.margin {
            slower.push(format!(
                "{part} takes {:.2} % more than committed",
                change * 100.0
            ));
        } else if change < -committed.margin {
            say::note(&format!(
                "{part} got faster: `cargo xtask instructions --accept` keeps it so"
            ));
        }
    }
    if let Some(gone) = committed.parts.keys().find(|part| !found.contains_key(*part)) {
        slower.push(format!(
            "{gone} has a committed figure, but is not a part any more"
        ));
    }
    if !comparable {
        return not_compared(committed, std::env::var_os("CI").is_some());
    }
    if slower.is_empty() {
        return Ok(());
    }
    Err(Failure::new(
        slower.join("; "),
        "make it fast again; or, if the work is worth it, `cargo xtask instructions --accept` and say why",
    ))
}

/// Where somebody looks, a note is enough; in CI (which services say by setting `CI`) the guard would be off, and nobody know.
fn not_compared(committed: &Figures, in_ci: bool) -> Result<(), Failure> {
    let problem = format!(
        "not compared, the figures are for rustc {} on {}",
        committed.rustc, committed.arch
    );
    if in_ci {
        return Err(Failure::new(
            problem,
            "commit what `cargo xtask instructions --accept` writes with the compiler of CI, or give CI that one",
        ));
    }
    say::note(&problem);
    Ok(())
}

fn accept(path: &Path, committed: &Figures, found: &BTreeMap<String, u64>) -> Result<(), Failure> {
    let mut text = format!(
        "# Instructions of the guarded parts; `cargo xtask instructions --accept` writes this file.\n\
         # The margin is for what no change of ours causes: hash seeds, and the C library's code paths, which\n\
         # differ between processors.\n\
         margin = {}\nrustc = \"{}\"\narch = \"{}\"\n\n[parts]\n",
        committed.margin,
        rustc()?,
        std::env::consts::ARCH
    );
    for (part, instructions) in found {
        let _ = writeln!(text, "{part} = {instructions}");
    }
    fs::write(path, text).map_err(|error| Failure::file("cannot write", path, &error))?;
    say::note(&format!("{} figures written to {}", found.len(), path.display()));
    Ok(())
}

fn load(path: &Path) -> Result<Figures, Failure> {
    let text = fs::read_to_string(path).map_err(|error| Failure::file("cannot read", path, &error))?;
    toml::from_str(&text).map_err(|error| {
        Failure::new(
            format!("{} is not as expected: {error}", path.display()),
            "restore it from the repository",
        )
    })
}

/// Instructions of every part.
fn count(program: &Path) -> Result<BTreeMap<String, u64>, Failure> {
    let folder = target().join("instructions");
    fs::create_dir_all(&folder).map_err(|error| Failure::file("cannot create", &folder, &error))?;
    let parts = Run::program(program).args(["--list"]).read()?;
    parts
        .lines()
        .map(|part| Ok((part.to_owned(), count_part(program, part, &folder)?)))
        .collect()
}

fn count_part(program: &Path, part: &str, folder: &Path) -> Result<u64, Failure> {
    let profile = folder.join(format!("{part}.callgrind"));
    Run::program("valgrind")
        .args(["--tool=callgrind", "--collect-atstart=no"])
        .args([format!("--toggle-collect={GUARDED}")])
        .args([format!("--callgrind-out-file={}", profile.display())])
        .args([program.as_os_str(), part.as_ref()])
        .read()?;
    let text =
        fs::read_to_string(&profile).map_err(|error| Failure::file("cannot read", &profile, &error))?;
    match total(&text) {
        Some(instructions) if instructions > 0 => Ok(instructions),
        _ => Err(Failure::new(
            format!("callgrind counted nothing in {part}"),
            format!("the benchmark must run the part inside a function {GUARDED} that is never inlined"),
        )),
    }
}

/// The figure behind `totals:` in a callgrind profile.
fn total(profile: &str) -> Option<u64> {
    let line = profile.lines().find_map(|line| line.strip_prefix("totals:"))?;
    line.split_whitespace().next()?.parse().ok()
}

/// Builds the benchmarks and says where they are.
///
/// The command is of the selection only because features are then those of the README's command, whose build the
/// other steps share: without it wasmtime is compiled once more.
fn build() -> Result<Vec<PathBuf>, Failure> {
    let guarded = GUARDS.iter().map(|guard| guard.package);
    let packages = std::iter::once("fogline-cli").chain(guarded);
    let command: Vec<&str> = ["bench", "--locked", "--bench", "instructions", "--no-run"]
        .into_iter()
        .chain(packages.flat_map(|package| ["--package", package]))
        .collect();
    Run::cargo().args(&command).show()?;
    let messages = Run::cargo()
        .args(&command)
        .args(["--message-format", "json"])
        .read()?;
    let built: Vec<serde_json::Value> = messages
        .lines()
        .filter_map(|line| serde_json::from_str(line).ok())
        .filter(|message: &serde_json::Value| message["target"]["name"] == "instructions")
        .collect();
    GUARDS
        .iter()
        .map(|guard| program(&built, guard.package))
        .collect()
}

/// The benchmark of a package, among what cargo has built.
fn program(built: &[serde_json::Value], package: &str) -> Result<PathBuf, Failure> {
    let of_package = |message: &&serde_json::Value| {
        let id = message["package_id"].as_str().unwrap_or_default();
        id.contains(&format!("#{package}@"))
    };
    built
        .iter()
        .find(of_package)
        .and_then(|message| Some(PathBuf::from(message["executable"].as_str()?)))
        .ok_or_else(|| {
            Failure::new(
                format!("cargo names no executable of the benchmark of {package}"),
                "is it in the package's Cargo.toml?",
            )
        })
}

/// The compiler's version, as `1.95.0`.
fn rustc() -> Result<String, Failure> {
    let printed = Run::program("rustc").args(["--version"]).read()?;
    Ok(printed.split_whitespace().nth(1).unwrap_or_default().to_owned())
}

#[cfg(test)]
mod tests {
    use super::{Figures, compare, not_compared, rustc, total};
    use std::collections::BTreeMap;

    fn figures(parts: &[(&str, u64)]) -> Figures {
        Figures {
            margin: 0.03,
            rustc: rustc().unwrap(),
            arch: std::env::consts::ARCH.to_owned(),
            parts: found(parts),
        }
    }

    fn found(parts: &[(&str, u64)]) -> BTreeMap<String, u64> {
        parts
            .iter()
            .map(|(part, count)| ((*part).to_owned(), *count))
            .collect()
    }

    #[test]
    fn the_total_of_a_profile_is_read() {
        assert_eq!(total("events: Ir\nfn=(1) x\n1 5\ntotals: 12345 6\n"), Some(12345));
        assert_eq!(total("events: Ir\n"), None);
    }

    #[test]
    fn more_than_the_margin_fails_and_less_passes() {
        let committed = figures(&[("a", 1000)]);
        for (now, passes) in [(900, true), (1000, true), (1029, true), (1031, false)] {
            assert_eq!(
                compare(&committed, &found(&[("a", now)])).is_ok(),
                passes,
                "{now}"
            );
        }
    }

    #[test]
    fn figures_of_another_compiler_fail_in_ci_and_are_noted_elsewhere() {
        let other = Figures {
            rustc: "1.0.0".to_owned(),
            ..figures(&[])
        };
        assert!(not_compared(&other, true).is_err());
        assert!(not_compared(&other, false).is_ok());
    }

    #[test]
    fn a_part_without_figure_and_a_figure_without_part_fail() {
        assert!(compare(&figures(&[]), &found(&[("a", 1)])).is_err());
        assert!(compare(&figures(&[("a", 1)]), &found(&[])).is_err());
    }
}
