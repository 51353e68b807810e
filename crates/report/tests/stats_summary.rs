//! What a summary says of made-up replications whose truth is known.

mod stats_support;

use fogline_core::model::ExecutionModel;
use fogline_core::record::{QUANTILES, SeedRow};
use fogline_report::stats::{Unit, mean_interval, median_interval};
use fogline_report::summary::{Metric, Quantile, Setting, Summary, SummaryOptions, series, summarise};
use proptest::prelude::*;
use stats_support::{Asked, Figures, as_stated, condition, normal, row, rows};

const MODELS: [ExecutionModel; 4] = ExecutionModel::PAPER;

fn summary(rows: &[SeedRow]) -> Summary {
    summarise(rows, &SummaryOptions::default())
}

fn at(load: u32) -> Setting {
    Setting {
        network: "iiot".to_owned(),
        load,
        policy: "load-net".to_owned(),
    }
}

/// The same figures whatever is asked, but for the network's, which the test chooses.
fn flat(network_ms: f64) -> Figures {
    Figures {
        processing_ms: 100.0,
        network_ms,
        traffic_mb: 5.0,
        steps: Vec::new(),
    }
}

fn json(summary: &Summary) -> String {
    serde_json::to_string(summary).expect("a summary has no map with odd keys")
}

fn close(found: f64, expected: f64) {
    assert!(
        (found - expected).abs() <= 1e-9 * expected.abs(),
        "found {found}, expected {expected}"
    );
}

#[test]
fn means_are_of_replications_and_not_of_jobs() {
    // One replication has a thousand times the jobs; it counts once all the same.
    let one = |seed, jobs, network_ms| {
        row(
            condition("iiot", 100, "load-net", MODELS[0]),
            0,
            seed,
            jobs,
            &flat(network_ms),
        )
    };
    let summary = summary(&[one(1, 10, 50.0), one(2, 10_000, 80.0), one(3, 10, 20.0)]);
    let found = &summary.conditions[0];
    assert_eq!(
        (found.replications, found.jobs, found.unit),
        (3, 10_020, Unit::Seed)
    );
    let network = found.interval(Metric::Network).unwrap();
    let expected = mean_interval(&[50.0, 80.0, 20.0], 0.95).unwrap();
    close(network.estimate, expected.estimate);
    close(network.half_width(), expected.half_width());
    close(found.interval(Metric::Latency).unwrap().estimate, 150.0);
    close(found.interval(Metric::Processing).unwrap().estimate, 100.0);
    close(found.interval(Metric::Traffic).unwrap().estimate, 5.0);
}

#[test]
fn quantile_is_the_median_over_replications_with_its_order_statistics() {
    let summary = summary(&rows("iiot", &[100], &["load-net"], 21, |asked| {
        flat(asked.seed as f64)
    }));
    let found = &summary.conditions[0];
    assert_eq!(found.latency_quantiles().count(), QUANTILES.len());
    let position = QUANTILES.iter().position(|&q| q == 0.9).unwrap();
    let values: Vec<f64> = (1..=21)
        .map(|seed| (100.0 + f64::from(seed)) * 0.2 * (position + 1) as f64)
        .collect();
    let expected = median_interval(&values, 0.95).unwrap();
    let quantile = found.interval(Metric::LatencyQuantile(Quantile::Q90)).unwrap();
    close(quantile.estimate, expected.estimate);
    close(quantile.low, expected.low);
    close(quantile.high, expected.high);
}

#[test]
fn replications_without_such_runs_are_left_out_of_a_length() {
    let summary = summary(&rows("iiot", &[100], &["load-net"], 4, |asked| Figures {
        steps: match asked.seed {
            1 => vec![(2, 90, 10.0), (7, 10, 30.0)],
            2 => vec![(2, 50, 20.0), (7, 1, 50.0)],
            3 => vec![(2, 100, 30.0), (7, 0, 0.0)],
            _ => Vec::new(),
        },
        ..flat(10.0)
    }));
    let found = &summary.conditions[0];
    let (two, seven) = (found.steps(2).unwrap(), found.steps(7).unwrap());
    assert_eq!((two.jobs, two.replications, two.network.n), (240, 3, 3));
    assert_eq!((seven.jobs, seven.replications, seven.network.n), (11, 2, 2));
    close(two.network.estimate, 20.0);
    close(seven.network.estimate, 40.0);
    assert!(found.steps(3).is_none());
}

