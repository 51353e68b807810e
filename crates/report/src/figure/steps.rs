//! Figure 6: mean time in the network against the number of steps.

use super::Figure;
use super::axis::{Axis, Scale};
use super::plot::{Panel, Plot, Point, Series, Shown, Strip};
use super::select::{self, Selected};
use crate::summary::{ConditionSummary, StepsSummary, Summary};

/// Replications below which a point is drawn faint, unless the whole run has hardly more: a t interval of fewer
/// says more of the normal distribution than of the data.
const FEW_REPLICATIONS: usize = 30;

pub(super) fn figure(summary: &Summary, policy: &str, scale: Scale) -> Option<Figure> {
    let selected = select::largest_load(summary, policy);
    let all = selected.iter().flat_map(|panel| panel.found.iter().copied());
    let sample = select::sample(all.clone())?;
    let few = FEW_REPLICATIONS.min(sample.most.div_ceil(2));
    let percent = select::percent(summary.confidence);
    let pale = match few {
        0 | 1 => String::new(),
        _ => format!(
            " Pale, hollow marks: of fewer than {few} {}.",
            sample.unit.word(few)
        ),
    };
    let groups = || all.clone().flat_map(|found| &found.by_steps);
    let latencies = groups().flat_map(|group| ends(group, few));
    let y = match scale {
        Scale::Linear => Axis::from_zero("network latency (ms)", latencies),
        Scale::Logarithmic => Axis::logarithmic("network latency (ms)", latencies),
    };
    let x = Axis::whole("steps", groups().map(|group| group.steps));
    let jobs = Axis::counts("runs behind a point", groups().map(|group| group.jobs));
    let panels = selected
        .iter()
        .map(|selected| panel(selected, [&x, &y, &jobs], few))
        .collect();
    let loads = select::loads(&selected);
    Some(Figure {
        name: "figure-6",
        caption: format!(
            "Mean time that a run spends in the network against its number of steps, under {policy} at {loads}. \
             Bars are {percent} confidence intervals by Student's t over those of {} that have such a \
             run. The strip above counts the runs behind a point, on a logarithmic axis; a pale, hollow mark rests \
             on fewer than {few} of them.",
            sample.words
        ),
        plot: Plot {
            title: "Network latency by number of steps".to_owned(),
            subtitle: format!("Mean time that a run spends in the network; {policy}, {loads}"),
            notes: vec![sample.note(&format!("Bars: {percent} t intervals")) + &pale],
            legend: select::models(all.clone()),
            dashed_models: true,
            rows: select::in_rows(panels),
        },
    })
}

/// What the axis has to show of a group: the estimate, and the interval where enough is behind it. The
/// interval of two replications may span everything; it ends at the edge.
fn ends(group: &StepsSummary, few: usize) -> impl Iterator<Item = f64> + use<> {
    let interval = group.network;
    let firm = (!thin(group, few)).then_some([interval.low, interval.high]);
    firm.into_iter().flatten().chain([interval.estimate])
}

fn thin(group: &StepsSummary, few: usize) -> bool {
    group.network.n < few
}

fn panel(selected: &Selected<'_>, [x, y, jobs]: [&Axis; 3], few: usize) -> Panel {
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
        series: selected.found.iter().map(|found| series(found, few)).collect(),
        strip: Some(Strip {
            y: jobs.clone(),
            bars: bars.collect(),
        }),
    }
}

fn series(found: &ConditionSummary, few: usize) -> Series {
    let groups = found.by_steps.iter();
    Series {
        model: found.condition.model,
        dashed: false,
        points: groups
            .filter_map(|group| Point::vertical(f64::from(group.steps), group.network, thin(group, few)))
            .collect(),
        shown: Shown::Bars,
    }
}
