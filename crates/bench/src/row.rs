//! What was measured, as plain rows.

use std::fmt::Write as _;
use std::time::Duration;

use hdrhistogram::Histogram;
use serde::Serialize;

use crate::load::Load;
use crate::pace::Pace;

/// One load, measured.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Row {
    /// What was loaded.
    pub name: String,
    /// Connections at once.
    pub connections: usize,
    /// Open loop: requests per second that were due. Closed loop: none.
    pub due_per_second: Option<f64>,
    /// How long it was measured, in seconds.
    pub seconds: f64,
    /// Requests that succeeded.
    pub requests: u64,
    /// Requests that succeeded, per second.
    pub per_second: f64,
    /// Requests that failed.
    pub failed: u64,
    /// Why the first of them failed.
    pub first_failure: Option<String>,
    /// Open loop: requests that were due and never sent, because no connection was free.
    pub unsent: u64,
    /// Latency of those that succeeded, in microseconds: the median.
    pub latency_us_p50: f64,
    /// The 90th percentile.
    pub latency_us_p90: f64,
    /// The 99th percentile.
    pub latency_us_p99: f64,
    /// The 99.9th percentile.
    pub latency_us_p999: f64,
    /// The largest.
    pub latency_us_max: f64,
    /// Bytes of the bodies of requests that succeeded.
    pub bytes_sent: u64,
    /// Bytes of the bodies of their answers.
    pub bytes_received: u64,
}

impl Row {
    /// From latencies in nanoseconds.
    pub(crate) fn of(name: &str, connections: usize, load: &Load, latencies: &Histogram<u64>) -> Self {
        let micros = |nanos: u64| nanos as f64 / 1e3;
        let at = |percent: f64| micros(latencies.value_at_percentile(percent));
        Self {
            name: name.to_owned(),
            connections,
            due_per_second: match load.pace {
                Pace::Closed => None,
                Pace::Open { per_second } => Some(per_second),
            },
            seconds: load.lasts.as_secs_f64(),
            requests: latencies.len(),
            per_second: latencies.len() as f64 / load.lasts.as_secs_f64(),
            failed: 0,
            first_failure: None,
            unsent: 0,
            latency_us_p50: at(50.0),
            latency_us_p90: at(90.0),
            latency_us_p99: at(99.0),
            latency_us_p999: at(99.9),
            latency_us_max: micros(latencies.max()),
            bytes_sent: 0,
            bytes_received: 0,
        }
    }
}

/// The rows for people.
#[must_use]
pub fn table(rows: &[Row]) -> String {
    let titles = [
        "load", "conns", "req/s", "p50", "p90", "p99", "p99.9", "max", "failed",
    ];
    let mut lines = vec![titles.map(str::to_owned)];
    for row in rows {
        lines.push([
            row.name.clone(),
            row.connections.to_string(),
            format!("{:.0}", row.per_second),
            time(row.latency_us_p50),
            time(row.latency_us_p90),
            time(row.latency_us_p99),
            time(row.latency_us_p999),
            time(row.latency_us_max),
            (row.failed + row.unsent).to_string(),
        ]);
    }
    let width = |column: usize| {
        lines
            .iter()
            .map(|line| line[column].chars().count())
            .max()
            .unwrap_or(0)
    };
    let widths: [usize; 9] = std::array::from_fn(width);
    let mut text = String::new();
    for line in &lines {
        let _ = write!(text, "{:<1$}", line[0], widths[0]);
        for (cell, width) in line.iter().zip(widths).skip(1) {
            let _ = write!(text, "  {cell:>width$}");
        }
        text.push('\n');
    }
    text
}

fn time(micros: f64) -> String {
    let time = Duration::from_nanos((micros * 1e3) as u64);
    match time.as_micros() {
        ..1_000 => format!("{micros:.1} µs"),
        1_000..1_000_000 => format!("{:.2} ms", micros / 1e3),
        _ => format!("{:.2} s", micros / 1e6),
    }
}