#[test]
fn replication_without_jobs_counts_as_run_but_has_no_figures() {
    let empty = Figures {
        processing_ms: 0.0,
        ..flat(0.0)
    };
    let of = |seed, jobs| row(condition("iiot", 1, "load-net", MODELS[0]), 0, seed, jobs, &empty);
    let summary = summary(&[of(1, 0), of(2, 0)]);
    assert_eq!(summary.conditions[0].replications, 2);
    assert!(summary.conditions[0].estimates.is_empty());
    assert!(summary.differences.is_empty() && summary.verdicts.is_empty());
    assert!(json(&summary).contains("\"jobs\":0"));
}

#[test]
fn several_topologies_make_the_topology_the_unit() {
    let mut all = Vec::new();
    for topology in 0..5 {
        for seed in 0..3 {
            let network_ms = 10.0 * f64::from(topology) + seed as f64;
            let under = condition("urban", 100, "load-net", MODELS[0]);
            let seed = seed + 100 * u64::from(topology);
            all.push(row(under, topology, seed, 100, &flat(network_ms)));
        }
    }
    let found = summary(&all).conditions.remove(0);
    assert_eq!(
        (found.unit, found.topologies, found.replications),
        (Unit::Topology, 5, 15)
    );
    let network = found.interval(Metric::Network).unwrap();
    let expected = mean_interval(&[1.0, 11.0, 21.0, 31.0, 41.0], 0.95).unwrap();
    assert_eq!(network.n, 5);
    close(network.half_width(), expected.half_width());
}

#[test]
fn every_two_models_are_compared_in_either_order() {
    let summary = summary(&rows("iiot", &[100, 200], &["load-net"], 12, as_stated));
    assert_eq!(summary.differences.len(), 2 * 6 * Metric::COMPARED.len());
    for metric in Metric::COMPARED {
        for (i, &first) in MODELS.iter().enumerate() {
            for &second in &MODELS[i + 1..] {
                let there = summary.difference(&at(200), metric, first, second).unwrap();
                let back = summary.difference(&at(200), metric, second, first).unwrap();
                let (there, back) = (there.paired.difference, back.paired.difference);
                assert_eq!((there.estimate, there.low), (-back.estimate, -back.high));
            }
        }
    }
    assert!(
        summary
            .difference(&at(300), Metric::Latency, MODELS[0], MODELS[1])
            .is_none()
    );
    assert!(
        summary
            .difference(&at(200), Metric::Latency, MODELS[0], MODELS[0])
            .is_none()
    );
}

#[test]
fn family_is_the_metric_over_all_settings() {
    // One borderline difference in the midst of many that are nothing.
    let law = |asked: &Asked<'_>| {
        let own = normal(asked.seed + u64::from(asked.load), 10 + asked.model as u64);
        let shift = if asked.load == 1 && asked.model == ExecutionModel::InClient {
            1.3
        } else {
            0.0
        };
        flat(50.0 + own - shift)
    };
    let alone = summary(&rows("iiot", &[1], &["load-net"], 20, law));
    let loads: Vec<u32> = (1..=30).collect();
    let among = summary(&rows("iiot", &loads, &["load-net"], 20, law));
    let of = |summary: &Summary| {
        summary
            .difference(
                &at(1),
                Metric::Network,
                ExecutionModel::External,
                ExecutionModel::InClient,
            )
            .unwrap()
    };
    assert_eq!(of(&alone).paired, of(&among).paired);
    assert!(of(&alone).adjusted_p < of(&among).adjusted_p);
    assert!(of(&alone).first_has_more() && !of(&alone).first_has_less());
    let false_claims = among
        .verdicts
        .iter()
        .filter(|v| v.certain && v.setting.load > 1)
        .count();
    assert_eq!(false_claims, 0);
}

