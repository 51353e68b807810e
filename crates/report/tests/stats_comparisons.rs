//! Pairs, families, clusters and stopping, against closed forms and simulations.

mod stats_support;

use fogline_core::record::Replication;
use fogline_report::stats::{
    BadStopping, Stopping, Unit, Units, holm, mean_interval, paired_mean, paired_median,
};
use proptest::prelude::*;
use stats_support::{normal, power, uniform};

type Series = Vec<(Replication, f64)>;

fn on_one_topology(values: &[f64]) -> Series {
    let numbered = values.iter().zip(1..);
    numbered
        .map(|(&value, seed)| (Replication { topology: 0, seed }, value))
        .collect()
}

fn close(found: f64, expected: f64, within: f64) {
    assert!(
        (found - expected).abs() <= within,
        "found {found}, expected {expected} ± {within}"
    );
}

#[test]
fn paired_t_test_is_the_textbook_one() {
    let first = on_one_topology(&[11.0, 22.0, 33.0, 44.0, 55.0]);
    let second = on_one_topology(&[10.0, 20.0, 30.0, 40.0, 50.0]);
    let paired = paired_mean(&first, &second, 0.95).unwrap();
    close(paired.difference.estimate, 3.0, 1e-12);
    close(paired.difference.low, 1.0368, 1e-4);
    close(paired.difference.high, 4.9632, 1e-4);
    // t = 3 / (1.5811 / √5) = 4.2426 on 4 degrees of freedom.
    close(paired.p_value, 0.013_24, 1e-5);
    // (302.5 + 250) / 2.5.
    close(paired.variance_ratio.unwrap(), 221.0, 1e-9);
}

#[test]
fn sign_test_is_the_exact_one() {
    let ten: Vec<f64> = (1..=10).map(f64::from).collect();
    let nine_more: Vec<f64> = ten
        .iter()
        .map(|v| if *v == 4.0 { v - 1.0 } else { v + 0.5 })
        .collect();
    let paired = paired_median(&on_one_topology(&nine_more), &on_one_topology(&ten), 0.95).unwrap();
    close(paired.p_value, 2.0 * 11.0 / 1024.0, 1e-12);
    assert_eq!(paired.difference.estimate, 0.5);
}

#[test]
fn sign_test_and_interval_of_the_median_agree_where_most_pairs_are_equal() {
    let base: Vec<f64> = (1..=40).map(f64::from).collect();
    for unequal in [0usize, 5, 15, 25, 35, 40] {
        let lower: Vec<f64> = base
            .iter()
            .zip(0..)
            .map(|(v, k)| if k < unequal { v - 0.5 } else { *v })
            .collect();
        let paired = paired_median(&on_one_topology(&lower), &on_one_topology(&base), 0.95).unwrap();
        assert_eq!(
            paired.p_value < 0.05,
            paired.difference.excludes(0.0),
            "{unequal} of 40 are lower"
        );
    }
}

#[test]
fn only_common_replications_are_paired() {
    let at = |seed, value| (Replication { topology: 0, seed }, value);
    let first = vec![at(4, 40.0), at(1, 10.0), at(2, 21.0), at(9, 1e9)];
    let second = vec![at(1, 9.0), at(7, -1e9), at(2, 20.0), at(4, 38.0)];
    let paired = paired_mean(&first, &second, 0.95).unwrap();
    assert_eq!(paired.difference.n, 3);
    close(paired.difference.estimate, 4.0 / 3.0, 1e-12);
    assert!(paired_mean(&first, &[at(5, 1.0)], 0.95).is_none());
}

#[test]
fn equal_series_differ_by_nothing_even_with_rounding_noise() {
    let values: Vec<f64> = (0..40).map(|k| 150.0 + normal(k, 1)).collect();
    // A sum taken in another order: off by one part in 2^50, always upwards.
    let noisy: Vec<f64> = values.iter().map(|v| v * (1.0 + f64::EPSILON * 4.0)).collect();
    for other in [&values, &noisy] {
        for paired in [
            paired_mean(&on_one_topology(&values), &on_one_topology(other), 0.95).unwrap(),
            paired_median(&on_one_topology(&values), &on_one_topology(other), 0.95).unwrap(),
        ] {
            assert_eq!(
                (paired.difference.estimate, paired.difference.half_width()),
                (0.0, 0.0)
            );
            assert_eq!((paired.p_value, paired.variance_ratio), (1.0, None));
        }
    }
}

#[test]
fn constant_difference_is_certain_and_single_pair_is_not() {
    let paired = paired_mean(&on_one_topology(&[3.0, 4.0]), &on_one_topology(&[2.0, 3.0]), 0.95).unwrap();
    assert_eq!((paired.p_value, paired.difference.estimate), (0.0, 1.0));
    let single = paired_mean(&on_one_topology(&[3.0]), &on_one_topology(&[2.0]), 0.95).unwrap();
    assert_eq!((single.p_value, single.difference.low), (1.0, f64::NEG_INFINITY));
}

