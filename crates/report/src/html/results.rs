//! A summary as tables.

use fogline_core::record::Condition;

use super::TableBlock;
use crate::stats::decimals;
use crate::stats::{Interval, Unit};
use crate::summary::{ConditionSummary, Metric, Quantile, Setting, Summary, Verdict};

/// What is shown of each condition.
const SHOWN: [Metric; 7] = [
    Metric::Latency,
    Metric::Processing,
    Metric::Network,
    Metric::LatencyQuantile(Quantile::MEDIAN),
    Metric::LatencyQuantile(Quantile::Q90),
    Metric::LatencyQuantile(Quantile::Q99),
    Metric::Traffic,
];

/// The estimates of every condition with their intervals: a table per network and policy, a row per load and
/// model.
#[must_use]
pub fn results(summary: &Summary) -> Vec<TableBlock> {
    let mut conditions: Vec<&ConditionSummary> = summary.conditions.iter().collect();
    let key = |condition: &Condition| (condition.network.clone(), condition.policy.clone());
    conditions.sort_by_key(|found| key(&found.condition));
    conditions
        .chunk_by(|a, b| key(&a.condition) == key(&b.condition))
        .map(|found| block(summary, found))
        .collect()
}

fn block(summary: &Summary, found: &[&ConditionSummary]) -> TableBlock {
    let Condition { network, policy, .. } = &found[0].condition;
    let percent = (summary.confidence * 1e6).round() / 1e4;
    let heads = SHOWN.iter().map(|metric| format!("{metric} ({})", metric.unit()));
    TableBlock {
        title: format!("{network}, {policy}"),
        note: format!(
            "{percent} % intervals over independent {}: of a mean by Student's t (±), of a quantile by {} (in \
             brackets). Without one, there are too few.",
            found[0].unit.word(2),
            match found[0].unit {
                Unit::Seed => "order statistics",
                Unit::Topology => "Student's t",
            }
        ),
        heads: ["jobs", "model"]
            .map(str::to_owned)
            .into_iter()
            .chain(heads)
            .collect(),
        keys: 2,
        rows: found.iter().map(|found| row(found)).collect(),
    }
}

fn row(found: &ConditionSummary) -> Vec<String> {
    let Condition { load, model, .. } = &found.condition;
    let cells = SHOWN
        .iter()
        .map(|metric| match (found.interval(*metric), metric) {
            (None, _) => "no jobs".to_owned(),
            (Some(interval), Metric::LatencyQuantile(_)) => by_ends(&interval),
            (Some(interval), _) => by_half_width(&interval),
        });
    [load.to_string(), model.to_string()]
        .into_iter()
        .chain(cells)
        .collect()
}

fn by_half_width(interval: &Interval) -> String {
    let half = interval.half_width();
    if half.is_finite() {
        let digits = decimals(half);
        format!("{:.digits$} ± {half:.digits$}", interval.estimate)
    } else {
        format!("{:.3}", interval.estimate)
    }
}

fn by_ends(interval: &Interval) -> String {
    let Interval {
        estimate, low, high, ..
    } = *interval;
    if low.is_finite() && high.is_finite() {
        let digits = decimals((high - low) / 2.0);
        format!("{estimate:.digits$} [{low:.digits$}, {high:.digits$}]")
    } else {
        format!("{estimate:.1}")
    }
}

/// The model with the least of every compared metric: a table per network and policy, a row per load.
#[must_use]
pub fn winners(summary: &Summary) -> Vec<TableBlock> {
    let mut settings = summary.settings();
    settings.sort_by(|a, b| (&a.network, &a.policy, a.load).cmp(&(&b.network, &b.policy, b.load)));
    let level = ((1.0 - summary.confidence) * 1e6).round() / 1e6;
    let block = |settings: &[Setting]| TableBlock {
        title: format!("{}, {}", settings[0].network, settings[0].policy),
        note: format!(
            "The model with the least. A question mark: not certain that it beats every other model (paired \
             differences, Holm-adjusted p < {level} over all settings of the metric)."
        ),
        heads: std::iter::once("jobs".to_owned())
            .chain(Metric::COMPARED.iter().map(ToString::to_string))
            .collect(),
        keys: 1,
        rows: settings
            .iter()
            .map(|setting| winners_of(summary, setting))
            .collect(),
    };
    settings
        .chunk_by(|a, b| (&a.network, &a.policy) == (&b.network, &b.policy))
        .map(block)
        .collect()
}

fn winners_of(summary: &Summary, setting: &Setting) -> Vec<String> {
    let of_setting = |found: &&ConditionSummary| Setting::of(&found.condition) == *setting;
    let models = summary.conditions.iter().filter(of_setting).count();
    let cell = |metric: &Metric| {
        let of_cell = |verdict: &&Verdict| verdict.setting == *setting && verdict.metric == *metric;
        let verdict = summary.verdicts.iter().find(of_cell);
        verdict.map_or_else(|| "-".to_owned(), |verdict| winner(verdict, models))
    };
    let cells = Metric::COMPARED.iter().map(cell);
    std::iter::once(setting.load.to_string()).chain(cells).collect()
}

fn winner(verdict: &Verdict, models: usize) -> String {
    if verdict.equals.len() + 1 == models {
        return "all equal".to_owned();
    }
    let names: Vec<&str> = std::iter::once(&verdict.winner)
        .chain(&verdict.equals)
        .map(|model| model.name())
        .collect();
    let sure = verdict.certain || !verdict.equals.is_empty();
    names.join(" = ") + if sure { "" } else { " ?" }
}
