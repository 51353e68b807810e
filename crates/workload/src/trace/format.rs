//! Which format a trace file has, and reading it whatever it is.

use std::fmt;
use std::io::BufRead;
use std::path::Path;

use fogline_core::model::{BadInput, Seconds};
use serde::Serialize;

use super::lines::Lines;
use super::{Trace, TraceJob, alibaba, azure, spar};

/// The format of a trace file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum TraceFormat {
    /// Spår's `batch_task.csv`, 7 columns.
    Spar,
    /// `batch_task.csv` of the Alibaba cluster trace of 2018, 9 columns.
    Alibaba2018,
    /// Invocations per function and minute of the Azure Functions trace of 2019.
    Azure2019,
    /// The Azure Functions invocation trace of 2021.
    Azure2021,
}

impl TraceFormat {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Spar, Self::Alibaba2018, Self::Azure2019, Self::Azure2021];

    /// The name in files and in what the command prints.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Spar => "spar",
            Self::Alibaba2018 => "alibaba-2018",
            Self::Azure2019 => "azure-2019",
            Self::Azure2021 => "azure-2021",
        }
    }

    /// What its records look like.
    #[must_use]
    pub fn columns(self) -> String {
        match self {
            Self::Spar => spar::COLUMNS.join(","),
            Self::Alibaba2018 => alibaba::COLUMNS.join(","),
            Self::Azure2019 => format!("header {},1,2,…,1440", azure::INVOCATIONS.join(",")),
            Self::Azure2021 => format!("header {}", azure::COLUMNS_2021.join(",")),
        }
    }

    /// What the first line of a file says.
    fn of(first: &str) -> Option<Self> {
        if first == azure::COLUMNS_2021.join(",") {
            return Some(Self::Azure2021);
        }
        if first.starts_with(&format!("{},1,", azure::INVOCATIONS.join(","))) {
            return Some(Self::Azure2019);
        }
        match first.split(',').count() {
            count if count == spar::COLUMNS.len() => Some(Self::Spar),
            count if count == alibaba::COLUMNS.len() => Some(Self::Alibaba2018),
            _ => None,
        }
    }
}

impl fmt::Display for TraceFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// Which part of a trace is read, and how much at most.
///
/// Public traces span days and have up to 10^10 invocations; what is read is held in memory.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Window {
    /// First moment, from the start of the trace.
    pub from: Seconds,
    /// Moment behind the last.
    pub until: Seconds,
    /// How many tasks are held at most; a trace with more is refused. A task takes up to
    /// 250 bytes.
    pub most_tasks: usize,
}

impl Default for Window {
    /// The whole trace, up to 16 million tasks: the whole Alibaba trace of 2018 has 14.3 million.
    fn default() -> Self {
        Self {
            from: Seconds::ZERO,
            until: Seconds(f64::INFINITY),
            most_tasks: 16_000_000,
        }
    }
}

impl Window {
    /// Whether a moment lies in the window.
    #[must_use]
    pub fn contains(&self, moment: Seconds) -> bool {
        self.from <= moment && moment < self.until
    }

    /// A trace that does not fit.
    pub(super) fn too_small(&self, file: &str) -> BadInput {
        BadInput::whole(
            file,
            format!("the trace has more than {} tasks", self.most_tasks),
            "read a part of it: give a start and an end",
        )
    }

    /// Nothing is left of a trace.
    pub(super) fn empty(file: &str) -> BadInput {
        BadInput::whole(
            file,
            "there is no usable job in it",
            "is the window that is read within the trace, and has the trace tasks that ended well?",
        )
    }
}

/// Reads a trace file of any known format.
///
/// # Errors
/// When the format is not known, or as its reader says.
pub fn read(path: &Path) -> Result<(TraceFormat, Trace), BadInput> {
    read_window(path, &Window::default())
}

/// Reads a part of a trace file of any known format. Arrivals stay those of the file.
///
/// # Errors
/// As [`read`]; also when the window has no job.
pub fn read_window(path: &Path, window: &Window) -> Result<(TraceFormat, Trace), BadInput> {
    let mut lines = Lines::open(path)?;
    let format = detect(&mut lines)?;
    let trace = match format {
        TraceFormat::Spar => cut(spar::parse_lines(lines)?, window, path)?,
        TraceFormat::Alibaba2018 => alibaba::parse_lines(lines, window)?,
        TraceFormat::Azure2019 => azure::read_2019(path, &azure::durations_of(path)?, window)?,
        TraceFormat::Azure2021 => azure::parse_2021_lines(lines, window)?,
    };
    Ok((format, trace))
}

fn detect(lines: &mut Lines<impl BufRead>) -> Result<TraceFormat, BadInput> {
    let formats = || {
        let known: Vec<String> = TraceFormat::ALL
            .iter()
            .map(|format| format!("{format} ({})", format.columns()))
            .collect();
        format!("the formats are {}", known.join("; "))
    };
    if !lines.peek()? {
        return Err(BadInput::whole(lines.file(), "the file is empty", formats()));
    }
    let fields = lines.fields()?;
    if fields.text.starts_with(&azure::DURATIONS.join(",")) {
        return Err(BadInput::whole(
            lines.file(),
            "these are the durations of an Azure 2019 trace",
            "give the file invocations_per_function_md… beside it; the durations are found from there",
        ));
    }
    TraceFormat::of(fields.text).ok_or_else(|| {
        let count = fields.text.split(',').count();
        BadInput::at(
            lines.file(),
            1,
            1,
            format!("not a known trace: its first line has {count} fields"),
            formats(),
        )
    })
}

/// Leaves out the jobs that do not arrive in the window.
fn cut(mut trace: Trace, window: &Window, path: &Path) -> Result<Trace, BadInput> {
    let outside = |job: &TraceJob| !window.contains(job.arrival);
    let tasks = |jobs: &[TraceJob]| jobs.iter().map(|job| job.tasks.len() as u64).sum::<u64>();
    if trace.jobs.iter().any(outside) {
        let before = tasks(&trace.jobs);
        trace.jobs.retain(|job| window.contains(job.arrival));
        trace.left_out.unusable_tasks += before - tasks(&trace.jobs);
    }
    if trace.jobs.is_empty() {
        return Err(Window::empty(&path.display().to_string()));
    }
    Ok(trace)
}
