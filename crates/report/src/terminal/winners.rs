//! Who wins each metric, at which loads, and how sure that is.

use comfy_table::Table;
use fogline_core::model::ExecutionModel;

use super::layout::plain;
use crate::stats::decimals;
use crate::summary::{Metric, Setting, Summary, Verdict};

/// A row for each metric and winner, for the verdicts of one network and policy at `loads` loads.
pub(super) fn table(verdicts: &[&Verdict], loads: usize, summary: &Summary) -> Table {
    let mut table = plain(&["least", "has", "at loads", "how sure", "ahead of"]);
    for metric in Metric::COMPARED {
        let mut left: Vec<&Verdict> = verdicts.iter().copied().filter(|v| v.metric == metric).collect();
        // Winners in the order of the first load that they win.
        while let Some(&first) = left.first() {
            let (rows, rest): (Vec<&Verdict>, Vec<&Verdict>) =
                left.iter().partition(|verdict| names(verdict) == names(first));
            if let Some(last) = rows.last() {
                table.add_row(row(last, &rows, loads, summary));
            }
            left = rest;
        }
    }
    table
}

/// The winner and its equals.
fn names(verdict: &Verdict) -> (ExecutionModel, &[ExecutionModel]) {
    (verdict.winner, &verdict.equals)
}

/// The row of one winner; figures are those of the highest load that it wins.
fn row(last: &Verdict, rows: &[&Verdict], loads: usize, summary: &Summary) -> [String; 5] {
    let at = if rows.len() == loads && loads > 1 {
        format!("all {loads}")
    } else {
        let loads: Vec<String> = rows
            .iter()
            .map(|verdict| verdict.setting.load.to_string())
            .collect();
        loads.join(", ")
    };
    let metric = last.metric.to_string();
    if !last.equals.is_empty() {
        return [
            metric,
            equals(last, summary),
            at,
            "equal".to_owned(),
            "-".to_owned(),
        ];
    }
    [
        metric,
        last.winner.to_string(),
        at,
        certainty(rows),
        lead(last, summary),
    ]
}

fn equals(verdict: &Verdict, summary: &Summary) -> String {
    let of_setting = |condition| Setting::of(condition) == verdict.setting;
    let models = summary
        .conditions
        .iter()
        .filter(|found| of_setting(&found.condition))
        .count();
    if verdict.equals.len() + 1 == models {
        return "all".to_owned();
    }
    let names = std::iter::once(&verdict.winner)
        .chain(&verdict.equals)
        .map(ToString::to_string);
    names.collect::<Vec<String>>().join(" = ")
}

fn certainty(rows: &[&Verdict]) -> String {
    let worst = rows.iter().map(|verdict| verdict.adjusted_p).fold(0.0, f64::max);
    let p = if worst < 0.001 {
        "p < 0.001".to_owned()
    } else {
        format!("p = {worst:.3}")
    };
    match rows.iter().filter(|verdict| verdict.certain).count() {
        0 => format!("not certain, {p}"),
        certain if certain == rows.len() => format!("certain, {p}"),
        certain => format!("certain at {certain}, {p}"),
    }
}

fn lead(last: &Verdict, summary: &Summary) -> String {
    // No more decimals are shown; a negative zero would be.
    let by = if last.difference.estimate.abs() < 0.0005 {
        0.0
    } else {
        -last.difference.estimate
    };
    let runner_up = summary.condition(&last.setting.with(last.runner_up));
    let share = runner_up
        .and_then(|condition| condition.interval(last.metric))
        .map(|interval| by / interval.estimate * 100.0)
        .filter(|share| share.is_finite())
        .map_or_else(String::new, |share| format!(" ({share:.0}%)"));
    let digits = decimals(last.difference.half_width());
    format!(
        "{} by {by:.digits$} {}{share}",
        last.runner_up,
        last.metric.unit()
    )
}
