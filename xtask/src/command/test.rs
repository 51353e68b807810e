//! `cargo xtask test`: everything that a change must pass.
//!
//! What we depend on is built once, for the tests as for what people run ([`crate::checked`]), and once more for checking
//! only (clippy), which documentation reuses.

use std::time::{Duration, Instant};

use crate::check::{arrows, book, licences};
use crate::checked;
use crate::command::{api, functions, fuzz, instructions, otlp};
use crate::failure::Failure;
use crate::say;
use crate::shell::{Run, target};
use crate::tool::{ensure_etcd, ensure_redis};

/// Which steps to run.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Run only these steps.
    #[arg(long, value_name = "STEP", value_delimiter = ',', value_parser = names())]
    only: Vec<String>,
    /// Begin at this step.
    #[arg(long, value_name = "STEP", conflicts_with = "only", value_parser = names())]
    from: Option<String>,
    /// Print the steps, and run none.
    #[arg(long)]
    list: bool,
}

/// One thing that a change must pass.
struct Step {
    /// What it is called on the command line.
    name: &'static str,
    /// What it checks.
    checks: &'static str,
    /// Checks it.
    run: fn() -> Result<(), Failure>,
}

/// The steps, those that fail fastest first.
const STEPS: &[Step] = &[
    Step {
        name: "format",
        checks: "the sources are formatted",
        run: format,
    },
    Step {
        name: "arrows",
        checks: "crates depend only on what design allows",
        run: arrows::check,
    },
    Step {
        name: "book",
        checks: "the book lists every page, and its links lead somewhere",
        run: book::check,
    },
    Step {
        name: "lints",
        checks: "no lint fires",
        run: lints,
    },
    Step {
        name: "functions",
        checks: "the example functions build, to the committed bytes where the recorded compiler is at hand",
        run: functions::check,
    },
    Step {
        name: "guests",
        checks: "the example functions pass their own tests",
        run: functions::tests,
    },
    Step {
        name: "tests",
        checks: "all tests pass",
        run: tests,
    },
    Step {
        name: "rustdoc",
        checks: "the documentation builds without a warning",
        run: rustdoc,
    },
    Step {
        name: "licences",
        checks: "what we depend on is permissively licensed, from crates.io, and not banned",
        run: licences::check,
    },
    Step {
        name: "demo",
        checks: "the README's first command works, and ends within a minute",
        run: demo,
    },
    Step {
        name: "reproduce",
        checks: "the paper's simulation works",
        run: reproduce,
    },
    Step {
        name: "api",
        checks: "a node answers whatever is sent to it as its OpenAPI document says",
        run: api::check,
    },
    Step {
        name: "otlp",
        checks: "a collector that is not ours reads the traces of a node",
        run: otlp::check,
    },
    Step {
        name: "instructions",
        checks: "the guarded parts take no more instructions than committed",
        run: instructions::check,
    },
    Step {
        name: "fuzz",
        checks: "no reader panics in a short fuzz run",
        run: fuzz::check,
    },
];

/// Runs the chosen steps.
pub(crate) fn run(args: &Args) -> Result<(), Failure> {
    if args.list {
        for step in STEPS {
            say::data(&format!("{:<13} {}", step.name, step.checks));
        }
        return Ok(());
    }
    let started = Instant::now();
    let chosen: Vec<_> = chosen(args).collect();
    let mut times = Vec::new();
    for (index, step) in chosen.iter().enumerate() {
        let heading = format!("[{}/{}] {}: {}", index + 1, chosen.len(), step.name, step.checks);
        say::note(&format!("\n== {heading}"));
        let step_started = Instant::now();
        (step.run)().inspect_err(|_| {
            say::note(&format!(
                "\n== {} failed; again from here: cargo xtask test --from {}",
                step.name, step.name
            ));
        })?;
        times.push((step.name, step_started.elapsed().as_secs_f64()));
    }
    say::note("");
    for (name, seconds) in times {
        say::note(&format!("   {name:<13} {seconds:>7.1} s"));
    }
    say::note(&format!(
        "== all {} steps passed in {:.1} s",
        chosen.len(),
        started.elapsed().as_secs_f64()
    ));
    Ok(())
}

fn chosen(args: &Args) -> impl Iterator<Item = &'static Step> {
    let from = args
        .from
        .as_ref()
        .and_then(|from| STEPS.iter().position(|step| step.name == from));
    STEPS
        .iter()
        .skip(from.unwrap_or(0))
        .filter(|step| args.only.is_empty() || args.only.iter().any(|name| name == step.name))
}

fn names() -> clap::builder::PossibleValuesParser {
    STEPS.iter().map(|step| step.name).collect::<Vec<_>>().into()
}

fn format() -> Result<(), Failure> {
    Run::cargo()
        .args(["fmt", "--all", "--check"])
        .hint("run `cargo fmt --all`")
        .show()
}

fn lints() -> Result<(), Failure> {
    checked::cargo("clippy")?
        .args(["--workspace", "--all-targets", "--", "-D", "warnings"])
        .hint(LINT_HINT)
        .show()?;
    // What the fuzz targets share with the workspace is checked once: same folder, same profile.
    Run::cargo()
        .args([
            "clippy",
            "--manifest-path",
            "fuzz/Cargo.toml",
            "--features",
            "tables",
            "--release",
        ])
        .args(["--all-targets", "--", "-D", "warnings"])
        .env("CARGO_TARGET_DIR", target())
        .env("CARGO_PROFILE_RELEASE_OPT_LEVEL", "3")
        .env("CARGO_PROFILE_RELEASE_DEBUG", "false")
        .hint(LINT_HINT)
        .show()
}

const LINT_HINT: &str = "fix what clippy shows; suppress only with #[expect(lint, reason = \"…\")]";

fn tests() -> Result<(), Failure> {
    ensure_redis()?;
    ensure_etcd()?;
    checked::cargo("test")?
        .arg("--workspace")
        .hint("a failed property prints its smallest input, a failed snapshot its difference, above")
        .show()
}

fn rustdoc() -> Result<(), Failure> {
    checked::cargo("doc")?
        .args(["--workspace", "--no-deps"])
        .env("RUSTDOCFLAGS", "-D warnings")
        .hint("fix the links and comments that rustdoc shows")
        .show()
}

/// How long the demonstration may take once it is built.
const DEMO: Duration = Duration::from_secs(60);

fn demo() -> Result<(), Failure> {
    Run::cargo().args(["build", "--release", "--locked"]).show()?;
    let started = Instant::now();
    Run::cargo()
        .args(["run", "--release", "--locked", "--", "demo"])
        .show()?;
    let took = started.elapsed();
    if took <= DEMO {
        return Ok(());
    }
    Err(Failure::new(
        format!(
            "the demonstration took {:.1} s, {} s are promised",
            took.as_secs_f64(),
            DEMO.as_secs()
        ),
        "run it again on a machine that does nothing else; if it stays so, make it shorter",
    ))
}

/// The whole of the paper's simulation, but of 5 instead of 200 replications.
fn reproduce() -> Result<(), Failure> {
    Run::cargo()
        .args(["run", "--release", "--locked", "--", "reproduce"])
        .args(["--replications", "5", "--out", "target/reproduce"])
        .show()
}
