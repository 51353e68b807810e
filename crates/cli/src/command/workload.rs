//! `fogline workload`: describe and generate traces.

use std::fmt::Write as _;
use std::path::PathBuf;

use clap::{Parser, Subcommand};
use fogline_core::model::Seconds;
use fogline_workload::trace::generate::{Generator, GeneratorParams, Length};
use fogline_workload::trace::marginals::REFERENCE;
use fogline_workload::trace::{LeftOut, Marginals, TraceFormat, TraceJob, Window, read_window, spar};
use serde::Serialize;

use crate::failure::Failure;
use crate::{atomic_file, output};

/// What is written to standard output at a time, in jobs, so that a trace of any length takes little memory.
const BATCH: usize = 4_096;

/// The longest trace by duration, in hours: as long as the Alibaba trace of 2018, 16 million tasks.
const MOST_HOURS: f64 = 8.0 * 24.0;

/// The longest trace that is written to a file, in jobs: it is put together in memory, 150 bytes per job.
const MOST_JOBS: u64 = 10_000_000;

/// Describe and generate traces of jobs.
#[derive(Parser)]
pub(crate) struct Args {
    #[command(subcommand)]
    act: Act,
}

#[derive(Subcommand)]
enum Act {
    /// Say what a trace looks like, beside the hour that the paper's simulation ran on.
    Describe(Describe),
    /// Make a trace that looks like that hour, in Spår's format.
    Generate(Generate),
}

#[derive(Parser)]
struct Describe {
    /// The trace: Spår's batch_task.csv, that of Alibaba 2018, or one of Azure Functions 2019 or 2021.
    file: PathBuf,
    /// Leave out what arrives before this second of the trace.
    #[arg(long, value_name = "SECONDS", default_value_t = 0.0)]
    from: f64,
    /// Leave out what arrives at this second of the trace or later.
    #[arg(long, value_name = "SECONDS")]
    until: Option<f64>,
    /// How to print it.
    #[arg(short, long, value_enum, default_value_t)]
    output: output::Format,
}

#[derive(Parser)]
struct Generate {
    /// Another seed gives another trace.
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    /// How many jobs.
    #[arg(long, value_name = "N", conflicts_with = "hours")]
    jobs: Option<u64>,
    /// How long, instead of how many jobs.
    #[arg(long, value_name = "H", default_value_t = 1.0)]
    hours: f64,
    /// Where to write it. Without it, to standard output.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

/// Does it.
pub(crate) fn run(args: Args) -> Result<(), Failure> {
    match args.act {
        Act::Describe(args) => describe(&args),
        Act::Generate(args) => generate(&args),
    }
}

/// What `-o json` prints.
#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct Description<'a> {
    format: TraceFormat,
    marginals: &'a Marginals,
    rows: Vec<Row<'a>>,
}

/// One figure of a trace, and the same of the reference.
#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct Row<'a> {
    name: &'a str,
    value: Option<f64>,
    reference: Option<f64>,
}

fn describe(args: &Describe) -> Result<(), Failure> {
    let until = args.until.unwrap_or(f64::INFINITY);
    if args.from.is_nan() || until.is_nan() || args.from >= until {
        return Err(Failure::usage(
            format!("the window from {} s until {until} s is empty", args.from),
            "give --from less than --until",
        ));
    }
    let window = Window {
        from: Seconds(args.from),
        until: Seconds(until),
        ..Window::default()
    };
    let (format, trace) = read_window(&args.file, &window)?;
    let marginals = Marginals::of(&trace);
    let rows = marginals.rows();
    let rows: Vec<Row<'_>> = rows
        .iter()
        .map(|(name, value)| Row {
            name,
            value: *value,
            reference: REFERENCE
                .iter()
                .find(|(row, _)| row == name)
                .map(|(_, figure)| *figure),
        })
        .collect();
    match args.output {
        output::Format::Text => output::data(&text(format, &marginals, &rows)),
        output::Format::Json => {
            let description = Description {
                format,
                marginals: &marginals,
                rows,
            };
            output::json(&description)
        }
    }
}

