//! Models compared in pairs.

use fogline_core::model::ExecutionModel;
use fogline_core::record::Replication;
use serde::Serialize;

use super::cell::Cell;
use super::{Metric, Setting};
use crate::stats::{Paired, holm, paired_mean, paired_median};

/// The difference between two models, first minus second, replication by replication.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Difference {
    /// Under what.
    pub setting: Setting,
    /// Of what.
    pub metric: Metric,
    /// One model
    pub first: ExecutionModel,
    /// and the other, which comes later in [`ExecutionModel::ALL`].
    pub second: ExecutionModel,
    /// The difference, in [`Metric::unit`]; its interval is for this comparison alone.
    pub paired: Paired,
    /// The p-value, adjusted by Holm over the family: all differences of the same metric, over all networks,
    /// loads, policies and pairs of models.
    pub adjusted_p: f64,
}

impl Difference {
    /// The same with the models in the other order.
    #[must_use]
    pub fn reversed(&self) -> Self {
        let paired = Paired {
            difference: self.paired.difference.negated(),
            ..self.paired
        };
        Self {
            setting: self.setting.clone(),
            first: self.second,
            second: self.first,
            paired,
            ..*self
        }
    }

    /// Whether the first has more, surely: at a chance below 1 - confidence of even one false claim in the
    /// family.
    #[must_use]
    pub fn first_has_more(&self) -> bool {
        self.is_significant() && self.paired.difference.estimate > 0.0
    }

    /// Whether the first has less, surely.
    #[must_use]
    pub fn first_has_less(&self) -> bool {
        self.is_significant() && self.paired.difference.estimate < 0.0
    }

    fn is_significant(&self) -> bool {
        self.adjusted_p < 1.0 - self.paired.difference.confidence
    }
}

/// All differences between two models in the same setting, ascending by setting, metric and models.
pub(super) fn between_models(cells: &[Cell<'_>], confidence: f64) -> Vec<Difference> {
    let mut differences: Vec<Difference> = cells
        .chunk_by(|a, b| Setting::of(a.condition) == Setting::of(b.condition))
        .flat_map(|cells| {
            Metric::COMPARED
                .into_iter()
                .flat_map(|metric| in_setting(cells, metric, confidence))
        })
        .collect();
    for metric in Metric::COMPARED {
        let mut family: Vec<&mut Difference> = differences
            .iter_mut()
            .filter(|difference| difference.metric == metric)
            .collect();
        let p_values: Vec<f64> = family
            .iter()
            .map(|difference| difference.paired.p_value)
            .collect();
        for (difference, adjusted) in family.iter_mut().zip(holm(&p_values)) {
            difference.adjusted_p = adjusted;
        }
    }
    differences
}

fn in_setting(cells: &[Cell<'_>], metric: Metric, confidence: f64) -> Vec<Difference> {
    let samples: Vec<(ExecutionModel, Vec<(Replication, f64)>)> = cells
        .iter()
        .map(|cell| (cell.condition.model, cell.samples(metric)))
        .collect();
    let mut differences = Vec::new();
    for (position, (first, of_first)) in samples.iter().enumerate() {
        for (second, of_second) in &samples[position + 1..] {
            let paired = match metric {
                Metric::LatencyQuantile(_) => paired_median(of_first, of_second, confidence),
                Metric::Latency | Metric::Processing | Metric::Network | Metric::Traffic => {
                    paired_mean(of_first, of_second, confidence)
                }
            };
            differences.extend(paired.map(|paired| Difference {
                setting: Setting::of(cells[position].condition),
                metric,
                first: *first,
                second: *second,
                paired,
                adjusted_p: paired.p_value,
            }));
        }
    }
    differences
}
