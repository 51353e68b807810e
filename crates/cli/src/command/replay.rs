//! `fogline replay`.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};

use fogline_core::dispatch::{Choice, LoggedDecision};
use fogline_core::model::BadInput;
use serde::Serialize;

use crate::failure::Failure;
use crate::output::{self, Format};

/// Longest line of a log: a decision among a thousand nodes has some hundred kilobytes.
const MAX_LINE: u64 = 16 << 20;
/// Differences that people are shown.
const SHOWN: usize = 20;

/// The arguments.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// The log, as a node writes it with `dispatch.log` in its configuration
    file: PathBuf,
    /// How it is printed
    #[arg(short, long, value_enum, default_value_t)]
    output: Format,
}

/// What became of a log's decisions.
#[derive(Default, Serialize)]
struct Replayed {
    decisions: u64,
    /// Those that are made otherwise now.
    different: Vec<Different>,
}

/// A decision that is made otherwise now.
#[derive(Serialize)]
struct Different {
    line: u64,
    then: Option<Choice>,
    now: Option<Choice>,
}

/// Does it.
pub(crate) fn run(args: &Args) -> Result<(), Failure> {
    let replayed = replay(&args.file)?;
    if args.output == Format::Json {
        output::json(&replayed)?;
    }
    if replayed.different.is_empty() {
        let decisions = replayed.decisions;
        return match args.output {
            Format::Json => Ok(()),
            Format::Text => output::data(&format!("identical: all {decisions} decisions, bit for bit\n")),
        };
    }
    let shown = replayed.different.iter().take(SHOWN);
    for it in shown.filter(|_| args.output == Format::Text) {
        output::note(&format!(
            "line {}: {}, now {}",
            it.line,
            said(it.then.as_ref()),
            said(it.now.as_ref())
        ));
    }
    Err(Failure::Check {
        problem: format!(
            "{} of {} decisions are made otherwise now",
            replayed.different.len(),
            replayed.decisions
        ),
        hint: "if the log was written by this version, it was changed since".to_owned(),
    })
}

fn replay(path: &Path) -> Result<Replayed, Failure> {
    let file = File::open(path).map_err(|source| reading(path, source))?;
    let mut lines = BufReader::new(file);
    let mut replayed = Replayed::default();
    let mut text = Vec::new();
    loop {
        text.clear();
        let mut bounded = std::io::Read::take(&mut lines, MAX_LINE);
        let length = bounded
            .read_until(b'\n', &mut text)
            .map_err(|source| reading(path, source))?;
        if length == 0 {
            return Ok(replayed);
        }
        replayed.decisions += 1;
        let line = replayed.decisions;
        let logged: LoggedDecision = serde_json::from_slice(&text).map_err(|error| {
            let hint = "a node that was killed may have left its last line unfinished; remove it";
            let column = error.column() as u64;
            BadInput::at(
                path.display().to_string(),
                line,
                column,
                format!("not a decision: {error}"),
                hint,
            )
        })?;
        let now = logged.again();
        if now != logged.choice {
            replayed.different.push(Different {
                line,
                then: logged.choice,
                now,
            });
        }
    }
}

fn reading(path: &Path, source: std::io::Error) -> Failure {
    Failure::System {
        doing: format!("reading {}", path.display()),
        hint: "name a file that a node has written".to_owned(),
        source,
    }
}

fn said(choice: Option<&Choice>) -> String {
    match choice {
        Some(choice) => format!("{} at {}", choice.node, choice.score_seconds),
        None => "no node".to_owned(),
    }
}