fn text(format: TraceFormat, marginals: &Marginals, rows: &[Row<'_>]) -> String {
    let mut text = format!("format: {format}\n");
    for (count, what) in left_out(&marginals.left_out) {
        if count > 0 {
            let _ = writeln!(text, "left out: {count} {what}");
        }
    }
    let width = rows.iter().map(|row| row.name.len()).max().unwrap_or(0);
    let _ = writeln!(text, "\n{:width$} {:>12} {:>12}", "", "this trace", "reference");
    for row in rows {
        let [value, reference] = [row.value, row.reference].map(figure);
        let _ = writeln!(text, "{:width$} {value:>12} {reference:>12}", row.name);
    }
    text.push_str("\nreference: one hour of the Alibaba trace of 2018 (Spår 0.0.7), its jobs with a DAG\n");
    text
}

fn left_out(left_out: &LeftOut) -> [(u64, &'static str); 4] {
    [
        (left_out.independent_jobs, "jobs without DAG information"),
        (left_out.independent_tasks, "tasks of such jobs"),
        (
            left_out.unusable_tasks,
            "tasks that failed, have no duration or lie outside the window",
        ),
        (
            left_out.broken_jobs,
            "jobs that wait for tasks that are not there, or for themselves",
        ),
    ]
}

/// To three digits or the unit, whichever is more.
fn figure(value: Option<f64>) -> String {
    match value {
        None => "-".to_owned(),
        Some(value) if value == value.trunc() => format!("{value}"),
        Some(value) => {
            let digits = (value.abs() >= 1.0) as usize
                + (value.abs() >= 10.0) as usize
                + (value.abs() >= 100.0) as usize;
            format!("{value:.*}", 3 - digits)
        }
    }
}

fn generate(args: &Generate) -> Result<(), Failure> {
    let length = match args.jobs {
        Some(jobs) if jobs > MOST_JOBS && args.out.is_some() => {
            return Err(Failure::usage(
                format!("--jobs {jobs}: a file holds at most {MOST_JOBS}"),
                "leave --out away, and send the standard output to a file",
            ));
        }
        Some(jobs) => Length::Jobs(jobs),
        None if args.hours > 0.0 && args.hours <= MOST_HOURS => {
            Length::Duration(Seconds(args.hours * 3600.0))
        }
        None => {
            return Err(Failure::usage(
                format!(
                    "--hours {}: expected a number above 0, at most {MOST_HOURS}",
                    args.hours
                ),
                "give --jobs for a longer trace",
            ));
        }
    };
    let mut jobs = Generator::new(&GeneratorParams {
        seed: args.seed,
        replication: 0,
        length,
    });
    if let Some(path) = &args.out {
        return atomic_file::write(path, &csv(jobs));
    }
    loop {
        let batch: Vec<TraceJob> = jobs.by_ref().take(BATCH).collect();
        if batch.is_empty() {
            return Ok(());
        }
        let text = csv(batch);
        output::data(std::str::from_utf8(&text).expect("names and figures are text"))?;
    }
}

/// Jobs in Spår's format.
fn csv(jobs: impl IntoIterator<Item = TraceJob>) -> Vec<u8> {
    let mut bytes = Vec::new();
    for job in jobs {
        spar::write([&job], &mut bytes).expect("memory takes it");
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_have_three_digits_or_end_at_the_unit() {
        let cases = [
            (None, "-"),
            (Some(0.0), "0"),
            (Some(0.12345), "0.123"),
            (Some(6.0), "6"),
            (Some(6.0876), "6.09"),
            (Some(41.23), "41.2"),
            (Some(877.4), "877"),
            (Some(12_345.6), "12346"),
        ];
        for (value, expected) in cases {
            assert_eq!(figure(value), expected);
        }
    }

    #[test]
    fn what_is_written_is_what_was_generated() {
        let params = GeneratorParams {
            seed: 1,
            replication: 0,
            length: Length::Jobs(3),
        };
        let jobs: Vec<TraceJob> = Generator::new(&params).collect();
        let read = spar::parse(csv(jobs.clone()).as_slice(), "generated").unwrap();
        assert_eq!(read.jobs, jobs);
    }
}