#[test]
fn pairing_finds_what_independent_runs_would_miss() {
    let luck: Vec<f64> = (0..30).map(|k| 100.0 + 20.0 * normal(k, 1)).collect();
    let second: Vec<f64> = luck
        .iter()
        .zip(0..)
        .map(|(v, k)| v + 1.0 + normal(k, 2))
        .collect();
    let (a, b) = (
        mean_interval(&luck, 0.95).unwrap(),
        mean_interval(&second, 0.95).unwrap(),
    );
    assert!(!a.is_below(&b), "separate intervals overlap");
    let paired = paired_mean(&on_one_topology(&luck), &on_one_topology(&second), 0.95).unwrap();
    assert!(paired.p_value < 0.001 && paired.difference.excludes(0.0));
    assert!(paired.variance_ratio.unwrap() > 100.0);
}

#[test]
fn holm_adjusts_the_worked_example() {
    let adjusted = holm(&[0.01, 0.04, 0.03, 0.005]);
    for (found, expected) in adjusted.iter().zip([0.03, 0.06, 0.06, 0.02]) {
        close(*found, expected, 1e-12);
    }
    assert_eq!(holm(&[]), Vec::<f64>::new());
    assert_eq!(holm(&[f64::NAN, 0.9]), vec![1.0, 1.0]);
}

proptest! {
    #[test]
    fn holm_lies_between_no_correction_and_bonferroni_and_keeps_the_order(
        p_values in prop::collection::vec(0.0f64..=1.0, 1..40)
    ) {
        let adjusted = holm(&p_values);
        for (a, p) in adjusted.iter().zip(&p_values) {
            prop_assert!(a >= p && *a <= (p * p_values.len() as f64).min(1.0));
        }
        for (i, a) in adjusted.iter().enumerate() {
            for (j, b) in adjusted.iter().enumerate() {
                prop_assert!(p_values[i] >= p_values[j] || a <= b);
            }
        }
    }

    #[test]
    fn order_of_replications_does_not_matter(
        (values, shuffled) in prop::collection::vec((0u32..4, 0u64..50, -1e3f64..1e3), 1..60)
            .prop_map(|values| {
                let mut series: Series = values
                    .into_iter()
                    .map(|(topology, seed, value)| (Replication { topology, seed }, value))
                    .collect();
                series.sort_by_key(|(replication, _)| *replication);
                series.dedup_by_key(|(replication, _)| *replication);
                series
            })
            .prop_flat_map(|series| (Just(series.clone()), Just(series).prop_shuffle()))
    ) {
        prop_assert_eq!(Units::of(&values), Units::of(&shuffled));
        let other: Series = values.iter().map(|(r, v)| (*r, v * 1.1 + 0.3)).collect();
        prop_assert_eq!(
            format!("{:?}", paired_mean(&values, &other, 0.95)),
            format!("{:?}", paired_mean(&shuffled, &other, 0.95))
        );
    }
}

/// 8 topologies of 20 seeds, where the topology decides much more than the seed.
fn nested(sample: u64) -> Series {
    let mut series = Vec::new();
    for topology in 0..8u32 {
        let of_topology = normal(sample * 8 + u64::from(topology), 1);
        for seed in 0..20u64 {
            let own = 0.5 * normal((sample * 8 + u64::from(topology)) * 20 + seed, 2);
            series.push((Replication { topology, seed }, 10.0 + of_topology + own));
        }
    }
    series
}

#[test]
fn seeds_are_averaged_within_topologies_where_there_are_several() {
    let series = nested(0);
    let units = Units::of(&series);
    assert_eq!((units.unit, units.values.len()), (Unit::Topology, 8));
    let first: f64 = series[..20].iter().map(|(_, value)| value).sum::<f64>() / 20.0;
    assert_eq!(units.values[0], first);
    assert_eq!(Units::of(&series[..20]).unit, Unit::Seed);
    assert_eq!(Units::of(&series[..20]).values.len(), 20);
}

#[test]
fn topology_means_cover_as_promised_and_pooled_seeds_would_not() {
    let samples = 1_000;
    let covers = |values: &[f64]| !mean_interval(values, 0.95).unwrap().excludes(10.0);
    let clustered = (0..samples)
        .filter(|s| covers(&Units::of(&nested(*s)).values))
        .count();
    let pooled = |s: &u64| covers(&nested(*s).iter().map(|(_, value)| *value).collect::<Vec<f64>>());
    let pooled = (0..samples).filter(pooled).count();
    close(clustered as f64 / samples as f64, 0.95, 0.028);
    assert!(
        pooled < samples as usize / 2,
        "pooled seeds cover {pooled} of {samples}"
    );
}

