//! The summary as plain text, 100 columns wide, readable without colour.

mod ablation;
mod layout;
mod winners;

pub use ablation::{Ablation, AblationRow, NetworkFigures};

use fogline_core::record::Condition;

use crate::paper::{Compared, Judged};
use crate::stats::{Bootstrap, Interval, decimals};
use crate::summary::{ConditionSummary, Metric, Quantile, Setting, Summary, Verdict};
use layout::{figures_to_the_right, paragraph, plain, verbatim, with_lines};

/// What is shown of each model.
const SHOWN: [Metric; 5] = [
    Metric::Latency,
    Metric::Network,
    Metric::Traffic,
    Metric::LatencyQuantile(Quantile::MEDIAN),
    Metric::LatencyQuantile(Quantile::Q99),
];

/// The summary: for each network and policy the models' figures at the highest load, and over all loads which
/// model wins each metric and how sure that is.
#[must_use]
pub fn summary(summary: &Summary) -> String {
    let percent = rounded(summary.confidence * 100.0);
    let level = rounded(1.0 - summary.confidence);
    let mut text = String::new();
    paragraph(
        &mut text,
        &format!(
            "Intervals cover {percent}% and count replications, not jobs. A winner is certain where it beats \
             every other model in pairs: Holm-adjusted p < {level}, over all settings of the metric."
        ),
    );
    if summary.conditions.iter().any(|found| found.topologies == 1) {
        let one = "Where there is one topology, intervals speak of that network, not of others like it.";
        paragraph(&mut text, one);
    }
    if summary.repeated_rows > 0 {
        let left_out = format!(
            "Left out: {} replications that came more than once.",
            summary.repeated_rows
        );
        paragraph(&mut text, &left_out);
    }
    for loads in by_network_and_policy(summary) {
        block(&mut text, summary, &loads);
    }
    text
}

/// The statements of the paper with their outcome in both modes side by side.
#[must_use]
pub fn statements(compared: &[Compared]) -> String {
    let mut text = String::new();
    for network in compared.chunk_by(|a, b| a.network == b.network) {
        let mut table = with_lines(&["figure", "statement", "compat", "corrected"]);
        for row in network {
            table.add_row([
                row.figure.to_string(),
                row.text.to_owned(),
                judged(row.compat.as_ref()),
                judged(row.corrected.as_ref()),
            ]);
        }
        let name = &network[0].network;
        let name = if name.is_empty() { "no network" } else { name };
        paragraph(&mut text, &format!("\nThe paper's statements, {name}"));
        verbatim(&mut text, &table);
    }
    text
}

/// Without the noise of the subtraction, so that 1 - 0.95 is shown as 0.05.
fn rounded(share: f64) -> f64 {
    (share * 1e6).round() / 1e6
}

fn judged(judged: Option<&Judged>) -> String {
    judged.map_or_else(
        || "not run".to_owned(),
        |judged| {
            format!(
                "{}\n{}",
                judged.finding.to_string().to_uppercase(),
                judged.evidence
            )
        },
    )
}

/// The settings of each network and policy, by ascending load.
fn by_network_and_policy(summary: &Summary) -> Vec<Vec<Setting>> {
    let mut settings = summary.settings();
    settings.sort_by(|a, b| (&a.network, &a.policy, a.load).cmp(&(&b.network, &b.policy, b.load)));
    let same = |a: &Setting, b: &Setting| a.network == b.network && a.policy == b.policy;
    settings.chunk_by(same).map(<[Setting]>::to_vec).collect()
}

/// One network and policy.
fn block(text: &mut String, summary: &Summary, loads: &[Setting]) {
    let Some(top) = loads.last() else { return };
    let of_top = |found: &&ConditionSummary| Setting::of(&found.condition) == *top;
    let models: Vec<&ConditionSummary> = summary.conditions.iter().filter(of_top).collect();
    let Some(first) = models.first() else { return };
    let Condition {
        network,
        load,
        policy,
        ..
    } = &first.condition;
    let topologies = match first.topologies {
        1 => String::new(),
        several => format!(" on {several} topologies"),
    };
    paragraph(
        text,
        &format!(
            "\n{network}, {policy}, {load} jobs: {} replications{topologies}",
            first.replications
        ),
    );
    verbatim(text, &estimates(&models));
    if models.iter().any(|model| model.latency_bootstrap.is_some()) {
        paragraph(text, &bootstrap(summary, &models));
    }
    if let Some(won) = variance_won(summary, top) {
        paragraph(text, &won);
    }
    let verdicts: Vec<&Verdict> = summary
        .verdicts
        .iter()
        .filter(|verdict| loads.contains(&verdict.setting))
        .collect();
    if !verdicts.is_empty() {
        verbatim(text, &winners::table(&verdicts, loads.len(), summary));
    }
}

fn estimates(models: &[&ConditionSummary]) -> comfy_table::Table {
    let heads = SHOWN.iter().map(|metric| format!("{metric}\n{}", metric.unit()));
    let heads: Vec<String> = std::iter::once("model".to_owned()).chain(heads).collect();
    let mut table = plain(&heads);
    for model in models {
        let cells = SHOWN.iter().map(|&metric| match model.interval(metric) {
            Some(interval) => estimate(metric, &interval),
            None => "no jobs".to_owned(),
        });
        table.add_row(std::iter::once(model.condition.model.to_string()).chain(cells));
    }
    figures_to_the_right(&mut table);
    table
}

fn estimate(metric: Metric, interval: &Interval) -> String {
    let Interval {
        estimate, low, high, ..
    } = *interval;
    let half = interval.half_width();
    let digits = decimals(half);
    match metric {
        _ if !half.is_finite() => format!("{estimate:.1} ± ?"),
        Metric::LatencyQuantile(_) => {
            // Both ends are shown, so that fewer decimals fit on the line.
            let digits = digits.min(if estimate >= 100.0 { 0 } else { 1 });
            format!("{estimate:.digits$} ({low:.digits$}-{high:.digits$})")
        }
        _ => format!("{estimate:.digits$} ± {half:.digits$}"),
    }
}

fn bootstrap(summary: &Summary, models: &[&ConditionSummary]) -> String {
    let intervals = models.iter().filter_map(|model| {
        let interval = model
            .latency_bootstrap
            .filter(|interval| interval.half_width().is_finite())?;
        let digits = decimals(interval.half_width());
        let Interval { low, high, .. } = interval;
        Some(format!(
            "{} {low:.digits$}-{high:.digits$} ms",
            model.condition.model
        ))
    });
    let intervals: Vec<String> = intervals.collect();
    let intervals = if intervals.is_empty() {
        "too few replications".to_owned()
    } else {
        intervals.join(", ")
    };
    let Bootstrap { resamples, seed } = summary.bootstrap;
    format!("Mean latency by bootstrap (BCa, {resamples} resamples, seed {seed}): {intervals}.")
}

/// What common random numbers won for the differences in mean latency.
fn variance_won(summary: &Summary, setting: &Setting) -> Option<String> {
    let ours = summary
        .differences
        .iter()
        .filter(|d| d.metric == Metric::Latency && d.setting == *setting);
    let ratios: Vec<f64> = ours
        .filter_map(|difference| difference.paired.variance_ratio)
        .collect();
    let least = ratios.iter().copied().reduce(f64::min)?;
    let most = ratios.iter().copied().reduce(f64::max)?;
    Some(format!(
        "Common random numbers: run independently, the models would need {least:.1} to {most:.1} times the \
         replications for differences in mean latency this sure."
    ))
}
