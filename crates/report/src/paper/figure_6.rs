//! Figure 6: the time in the network against the number of steps, with load-net at the highest load.

use fogline_core::model::ExecutionModel;

use super::view::{View, listed};
use super::{Entry, Finding, LOAD_NET};
use crate::summary::StepsSummary;

const NEEDS: &str = "policy load-net with the paper's four models on runs of several lengths";

/// Runs longer than this share of the longest are "the longest".
const LONGEST: f64 = 0.75;
/// How far above the straight line through the shorter ones is a "sharp increase".
const SHARP: f64 = 1.5;
/// A deviation above this share of the figure's highest value is "noticeable": the eye sees it on the axis.
const NOTICEABLE: f64 = 0.05;
/// A length that fewer of the replications have is thin: its runs are few distinct jobs, drawn again and again.
const THIN: f64 = 0.5;

pub(super) const ENTRIES: &[Entry] = &[
    Entry {
        id: "network-latency-grows-with-length",
        figure: 6,
        text: "Network latency increases with the chain's length, more so for external and in-edge.",
        criterion: "over the lengths that half of the replications have; loosely: from the shortest to the longest \
                    every model surely gains (intervals apart), external and in-edge each more ms than both \
                    others; holds: moreover no length lies surely below the one before; else no",
        needs: NEEDS,
        test: grows_with_length,
    },
    Entry {
        id: "sharp-increase-for-longest",
        figure: 6,
        text: "Network latency increases sharply for the longest chains.",
        criterion: "for external and in-edge, runs over 3/4 of the greatest length lie on average at least 1.5 \
                    times above the straight line through the others; holds: half of the replications have such \
                    runs; loosely: fewer have, or one model only; else no",
        needs: NEEDS,
        test: increases_sharply,
    },
    Entry {
        id: "in-client-deviates-for-longest",
        figure: 6,
        text: "In-client deviates from in-function noticeably only for the longest chains.",
        criterion: "noticeable: over 5% of the figure's highest value; holds: noticeable for runs over 3/4 of the \
                    greatest length and for no other; loosely: for no length, or from over half of the greatest \
                    length; else no",
        needs: NEEDS,
        test: deviates_for_longest_only,
    },
];

/// The runs of one model by length, and how many replications there are.
struct Curve<'a> {
    model: ExecutionModel,
    points: &'a [StepsSummary],
    replications: usize,
}

impl Curve<'_> {
    fn all<'a>(view: &'a View<'_>) -> Option<(u32, Vec<Curve<'a>>)> {
        let load = view.highest_load(LOAD_NET)?;
        let curve = |model| {
            let condition = view.condition(load, LOAD_NET, model)?;
            let (points, replications) = (condition.by_steps.as_slice(), condition.replications);
            (points.len() > 1).then_some(Curve {
                model,
                points,
                replications,
            })
        };
        let curves: Option<Vec<Curve<'a>>> = ExecutionModel::PAPER.into_iter().map(curve).collect();
        Some((load, curves?))
    }

    fn is_thin(&self, point: &StepsSummary) -> bool {
        (point.replications as f64) < THIN * self.replications as f64
    }

    fn well_observed(&self) -> Vec<&StepsSummary> {
        self.points.iter().filter(|point| !self.is_thin(point)).collect()
    }

    fn is_longest(&self, point: &StepsSummary) -> bool {
        let greatest = self.points.last().map_or(0, |last| last.steps);
        f64::from(point.steps) > LONGEST * f64::from(greatest)
    }

    /// How many times the mean of the longest runs is what the straight line (least squares, each run
    /// weighted the same) through the shorter ones gives for their lengths.
    fn rise_over_line(&self) -> Option<f64> {
        let (longest, shorter): (Vec<&StepsSummary>, Vec<&StepsSummary>) =
            self.points.iter().partition(|point| self.is_longest(point));
        if shorter.len() < 2 {
            return None;
        }
        let mean = |points: &[&StepsSummary], of: &dyn Fn(&StepsSummary) -> f64| {
            let jobs: f64 = points.iter().map(|point| point.jobs as f64).sum();
            points
                .iter()
                .map(|point| point.jobs as f64 * of(point))
                .sum::<f64>()
                / jobs
        };
        let steps = |point: &StepsSummary| f64::from(point.steps);
        let network = |point: &StepsSummary| point.network.estimate;
        let (x, y) = (mean(&shorter, &steps), mean(&shorter, &network));
        let slope = mean(&shorter, &|point| (steps(point) - x) * (network(point) - y))
            / mean(&shorter, &|point| (steps(point) - x) * (steps(point) - x));
        let line = y + slope * (mean(&longest, &steps) - x);
        let times = mean(&longest, &network) / line;
        (times.is_finite() && line > 0.0).then_some(times)
    }
}

fn is_store(model: ExecutionModel) -> bool {
    matches!(model, ExecutionModel::External | ExecutionModel::InEdge)
}

