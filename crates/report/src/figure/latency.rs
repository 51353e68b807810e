//! Figure 5: the distribution of the latency.

use super::Figure;
use super::axis::Axis;
use super::plot::{Panel, Plot, Point, Series, Shown};
use super::select::{self, Selected};
use crate::stats::{Interval, Unit};
use crate::summary::{ConditionSummary, Summary};

pub(super) fn figure(summary: &Summary, policy: &str) -> Option<Figure> {
    let selected = select::largest_load(summary, policy);
    let all = selected.iter().flat_map(|panel| panel.found.iter().copied());
    let sample = select::sample(all.clone())?;
    let loads = select::loads(&selected);
    let percent = select::percent(summary.confidence);
    let (centre, method) = match sample.unit {
        Unit::Seed => ("median", "order-statistic"),
        // A topology's value is already a mean over its seeds.
        Unit::Topology => ("mean", "t"),
    };
    // One axis for all networks: their distributions are to be compared.
    let intervals: Vec<Interval> = all
        .clone()
        .flat_map(|found| found.latency_quantiles().map(|(_, interval)| interval))
        .collect();
    let bounded = intervals.iter().any(|interval| interval.half_width().is_finite());
    let ends = intervals
        .iter()
        .flat_map(|interval| [interval.estimate, interval.low, interval.high]);
    let x = Axis::logarithmic("latency (ms)", ends);
    let panels = selected.iter().map(|selected| panel(selected, &x)).collect();
    Some(Figure {
        name: "figure-5",
        caption: format!(
            "Distribution of the latency of a run (processing and network) under {policy} at {loads}, on a logarithmic \
             axis: the share of the runs that end within a time. Each mark is a quantile, the {centre} over \
             {} of the replication's quantile; bands are {percent} {method} intervals along the latency.",
            sample.words
        ),
        plot: Plot {
            title: "Latency of a run".to_owned(),
            subtitle: format!("Share of the runs that end within a time; {policy}, {loads}"),
            notes: vec![if bounded {
                let marks = format!("Marks: {centre} of the replications' quantiles");
                sample.note(&format!("{marks}. Bands: {percent} {method} intervals of it"))
            } else {
                format!("There are no intervals: they need more than {}.", sample.words)
            }],
            legend: select::models(all),
            dashed_models: true,
            rows: select::in_rows(panels),
        },
    })
}

fn panel(selected: &Selected<'_>, x: &Axis) -> Panel {
    Panel {
        title: selected.network.to_owned(),
        x: x.clone(),
        y: Axis::probability("share of runs"),
        series: selected.found.iter().map(|found| series(found)).collect(),
        strip: None,
    }
}

fn series(found: &ConditionSummary) -> Series {
    let quantiles = found.latency_quantiles();
    Series {
        model: found.condition.model,
        dashed: false,
        points: quantiles
            .filter_map(|(quantile, interval)| Point::horizontal(interval, quantile.probability()))
            .collect(),
        shown: Shown::Band,
    }
}
