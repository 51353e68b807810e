//! Figure 6: mean time in the network against the number of steps.

use super::Figure;
use super::axis::{Axis, Scale};
use super::plot::{Panel, Plot, Point, Series, Shown, Strip};
use super::select::{self, Selected};
use crate::summary::{ConditionSummary, StepsSummary, Summary};

/// Replications below which a point is drawn faint: a t interval of fewer says more of the normal
/// distribution than of the data.
const FEW_REPLICATIONS: usize = 30;

pub(super) fn figure(summary: &Summary, policy: &str, scale: Scale) -> Option<Figure> {
    let selected = select::largest_load(summary, policy);
    let all = selected.iter().flat_map(|panel| panel.found.iter().copied());
    let replications = select::replications(all.clone())?;
    let percent = select::percent(summary.confidence);
    let groups = || all.clone().flat_map(|found| &found.by_steps);
    let latencies = groups().flat_map(|group| ends(group));
    let y = match scale {
        Scale::Linear => Axis::from_zero("network latency (ms)", latencies),
        Scale::Logarithmic => Axis::logarithmic("network latency (ms)", latencies),
    };
    let x = Axis::whole("steps", groups().map(|group| group.steps));
    let jobs = Axis::counts("runs behind a point", groups().map(|group| group.jobs));
    let panels = selected
        .iter()
        .map(|selected| panel(selected, &x, &y, &jobs))
        .collect();
    let loads = select::loads(&selected);
    Some(Figure {
        name: "figure-6",
        caption: format!(
            "Mean time that a run spends in the network against its number of steps, under {policy} at {loads}. \
             Bars are {percent} confidence intervals by Student's t over those of {replications} that have such a \
             run. The strip above counts the runs behind a point, on a logarithmic axis; a pale, hollow mark rests \
             on fewer than {FEW_REPLICATIONS} replications."
        ),
        plot: Plot {
            title: "Network latency by number of steps".to_owned(),
            subtitle: format!("Mean time that a run spends in the network; {policy}, {loads}"),
            notes: vec![format!(
                "Bars: {percent} t intervals over {replications}. Pale, hollow marks: fewer than {FEW_REPLICATIONS} \
                 of them have such a run."
            )],
            legend: select::models(all.clone()),
            dashed_models: true,
            rows: select::in_rows(panels),
        },
    })
}

/// What the axis has to show of a group: the estimate, and the interval where enough is behind it. The
/// interval of two replications may span everything; it ends at the edge.
fn ends(group: &StepsSummary) -> impl Iterator<Item = f64> + use<> {
    let interval = group.network;
    let firm = (!thin(group)).then_some([interval.low, interval.high]);
    firm.into_iter().flatten().chain([interval.estimate])
}

fn thin(group: &StepsSummary) -> bool {
    group.replications < FEW_REPLICATIONS
}

fn panel(selected: &Selected<'_>, x: &Axis, y: &Axis, jobs: &Axis) -> Panel {
    // The models ran the same jobs.
    let groups = selected.found.first().map(|found| found.by_steps.as_slice());
    let bars = groups
        .unwrap_or_default()
        .iter()
        .map(|group| (f64::from(group.steps), group.jobs as f64));
    Panel {
        title: selected.network.to_owned(),
        x: x.clone(),
        y: y.clone(),
        series: selected.found.iter().map(|found| series(found)).collect(),
        strip: Some(Strip {
            y: jobs.clone(),
            bars: bars.collect(),
        }),
    }
}

fn series(found: &ConditionSummary) -> Series {
    let groups = found.by_steps.iter();
    Series {
        model: found.condition.model,
        dashed: false,
        points: groups
            .map(|group| Point::vertical(f64::from(group.steps), group.network, thin(group)))
            .collect(),
        shown: Shown::Bars,
    }
}
