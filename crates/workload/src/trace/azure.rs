//! The Azure Functions traces of 2019 and 2021, as sources of arrivals and durations.
//!
//! Source: Microsoft, <https://github.com/Azure/AzurePublicDataset>, CC-BY 4.0 (Shahrad et al., ATC'20; Zhang
//! et al., SOSP'21). They know neither workflows nor resources: each invocation is a job of one task, whose
//! CPU and memory are not known.

use std::collections::HashMap;
use std::io::BufRead;
use std::path::{Path, PathBuf};

use fogline_core::model::{BadInput, Seconds};

use super::format::Window;
use super::lines::{Fields, Lines};
use super::{Trace, TraceJob, TraceTask};

/// The columns of the trace of 2021.
pub(super) const COLUMNS_2021: [&str; 4] = ["app", "func", "end_timestamp", "duration"];

/// The columns before the minutes, in the file of invocations of 2019.
pub(super) const INVOCATIONS: [&str; 4] = ["HashOwner", "HashApp", "HashFunction", "Trigger"];

/// The columns that count, in the file of durations of 2019; percentiles follow.
pub(super) const DURATIONS: [&str; 4] = ["HashOwner", "HashApp", "HashFunction", "Average"];

/// Minutes of a day, one column each.
const MINUTES: usize = 1440;

/// What the two files of one day of 2019 are called.
const FILE_OF_INVOCATIONS: &str = "invocations_per_function_md";
const FILE_OF_DURATIONS: &str = "function_durations_percentiles";

/// Of a function's hash, the part that names its jobs.
const SHORT: usize = 12;

/// Reads the trace of 2021 from memory or a stream; `file` is its name in messages.
///
/// An invocation arrives its duration before its end, at 0 if that is before the trace begins. Jobs come in
/// order of arrival.
///
/// # Errors
/// When the header is another, a record has not four fields, a number is missing, negative, infinite or NaN,
/// a line is longer than [`MAX_LINE`](super::MAX_LINE), is not UTF-8 or cannot be read, the window has more
/// invocations than it may, or none.
pub fn parse_2021(input: impl BufRead, file: &str, window: &Window) -> Result<Trace, BadInput> {
    parse_2021_lines(Lines::new(input, file), window)
}

pub(super) fn parse_2021_lines(mut lines: Lines<impl BufRead>, window: &Window) -> Result<Trace, BadInput> {
    let mut trace = Trace::default();
    header(&mut lines, &COLUMNS_2021)?;
    let mut record: u64 = 0;
    while lines.advance()? {
        let [app, function, end, duration] = lines.fields()?.exactly(COLUMNS_2021)?;
        app.word()?;
        let function = function.word()?;
        let (end, duration) = (end.quantity()?, duration.quantity()?);
        record += 1;
        let arrival = Seconds((end - duration).max(0.0));
        if window.contains(arrival) {
            trace
                .jobs
                .push(invocation(short(function), record, arrival, Seconds(duration)));
            fits(&trace, window, lines.file())?;
        } else {
            trace.left_out.unusable_tasks += 1;
        }
    }
    finish(trace, lines.file())
}

/// Reads one day of the trace of 2019: the file of invocations per minute and that of durations.
///
/// A minute's invocations of a function arrive evenly spread over it: the k-th of n, from 0, after
/// (k + ½)/n of the minute. Each lasts the function's average of the day. Functions without a duration are
/// left out. Jobs come in order of arrival.
///
/// # Errors
/// When a file cannot be opened, its header is another, a record has not as many fields as the header, a
/// number is missing, negative, infinite or NaN, a line is longer than [`MAX_LINE`](super::MAX_LINE), is not
/// UTF-8 or cannot be read, the window has more invocations than it may, or none.
pub fn read_2019(invocations: &Path, durations: &Path, window: &Window) -> Result<Trace, BadInput> {
    let averages = averages(Lines::open(durations)?)?;
    parse_invocations(Lines::open(invocations)?, &averages, window)
}

/// As [`read_2019`], from memory or streams.
///
/// # Errors
/// See there.
pub fn parse_2019(
    invocations: (impl BufRead, &str),
    durations: (impl BufRead, &str),
    window: &Window,
) -> Result<Trace, BadInput> {
    let averages = averages(Lines::new(durations.0, durations.1))?;
    parse_invocations(Lines::new(invocations.0, invocations.1), &averages, window)
}

/// The file of durations that belongs to a file of invocations of 2019, by its name.
pub(super) fn durations_of(invocations: &Path) -> Result<PathBuf, BadInput> {
    let name = invocations.file_name().and_then(|name| name.to_str());
    match name {
        Some(name) if name.contains(FILE_OF_INVOCATIONS) => {
            Ok(invocations.with_file_name(name.replace(FILE_OF_INVOCATIONS, FILE_OF_DURATIONS)))
        }
        _ => Err(BadInput::whole(
            invocations.display().to_string(),
            "cannot tell which file has the durations of these invocations",
            format!("keep the names {FILE_OF_INVOCATIONS}… and {FILE_OF_DURATIONS}…, in one folder"),
        )),
    }
}