fn grows_with_length(view: &View<'_>) -> Option<(Finding, String)> {
    let (load, curves) = Curve::all(view)?;
    let mut gains = Vec::new();
    let (mut grows, mut dips, mut ends) = (true, Vec::new(), (0, 0));
    for curve in &curves {
        let points = curve.well_observed();
        let &[first, .., last] = points.as_slice() else {
            return None;
        };
        ends = (first.steps, last.steps);
        grows &= first.network.is_below(&last.network);
        gains.push((curve.model, last.network.estimate - first.network.estimate));
        let dipping = points
            .windows(2)
            .filter(|pair| pair[1].network.is_below(&pair[0].network));
        dips.extend(dipping.map(|pair| format!("{} at {}", curve.model, pair[1].steps)));
    }
    let gain = |store: bool| {
        gains
            .iter()
            .filter(move |(model, _)| is_store(*model) == store)
            .map(|gain| gain.1)
    };
    let stores_gain_more =
        gain(true).fold(f64::INFINITY, f64::min) > gain(false).fold(f64::NEG_INFINITY, f64::max);
    let finding = match () {
        () if !grows || !stores_gain_more => Finding::No,
        () if dips.is_empty() => Finding::Holds,
        () => Finding::Loosely,
    };
    let dips = if dips.is_empty() {
        "none".to_owned()
    } else {
        dips.join(", ")
    };
    let (from, to) = ends;
    let gains = listed(&gains, 0);
    Some((
        finding,
        format!("{load} jobs, {from} to {to} steps, ms gained: {gains}; sure dips: {dips}"),
    ))
}

fn increases_sharply(view: &View<'_>) -> Option<(Finding, String)> {
    let (load, curves) = Curve::all(view)?;
    let times: Option<Vec<(ExecutionModel, f64)>> = curves
        .iter()
        .map(|curve| Some((curve.model, curve.rise_over_line()?)))
        .collect();
    let times = times?;
    let sharp = times
        .iter()
        .filter(|(model, times)| is_store(*model) && *times >= SHARP)
        .count();
    let curve = curves.first()?;
    let longest: Vec<&StepsSummary> = curve
        .points
        .iter()
        .filter(|point| curve.is_longest(point))
        .collect();
    let observed = longest.iter().any(|point| !curve.is_thin(point));
    let finding = match sharp {
        2 if observed => Finding::Holds,
        1 | 2 => Finding::Loosely,
        _ => Finding::No,
    };
    let jobs: u64 = longest.iter().map(|point| point.jobs).sum();
    let all: u64 = curve.points.iter().map(|point| point.jobs).sum();
    let evidence = format!(
        "{load} jobs, from {} steps, times the line: {}; {jobs} of {all} runs",
        longest.first()?.steps,
        listed(&times, 2)
    );
    Some((finding, evidence))
}

fn deviates_for_longest_only(view: &View<'_>) -> Option<(Finding, String)> {
    let (load, curves) = Curve::all(view)?;
    let find = |model| curves.iter().find(|curve| curve.model == model);
    let (in_function, in_client) = (find(ExecutionModel::InFunction)?, find(ExecutionModel::InClient)?);
    let all = curves.iter().flat_map(|curve| curve.points);
    let highest = all.map(|point| point.network.estimate).fold(0.0, f64::max);
    let deviations: Vec<(&StepsSummary, f64)> = in_client
        .points
        .iter()
        .filter_map(|point| {
            let other = in_function
                .points
                .iter()
                .find(|other| other.steps == point.steps)?;
            Some((point, point.network.estimate - other.network.estimate))
        })
        .collect();
    let noticeable: Vec<&StepsSummary> = deviations
        .iter()
        .filter(|(_, deviation)| deviation.abs() > NOTICEABLE * highest)
        .map(|(point, _)| *point)
        .collect();
    let greatest = in_client.points.last()?.steps;
    let in_longer_half = |point: &&StepsSummary| point.steps * 2 > greatest;
    let finding = match () {
        () if noticeable.is_empty() => Finding::Loosely,
        () if noticeable.iter().all(|point| in_client.is_longest(point)) => Finding::Holds,
        () if noticeable.iter().all(in_longer_half) => Finding::Loosely,
        () => Finding::No,
    };
    let largest = |longest: bool| {
        let of = deviations
            .iter()
            .filter(|(point, _)| in_client.is_longest(point) == longest);
        of.map(|(_, deviation)| *deviation).fold(0.0, f64::max)
    };
    let from = noticeable.first().map_or_else(
        || "nowhere".to_owned(),
        |point| format!("from {} steps", point.steps),
    );
    let evidence = format!(
        "{load} jobs: up to {:+.0} ms for the longest, {:+.0} ms for the others; noticeable (over {:.0} ms) {from}",
        largest(true),
        largest(false),
        NOTICEABLE * highest
    );
    Some((finding, evidence))
}