#[test]
fn verdict_names_winner_runner_up_and_certainty() {
    // In-function wins by 0.5, of which the seed's own luck leaves no doubt in pairs.
    let network = |asked: &Asked<'_>| match asked.model {
        ExecutionModel::InFunction => 40.0,
        ExecutionModel::InClient => 40.5,
        _ => 90.0,
    };
    let clear = summary(&rows("iiot", &[100], &["load-net"], 20, |asked| {
        flat(network(asked) + 20.0 * normal(asked.seed, 1) + 0.1 * normal(asked.seed, 2 + asked.model as u64))
    }));
    let verdict = clear
        .verdicts
        .iter()
        .find(|v| v.metric == Metric::Network)
        .unwrap();
    assert_eq!(
        (verdict.winner, verdict.runner_up),
        (ExecutionModel::InFunction, ExecutionModel::InClient)
    );
    assert!(verdict.certain && verdict.adjusted_p < 0.001 && verdict.difference.high < 0.0);
    assert!((verdict.difference.estimate + 0.5).abs() < 0.1);

    // The same lead drowned in luck that is each model's own.
    let unclear = summary(&rows("iiot", &[100], &["load-net"], 20, |asked| {
        flat(network(asked) + 5.0 * normal(asked.seed, 2 + asked.model as u64))
    }));
    let verdict = unclear
        .verdicts
        .iter()
        .find(|v| v.metric == Metric::Network)
        .unwrap();
    assert!(!verdict.certain && verdict.adjusted_p > 0.05);
    assert!(verdict.equals.is_empty());
}

#[test]
fn equal_models_are_named_and_nobody_wins() {
    let summary = summary(&rows("iiot", &[100], &["load-net"], 20, as_stated));
    let verdict = summary
        .verdicts
        .iter()
        .find(|v| v.metric == Metric::Processing)
        .unwrap();
    assert_eq!(verdict.equals, MODELS[1..].to_vec());
    assert!(!verdict.certain);
}

#[test]
fn row_that_comes_twice_counts_once() {
    let once = rows("iiot", &[100], &["load-net"], 9, as_stated);
    let mut twice = once.clone();
    twice.extend(once.iter().rev().cloned());
    let (once, twice) = (summary(&once), summary(&twice));
    assert_eq!(twice.repeated_rows, 36);
    assert_eq!(
        once,
        Summary {
            repeated_rows: 0,
            ..twice
        }
    );
}

#[test]
fn conditions_are_found_by_name() {
    let summary = summary(&rows("iiot", &[500, 100], &["load-net", "load"], 3, as_stated));
    assert_eq!(summary.conditions.len(), 16);
    assert!(summary.conditions.is_sorted_by_key(|found| &found.condition));
    assert_eq!(summary.settings().len(), 4);
    for found in &summary.conditions {
        assert_eq!(summary.condition(&found.condition), Some(found));
    }
    assert!(
        summary
            .condition(&condition("iiot", 500, "load-net", ExecutionModel::PureFaas))
            .is_none()
    );
}

#[test]
fn series_feed_a_stopping_rule() {
    let rows = rows("iiot", &[100], &["load-net"], 12, as_stated);
    let series = series(&rows, Metric::Latency);
    assert_eq!(series.iter().map(Vec::len).collect::<Vec<_>>(), vec![12; 4]);
    let summary = summary(&rows);
    let mean = series[2].iter().sum::<f64>() / 12.0;
    close(
        mean,
        summary.conditions[2].interval(Metric::Latency).unwrap().estimate,
    );
}

#[test]
fn nothing_to_summarise_gives_an_empty_summary() {
    let summary = summary(&[]);
    assert!(summary.conditions.is_empty() && summary.settings().is_empty());
    assert!(series(&[], Metric::Latency).is_empty());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn order_of_rows_does_not_change_a_bit(
        shuffled in Just({
            let mut all = rows("iiot", &[100, 200], &["load", "load-net"], 5, as_stated);
            // A row that came twice, with other figures the second time.
            all.push(row(condition("iiot", 100, "load", MODELS[1]), 0, 3, 100, &flat(1.0)));
            all
        })
        .prop_shuffle()
    ) {
        let mut sorted = shuffled.clone();
        sorted.sort_by_key(|row| (row.condition.clone(), row.replication, row.total.traffic()));
        prop_assert_eq!(json(&summary(&shuffled)), json(&summary(&sorted)));
    }
}
