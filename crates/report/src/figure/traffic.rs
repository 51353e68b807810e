//! Figure 4: mean traffic per run against the number of jobs.

use fogline_core::model::ExecutionModel;

use super::axis::Axis;
use super::plot::{Panel, Plot, Point, Series, Shown};
use super::{Figure, select};
use crate::summary::{ConditionSummary, Metric, Summary};

/// The policy whose lines are dashed.
const DASHED: &str = "load";

pub(super) fn figure(summary: &Summary) -> Option<Figure> {
    let conditions = &summary.conditions;
    let policies = select::distinct(summary, |condition| &condition.policy);
    let networks = select::distinct(summary, |condition| &condition.network);
    let legend = select::models(conditions.iter());
    let rows: Vec<Vec<Panel>> = networks
        .iter()
        .map(|network| row(summary, network, &policies))
        .collect();
    let sample = select::sample(conditions.iter())?;
    let percent = select::percent(summary.confidence);
    let dashes = if policies.contains(&DASHED) {
        " Dashed: placement by load alone."
    } else {
        ""
    };
    Some(Figure {
        name: "figure-4",
        caption: format!(
            "Mean traffic per run (bytes times links crossed) against the number of jobs, for each network and \
             placement policy; the panels of a network share their axis. Bars are {percent} confidence intervals \
             of the mean by Student's t over {}; where none is seen it is smaller than the mark.",
            sample.words
        ),
        plot: Plot {
            title: "Traffic per run".to_owned(),
            subtitle: "Mean over the jobs of a run's bytes times links crossed".to_owned(),
            notes: vec![sample.note(&format!("Bars: {percent} t intervals")) + dashes],
            legend,
            dashed_models: false,
            rows,
        },
    })
}

/// The panels of a network: one per policy, on one scale.
fn row(summary: &Summary, network: &str, policies: &[&str]) -> Vec<Panel> {
    let here = |found: &&ConditionSummary| found.condition.network == network;
    let of_network: Vec<&ConditionSummary> = summary.conditions.iter().filter(here).collect();
    let loads = of_network.iter().map(|found| found.condition.load);
    let x = Axis::whole("jobs", loads);
    let intervals = of_network
        .iter()
        .filter_map(|found| found.interval(Metric::Traffic));
    let ends = intervals.flat_map(|interval| [interval.estimate, interval.high]);
    let y = Axis::from_zero("traffic per run (MB)", ends);
    let panel = |policy: &&str| {
        let of_policy = of_network
            .iter()
            .copied()
            .filter(|found| found.condition.policy == *policy);
        let found: Vec<&ConditionSummary> = of_policy.collect();
        let series = select::models(found.iter().copied())
            .into_iter()
            .map(|model| series(&found, model, policy));
        Panel {
            title: format!("{network}, {policy}"),
            x: x.clone(),
            y: y.clone(),
            series: series.collect(),
            strip: None,
        }
    };
    policies.iter().map(panel).collect()
}

fn series(found: &[&ConditionSummary], model: ExecutionModel, policy: &str) -> Series {
    let of_model = found.iter().filter(|found| found.condition.model == model);
    let point = |found: &&ConditionSummary| {
        let interval = found.interval(Metric::Traffic)?;
        Point::vertical(f64::from(found.condition.load), interval, false)
    };
    Series {
        model,
        dashed: policy == DASHED,
        points: of_model.filter_map(point).collect(),
        shown: Shown::Bars,
    }
}