/// Average duration of each function, in seconds, by owner, application and function.
fn averages(mut lines: Lines<impl BufRead>) -> Result<HashMap<String, f64>, BadInput> {
    let columns = header(&mut lines, &DURATIONS)?;
    let mut averages = HashMap::new();
    while lines.advance()? {
        let fields = lines.fields()?;
        let mut key = key(&fields);
        let mut found = 0;
        for (index, field) in fields.all().enumerate() {
            found = index + 1;
            if index + 1 == DURATIONS.len() {
                let milliseconds = field.named("Average").quantity()?;
                averages.insert(std::mem::take(&mut key), milliseconds / 1e3);
            }
        }
        if found != columns {
            return Err(fields.wrong_count(
                columns,
                found,
                "a record has a field per column of the header".into(),
            ));
        }
    }
    Ok(averages)
}

fn parse_invocations(
    mut lines: Lines<impl BufRead>,
    averages: &HashMap<String, f64>,
    window: &Window,
) -> Result<Trace, BadInput> {
    let mut trace = Trace::default();
    let columns = header(&mut lines, &INVOCATIONS)?;
    if columns != INVOCATIONS.len() + MINUTES {
        return Err(BadInput::at(
            lines.file(),
            1,
            1,
            format!("expected {MINUTES} minutes, found {columns} columns"),
            format!("the header is {},1,…,{MINUTES}", INVOCATIONS.join(",")),
        ));
    }
    let mut record = 0;
    while lines.advance()? {
        let fields = lines.fields()?;
        let found = fields.all().count();
        if found != columns {
            return Err(fields.wrong_count(
                columns,
                found,
                "a record has a field per column of the header".into(),
            ));
        }
        let key = key(&fields);
        let function = fields.text.split(',').nth(2).map_or("", short);
        let average = averages.get(&key);
        for (minute, count) in fields.all().skip(INVOCATIONS.len()).enumerate() {
            let count = count.named("invocations of a minute").count()?;
            let Some(average) = average.filter(|_| overlaps(window, minute)) else {
                trace.left_out.unusable_tasks += u64::from(count);
                continue;
            };
            if count as usize > window.most_tasks {
                return Err(window.too_small(lines.file()));
            }
            for arrival in spread(minute, count) {
                if window.contains(arrival) {
                    record += 1;
                    trace
                        .jobs
                        .push(invocation(function, record, arrival, Seconds(*average)));
                    fits(&trace, window, lines.file())?;
                } else {
                    trace.left_out.unusable_tasks += 1;
                }
            }
        }
    }
    finish(trace, lines.file())
}

/// Whether a part of the minute lies in the window.
fn overlaps(window: &Window, minute: usize) -> bool {
    let start = minute as f64 * 60.0;
    window.from.0 < start + 60.0 && start < window.until.0
}

/// When the invocations of one minute arrive.
fn spread(minute: usize, count: u32) -> impl Iterator<Item = Seconds> {
    let start = minute as f64 * 60.0;
    (0..count).map(move |k| Seconds(start + (f64::from(k) + 0.5) * 60.0 / f64::from(count)))
}

/// Reads a header that begins with these columns; says how many it has.
fn header(lines: &mut Lines<impl BufRead>, columns: &[&str]) -> Result<usize, BadInput> {
    let expected = columns.join(",");
    let hint = format!("the first line begins with {expected}");
    if !lines.advance()? {
        return Err(BadInput::whole(lines.file(), "the file is empty", hint));
    }
    let found: Vec<&str> = lines.fields()?.text.split(',').collect();
    if found.len() < columns.len() || found[..columns.len()] != *columns {
        return Err(BadInput::at(lines.file(), 1, 1, "expected another header", hint));
    }
    Ok(found.len())
}

/// Owner, application and function of a record.
fn key(fields: &Fields<'_>) -> String {
    let end = fields.text.match_indices(',').nth(2).map(|(at, _)| at);
    fields.text[..end.unwrap_or(fields.text.len())].to_owned()
}

fn short(function: &str) -> &str {
    function.get(..SHORT).unwrap_or(function)
}

fn invocation(function: &str, record: u64, arrival: Seconds, duration: Seconds) -> TraceJob {
    TraceJob {
        name: format!("{function}-{record}"),
        arrival,
        tasks: vec![TraceTask {
            id: 1,
            parents: Vec::new(),
            duration,
            cpu: None,
            memory: None,
            instances: 1,
        }],
        independent: 0,
    }
}

fn fits(trace: &Trace, window: &Window, file: &str) -> Result<(), BadInput> {
    if trace.jobs.len() > window.most_tasks {
        return Err(window.too_small(file));
    }
    Ok(())
}

fn finish(mut trace: Trace, file: &str) -> Result<Trace, BadInput> {
    if trace.jobs.is_empty() {
        return Err(Window::empty(file));
    }
    // Stable, so that invocations of one moment stay in the order of the file.
    trace.jobs.sort_by(|a, b| a.arrival.total_cmp(&b.arrival));
    Ok(trace)
}
