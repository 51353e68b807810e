//! Who wins, and how sure that is.

use fogline_core::model::ExecutionModel;
use serde::Serialize;

use super::{ConditionSummary, Difference, Metric, Setting};
use crate::stats::Interval;

/// The model with the least of a metric in a setting.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Verdict {
    /// Under what.
    pub setting: Setting,
    /// By what.
    pub metric: Metric,
    /// The model with the lowest estimate.
    pub winner: ExecutionModel,
    /// The next.
    pub runner_up: ExecutionModel,
    /// Winner minus runner-up in pairs, in [`Metric::unit`]: below 0 where the winner is better.
    pub difference: Interval,
    /// The winner's weakest comparison: the largest Holm-adjusted p-value against any other model.
    pub adjusted_p: f64,
    /// Whether the winner beats every other model at the summary's confidence, all settings of the metric
    /// taken together.
    pub certain: bool,
    /// The models that equal the winner in every replication, ascending; where there is one, nobody wins.
    pub equals: Vec<ExecutionModel>,
}

/// The verdict of every setting and compared metric that has two models with common replications.
pub(super) fn of(
    conditions: &[ConditionSummary],
    differences: &[Difference],
    confidence: f64,
) -> Vec<Verdict> {
    let mut verdicts = Vec::new();
    let mut left = differences;
    for models in conditions.chunk_by(|a, b| Setting::of(&a.condition) == Setting::of(&b.condition)) {
        let setting = Setting::of(&models[0].condition);
        let count = left
            .iter()
            .take_while(|difference| difference.setting == setting)
            .count();
        let (here, rest) = left.split_at(count);
        left = rest;
        for metric in Metric::COMPARED {
            verdicts.extend(verdict(&setting, metric, models, here, confidence));
        }
    }
    verdicts
}

fn verdict(
    setting: &Setting,
    metric: Metric,
    models: &[ConditionSummary],
    differences: &[Difference],
    confidence: f64,
) -> Option<Verdict> {
    let mut ranked: Vec<(f64, ExecutionModel)> = models
        .iter()
        .filter_map(|summary| Some((summary.interval(metric)?.estimate, summary.condition.model)))
        .collect();
    ranked.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
    let [(_, winner), (_, runner_up), ..] = ranked[..] else {
        return None;
    };
    // The winner minus each other model that it was compared with.
    let against: Vec<Difference> = differences
        .iter()
        .filter(|difference| difference.metric == metric)
        .filter_map(|difference| match winner {
            _ if difference.first == winner => Some(difference.clone()),
            _ if difference.second == winner => Some(difference.reversed()),
            _ => None,
        })
        .collect();
    let next = against.iter().find(|difference| difference.second == runner_up)?;
    let adjusted_p = against
        .iter()
        .map(|difference| difference.adjusted_p)
        .fold(0.0, f64::max);
    Some(Verdict {
        setting: setting.clone(),
        metric,
        winner,
        runner_up,
        difference: next.paired.difference,
        adjusted_p,
        certain: adjusted_p < 1.0 - confidence
            && against.len() == ranked.len() - 1
            && against.iter().all(Difference::first_has_less),
        equals: against
            .iter()
            .filter(|d| is_equality(d))
            .map(|d| d.second)
            .collect(),
    })
}

fn is_equality(difference: &Difference) -> bool {
    let paired = &difference.paired;
    paired.p_value >= 1.0 && paired.difference.estimate == 0.0 && paired.difference.half_width() == 0.0
}
