//! Figure 5: the distribution of the latency, with load-net at the highest load.

use fogline_core::model::ExecutionModel;

use super::view::{View, listed, percent};
use super::{Entry, Finding, LOAD_NET};
use crate::summary::{Metric, Quantile};

const NEEDS: &str = "policy load-net with the paper's four models";

/// What counts as "much higher".
const MUCH: f64 = 2.0;
/// What counts as "slightly".
const SLIGHTLY: f64 = 0.25;

const MEDIAN: Metric = Metric::LatencyQuantile(Quantile::MEDIAN);

pub(super) const ENTRIES: &[Entry] = &[
    Entry {
        id: "external-in-edge-much-slower",
        figure: 5,
        text: "External and in-edge have a much higher latency.",
        criterion: "holds: the lower of their median latencies is at least twice the higher of in-function's and \
                    in-client's, over the intervals' ends; loosely: each is surely above both (paired, \
                    Holm-adjusted); else no",
        needs: NEEDS,
        test: stores_are_much_slower,
    },
    Entry {
        id: "in-function-slightly-better",
        figure: 5,
        text: "In-function is only slightly better than in-client.",
        criterion: "holds: in-function's mean latency is surely lower (paired, Holm-adjusted), and in-client's at \
                    most 25% above it; loosely: surely lower by more, or not surely different; no: surely \
                    higher",
        needs: NEEDS,
        test: in_function_is_slightly_better,
    },
];

fn stores_are_much_slower(view: &View<'_>) -> Option<(Finding, String)> {
    let load = view.highest_load(LOAD_NET)?;
    let slow = [ExecutionModel::External, ExecutionModel::InEdge];
    let fast = [ExecutionModel::InFunction, ExecutionModel::InClient];
    let median = |model| view.interval(load, LOAD_NET, model, MEDIAN);
    let least_slow = slow
        .into_iter()
        .filter_map(|model| Some(median(model)?.low))
        .reduce(f64::min)?;
    let most_fast = fast
        .into_iter()
        .filter_map(|model| Some(median(model)?.high))
        .reduce(f64::max)?;
    let surely_above = |slow, fast| {
        let difference = view
            .summary
            .difference(&view.setting(load, LOAD_NET), MEDIAN, slow, fast);
        difference.is_some_and(|difference| difference.first_has_more())
    };
    let finding = match () {
        () if least_slow >= MUCH * most_fast => Finding::Holds,
        () if slow
            .into_iter()
            .all(|s| fast.into_iter().all(|f| surely_above(s, f))) =>
        {
            Finding::Loosely
        }
        () => Finding::No,
    };
    let tail = Metric::LatencyQuantile(Quantile::Q99);
    let evidence = format!(
        "{load} jobs, median: {} ms; q0.99: {} ms",
        listed(&view.ranked(load, LOAD_NET, MEDIAN), 0),
        listed(&view.ranked(load, LOAD_NET, tail), 0)
    );
    Some((finding, evidence))
}

fn in_function_is_slightly_better(view: &View<'_>) -> Option<(Finding, String)> {
    let load = view.highest_load(LOAD_NET)?;
    let (better, worse) = (ExecutionModel::InFunction, ExecutionModel::InClient);
    let figures = |metric| {
        let better = view.interval(load, LOAD_NET, better, metric)?.estimate;
        Some((better, view.interval(load, LOAD_NET, worse, metric)?.estimate))
    };
    let (mean, median) = (figures(Metric::Latency)?, figures(MEDIAN)?);
    let above = |(better, worse): (f64, f64)| worse / better - 1.0;
    let difference =
        view.summary
            .difference(&view.setting(load, LOAD_NET), Metric::Latency, better, worse)?;
    let finding = match () {
        () if difference.first_has_more() => Finding::No,
        () if difference.first_has_less() && above(mean) <= SLIGHTLY => Finding::Holds,
        () => Finding::Loosely,
    };
    let evidence = format!(
        "{load} jobs, in-function against in-client: mean {:.0} and {:.0} ms ({}), median {:.0} and {:.0} ms ({})",
        mean.0,
        mean.1,
        percent(above(mean)),
        median.0,
        median.1,
        percent(above(median))
    );
    Some((finding, evidence))
}
