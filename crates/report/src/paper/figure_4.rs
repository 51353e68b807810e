//! Figure 4: traffic against the load.

use fogline_core::model::ExecutionModel;

use super::view::{View, listed, percent};
use super::{Entry, Finding, LOAD, LOAD_NET};
use crate::stats::Interval;
use crate::summary::{Metric, Setting};

const BOTH: &str = "policies load and load-net with the paper's four models at the same load";
const ONE: &str = "the paper's four models under the policy";

/// What counts as "much higher".
const MUCH: f64 = 1.5;
/// What counts as "slightly", as growth from the lowest to the highest load.
const SLIGHTLY: f64 = 0.15;
/// What counts as "similar", as the greatest over the least.
const SIMILAR: f64 = 1.25;
/// Share of the invocations that counts as all of them; the rest are functions that no server can run.
const NEARLY_ALL: f64 = 0.95;

pub(super) const ENTRIES: &[Entry] = &[
    Entry {
        id: "load-in-client-most-traffic",
        figure: 4,
        text: "With load, in-client has the greatest traffic.",
        criterion: "holds: surely more than every other model at every load (paired, Holm-adjusted); no: at \
                    every load another model has surely more; else loosely",
        needs: ONE,
        test: |view| has_most_traffic(view, LOAD, ExecutionModel::InClient),
    },
    Entry {
        id: "load-functions-to-centre",
        figure: 4,
        text: "With load, functions go to the centre, where the most powerful servers are.",
        criterion: "holds: at every load at least 95% of the invocations on the most powerful servers; no: \
                    under half at some load; else loosely",
        needs: "policy load and where its invocations went",
        test: functions_go_to_centre,
    },
    Entry {
        id: "load-much-more-traffic",
        figure: 4,
        text: "With load, traffic is much higher than with load-net, for all models.",
        criterion: "holds: at least 1.5 times at every load for every model, over the intervals' ends; no: the \
                    intervals do not even show more for some load and model; else loosely",
        needs: BOTH,
        test: load_has_much_more,
    },
    Entry {
        id: "load-net-traffic-rises-slightly",
        figure: 4,
        text: "With load-net, traffic increases slightly with the load.",
        criterion: "holds: from the lowest to the highest load every model surely gains (intervals apart), at most \
                    15%; no: a model surely loses, or doubles; else loosely",
        needs: "policy load-net with the paper's four models at two loads",
        test: traffic_rises_slightly,
    },
    Entry {
        id: "load-net-in-edge-worst",
        figure: 4,
        text: "With load-net, in-edge has the greatest traffic.",
        criterion: "as the first statement, for in-edge",
        needs: ONE,
        test: |view| has_most_traffic(view, LOAD_NET, ExecutionModel::InEdge),
    },
    Entry {
        id: "load-net-others-similar",
        figure: 4,
        text: "With load-net, the other three have similar traffic.",
        criterion: "holds: the greatest of the three is at most 1.25 times the least at every load; loosely: at \
                    every load they lie closer together than any lies to in-edge; else no",
        needs: ONE,
        test: others_are_similar,
    },
];

fn has_most_traffic(view: &View<'_>, policy: &str, model: ExecutionModel) -> Option<(Finding, String)> {
    let loads = view.loads(policy)?;
    let others = || {
        ExecutionModel::PAPER
            .into_iter()
            .filter(move |&other| other != model)
    };
    let difference = |load: u32, other| {
        view.summary
            .difference(&view.setting(load, policy), Metric::Traffic, model, other)
    };
    let surely =
        |load: &&u32| others().all(|other| difference(**load, other).is_some_and(|d| d.first_has_more()));
    let refuted =
        |load: &&u32| others().any(|other| difference(**load, other).is_some_and(|d| d.first_has_less()));
    let (sure, refuted) = (
        loads.iter().filter(surely).count(),
        loads.iter().filter(refuted).count(),
    );
    let finding = match () {
        () if sure == loads.len() => Finding::Holds,
        () if refuted == loads.len() => Finding::No,
        () => Finding::Loosely,
    };
    let top = *loads.last()?;
    let figures = listed(&view.ranked(top, policy, Metric::Traffic), 2);
    let evidence = format!(
        "{top} jobs: {figures} MB; surely the most at {sure} of {} loads",
        loads.len()
    );
    Some((finding, evidence))
}