#[test]
fn shared_seeds_are_seen_and_seeds_of_their_own_are_not_taken_for_shared() {
    // 6 topologies; of the seed's own luck either all is shared, or nothing.
    let series = |sample: u64, common: bool, spread: f64| -> Series {
        let value = |topology: u64, seed: u64| {
            let luck = if common { seed } else { 100 + topology * 10 + seed };
            10.0 + spread * normal(sample * 100 + topology, 1)
                + normal(sample * 1_000 + luck, 2)
                + 0.2 * normal(sample * 1_000 + topology * 10 + seed, 3)
        };
        let cells = (0..6u32).flat_map(|topology| (0..10u64).map(move |seed| (topology, seed)));
        cells
            .map(|(t, seed)| (Replication { topology: t, seed }, value(u64::from(t), seed)))
            .collect()
    };
    let samples = 800;
    for (common, spread) in [(true, 0.0), (true, 0.3), (false, 0.0), (false, 0.5)] {
        let cover = |blind: bool| {
            let covering = (0..samples).filter(|sample| {
                let mut units = Units::of(&series(*sample, common, spread));
                if blind {
                    units.shared = None;
                }
                !units.mean_interval(0.95).unwrap().excludes(10.0)
            });
            covering.count() as f64 / samples as f64
        };
        let (seeing, blind) = (cover(false), cover(true));
        assert!(seeing > 0.92, "common {common}, spread {spread}: covers {seeing}");
        assert!(
            !common || blind < 0.8,
            "common {common}, spread {spread}: blind covers {blind}"
        );
    }
}

#[test]
fn same_topology_drawn_twice_says_no_more_than_once() {
    let once: Series = on_one_topology(&(0..40).map(|k| 10.0 + normal(k, 8)).collect::<Vec<_>>());
    let again = once
        .iter()
        .map(|&(r, value)| (Replication { topology: 1, ..r }, value));
    let twice: Series = once.iter().copied().chain(again).collect();
    let (once, twice) = (Units::of(&once), Units::of(&twice));
    let (once, twice) = (
        once.mean_interval(0.95).unwrap(),
        twice.mean_interval(0.95).unwrap(),
    );
    close(twice.half_width(), once.half_width(), 1e-9);

    let one_seed: Series = (0..5)
        .map(|t| (Replication { topology: t, seed: 1 }, f64::from(t)))
        .collect();
    assert!(
        Units::of(&one_seed)
            .mean_interval(0.95)
            .unwrap()
            .half_width()
            .is_infinite()
    );
}

#[test]
fn stopping_refuses_figures_that_mean_nothing() {
    for bad in [0.0, 1.0, -0.1, f64::NAN, f64::INFINITY] {
        assert!(
            matches!(Stopping::new(bad, 0.95), Err(BadStopping::RelativeError(_))),
            "{bad}"
        );
        assert!(
            matches!(Stopping::new(0.01, bad), Err(BadStopping::Confidence(_))),
            "{bad}"
        );
    }
}

#[test]
fn looks_spend_no_more_than_there_is() {
    let mut stopping = Stopping::new(0.01, 0.95).unwrap();
    let mut spent = 0.0;
    for look in 1..=1_000 {
        assert!(!stopping.enough(&[vec![1.0, 2.0]]));
        assert_eq!(stopping.looks(), look);
        spent += 3.0 * (1.0 - stopping.confidence_of_look(3));
    }
    // The sum of 1 / (k (k + 1)) up to 1,000 is 1,000 / 1,001.
    close(spent, 0.05 * 1_000.0 / 1_001.0, 1e-9);
}

#[test]
fn stopping_waits_for_the_worst_series_and_for_ten_values() {
    let steady = vec![5.0; 10];
    let wild: Vec<f64> = (0..10).map(|k| 5.0 + 3.0 * normal(k, 1)).collect();
    let decide = |series: &[Vec<f64>]| Stopping::new(0.05, 0.95).unwrap().enough(series);
    assert!(decide(&[steady.clone(), steady.clone()]));
    assert!(!decide(&[steady.clone(), wild.clone()]));
    assert!(!decide(&[vec![5.0; 9]]));
    assert!(!decide(&[]));
    assert!(decide(&[vec![0.0; 10]]), "always nothing is known to be nothing");
    let forecast = Stopping::new(0.05, 0.95).unwrap().forecast(&[steady, wild]);
    assert!((200..20_000).contains(&forecast), "{forecast}");
}

#[test]
fn stopped_runs_keep_the_promised_error_at_the_promised_confidence() {
    let (truth, runs) = (10.0, 400);
    let kept = (0..runs).filter(|run| {
        let mut stopping = Stopping::new(0.1, 0.9).unwrap();
        // Skewed: 30 times the square of a uniform, whose mean is 10.
        let value = |k: u64| 30.0 * power(uniform(run * 100_000 + k, 3), 2);
        let mut values: Vec<f64> = (0..10).map(value).collect();
        while !stopping.enough(std::slice::from_ref(&values)) {
            let (so_far, batch) = (values.len() as u64, values.len() as u64 / 2);
            values.extend((so_far..so_far + batch).map(value));
        }
        let mean = values.iter().sum::<f64>() / values.len() as f64;
        (mean - truth).abs() <= 0.1 * truth
    });
    let kept = kept.count() as f64 / runs as f64;
    assert!(kept >= 0.9, "within the error in {kept} of the runs");
}
