//! The comparison for people.

use std::fmt::Write as _;

use super::Comparison;

/// Measured beside simulated.
pub(crate) fn table(comparison: &Comparison) -> String {
    let mut text = String::new();
    let _ = writeln!(
        text,
        "{:<12} {:>5}   {:>17}   {:>17}   {:>21}",
        "", "", "p50 latency, ms", "p95 latency, ms", "traffic, kB×links/run"
    );
    let _ = writeln!(
        text,
        "{:<12} {:>5}   {:>8} {:>8}   {:>8} {:>8}   {:>10} {:>10}",
        "model", "runs", "measured", "sim.", "measured", "sim.", "measured", "sim."
    );
    for row in &comparison.models {
        let (measured, simulated) = (&row.measured, &row.simulated);
        let _ = writeln!(
            text,
            "{:<12} {:>5}   {:>8.1} {:>8.1}   {:>8.1} {:>8.1}   {:>10.1} {:>10.1}",
            row.model.name(),
            row.runs,
            measured.latency_ms_p50,
            simulated.latency_ms_p50,
            measured.latency_ms_p95,
            simulated.latency_ms_p95,
            measured.traffic_bytes_per_run / 1e3,
            simulated.traffic_bytes_per_run / 1e3,
        );
    }
    let best = |of: fn(&super::Row) -> f64| {
        let row = comparison.models.iter().min_by(|a, b| of(a).total_cmp(&of(b)));
        row.map_or("", |row| row.model.name())
    };
    let _ = writeln!(
        text,
        "\nFastest here: {} measured, {} simulated. Runs follow each other; a run is f1 → f2 (state s) → f3, and f1 → f3.",
        best(|row| row.measured.latency_ms_p50),
        best(|row| row.simulated.latency_ms_p50),
    );
    text
}