fn functions_go_to_centre(view: &View<'_>) -> Option<(Finding, String)> {
    let ours = |setting: &Setting| setting.network == view.network && setting.policy == LOAD;
    let found: Vec<_> = view
        .placements
        .iter()
        .filter(|placement| ours(&placement.setting))
        .collect();
    let least = found
        .iter()
        .min_by(|a, b| a.on_servers.total_cmp(&b.on_servers))?;
    let finding = match least.on_servers {
        share if share >= NEARLY_ALL => Finding::Holds,
        share if share >= 0.5 => Finding::Loosely,
        _ => Finding::No,
    };
    let evidence = format!(
        "least at {} jobs: {:.1}% of the invocations on servers, {:.1}% on clients",
        least.setting.load,
        least.on_servers * 100.0,
        least.on_clients * 100.0
    );
    Some((finding, evidence))
}

fn load_has_much_more(view: &View<'_>) -> Option<(Finding, String)> {
    let mut loads = view.loads(LOAD)?;
    let with_net = view.loads(LOAD_NET)?;
    loads.retain(|load| with_net.contains(load));
    let ratio = |load: u32, model: ExecutionModel| {
        let blind = view.interval(load, LOAD, model, Metric::Traffic)?;
        let seeing = view.interval(load, LOAD_NET, model, Metric::Traffic)?;
        Some((blind.estimate / seeing.estimate, blind.low / seeing.high))
    };
    let all = loads.iter().flat_map(|&load| {
        ExecutionModel::PAPER
            .into_iter()
            .filter_map(move |m| ratio(load, m))
    });
    let least = all.map(|(_, surely)| surely).reduce(f64::min)?;
    let finding = match least {
        least if least >= MUCH => Finding::Holds,
        least if least > 1.0 => Finding::Loosely,
        _ => Finding::No,
    };
    let top = *loads.last()?;
    let ratios: Vec<(ExecutionModel, f64)> = ExecutionModel::PAPER
        .into_iter()
        .filter_map(|model| Some((model, ratio(top, model)?.0)))
        .collect();
    let evidence = format!(
        "times at {top} jobs: {}; at least {least:.2} anywhere",
        listed(&ratios, 1)
    );
    Some((finding, evidence))
}

fn traffic_rises_slightly(view: &View<'_>) -> Option<(Finding, String)> {
    let loads = view.loads(LOAD_NET)?;
    let &[low, .., high] = loads.as_slice() else {
        return None;
    };
    let ends = |model| {
        let first = view.interval(low, LOAD_NET, model, Metric::Traffic)?;
        Some((first, view.interval(high, LOAD_NET, model, Metric::Traffic)?))
    };
    let ends: Vec<_> = ExecutionModel::PAPER
        .into_iter()
        .filter_map(|m| Some((m, ends(m)?)))
        .collect();
    let growth = |(first, last): &(Interval, Interval)| last.estimate / first.estimate - 1.0;
    let all = |holds: &dyn Fn(&(Interval, Interval)) -> bool| ends.iter().all(|(_, ends)| holds(ends));
    let finding = match () {
        () if all(&|ends| ends.0.is_below(&ends.1) && growth(ends) <= SLIGHTLY) => Finding::Holds,
        () if all(&|ends| !ends.1.is_below(&ends.0) && growth(ends) < 1.0) => Finding::Loosely,
        () => Finding::No,
    };
    let grown: Vec<String> = ends
        .iter()
        .map(|(model, ends)| format!("{model} {}", percent(growth(ends))))
        .collect();
    Some((finding, format!("{low} to {high} jobs: {}", grown.join(", "))))
}

fn others_are_similar(view: &View<'_>) -> Option<(Finding, String)> {
    let loads = view.loads(LOAD_NET)?;
    let mut finding = Finding::Holds;
    let mut widest: f64 = 0.0;
    for &load in &loads {
        let ranked = view.ranked(load, LOAD_NET, Metric::Traffic);
        let in_edge = ranked
            .iter()
            .find(|(model, _)| *model == ExecutionModel::InEdge)?
            .1;
        let others: Vec<f64> = ranked
            .iter()
            .filter(|(model, _)| *model != ExecutionModel::InEdge)
            .map(|(_, traffic)| *traffic)
            .collect();
        let (most, least) = (*others.first()?, *others.last()?);
        let nearest = others
            .iter()
            .map(|other| (in_edge - other).abs())
            .fold(f64::INFINITY, f64::min);
        widest = widest.max(most / least);
        let here = match () {
            () if most <= SIMILAR * least => Finding::Holds,
            () if most - least < nearest => Finding::Loosely,
            () => Finding::No,
        };
        finding = finding.max(here);
    }
    let top = *loads.last()?;
    let figures = listed(&view.ranked(top, LOAD_NET, Metric::Traffic), 2);
    Some((
        finding,
        format!("{top} jobs: {figures} MB; greatest over least of the three up to {widest:.2}"),
    ))
}
