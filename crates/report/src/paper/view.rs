//! One network of a summary, as the statements ask for it.

use fogline_core::model::ExecutionModel;

use super::Placement;
use crate::stats::Interval;
use crate::summary::{ConditionSummary, Metric, Setting, Summary};

/// One network of a summary.
#[derive(Clone, Copy)]
pub(super) struct View<'a> {
    pub(super) summary: &'a Summary,
    pub(super) placements: &'a [Placement],
    pub(super) network: &'a str,
}

impl View<'_> {
    pub(super) fn setting(&self, load: u32, policy: &str) -> Setting {
        Setting {
            network: self.network.to_owned(),
            load,
            policy: policy.to_owned(),
        }
    }

    /// The loads at which all four of the paper's models were run, ascending; none is `None`.
    pub(super) fn loads(&self, policy: &str) -> Option<Vec<u32>> {
        let conditions = self.summary.conditions.iter().map(|summary| &summary.condition);
        let mut loads: Vec<u32> = conditions
            .filter(|condition| condition.network == self.network && condition.policy == policy)
            .map(|condition| condition.load)
            .collect();
        loads.dedup();
        let complete = |load: u32| {
            ExecutionModel::PAPER
                .into_iter()
                .all(|model| self.interval(load, policy, model, Metric::Latency).is_some())
        };
        loads.retain(|&load| complete(load));
        (!loads.is_empty()).then_some(loads)
    }

    /// The highest load at which all four models were run: that of the paper's Figures 5 and 6.
    pub(super) fn highest_load(&self, policy: &str) -> Option<u32> {
        self.loads(policy)?.last().copied()
    }

    pub(super) fn condition(
        &self,
        load: u32,
        policy: &str,
        model: ExecutionModel,
    ) -> Option<&ConditionSummary> {
        self.summary.condition(&self.setting(load, policy).with(model))
    }

    pub(super) fn interval(
        &self,
        load: u32,
        policy: &str,
        model: ExecutionModel,
        metric: Metric,
    ) -> Option<Interval> {
        self.condition(load, policy, model)?.interval(metric)
    }

    /// The paper's four models with a metric's estimates, greatest first.
    pub(super) fn ranked(&self, load: u32, policy: &str, metric: Metric) -> Vec<(ExecutionModel, f64)> {
        let mut ranked: Vec<(ExecutionModel, f64)> = ExecutionModel::PAPER
            .into_iter()
            .filter_map(|model| Some((model, self.interval(load, policy, model, metric)?.estimate)))
            .collect();
        ranked.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
        ranked
    }
}

/// Models with a figure each, as `in-edge 20.57, external 15.65`.
pub(super) fn listed(figures: &[(ExecutionModel, f64)], decimals: usize) -> String {
    let texts: Vec<String> = figures
        .iter()
        .map(|(model, figure)| format!("{model} {figure:.decimals$}"))
        .collect();
    texts.join(", ")
}

/// A growth of 0.46 as `+46%`.
pub(super) fn percent(share: f64) -> String {
    format!("{:+.0}%", share * 100.0)
}
