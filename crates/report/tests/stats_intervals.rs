//! Intervals against closed forms, published tables and simulations whose truth is known.

mod stats_support;

use fogline_report::stats::{
    Bootstrap, bootstrap_mean, mean_interval, median_interval, quantile_interval, quantile_ranks, t_quantile,
};
use stats_support::{normal, power, uniform};

fn close(found: f64, expected: f64, within: f64) {
    assert!(
        (found - expected).abs() <= within,
        "found {found}, expected {expected} ± {within}"
    );
}

#[test]
fn t_quantiles_are_those_of_the_tables() {
    let table = [
        (0.90, 9, 1.833),
        (0.95, 1, 12.706),
        (0.95, 2, 4.303),
        (0.95, 4, 2.776),
        (0.95, 9, 2.262),
        (0.95, 19, 2.093),
        (0.95, 29, 2.045),
        (0.95, 120, 1.980),
        (0.95, 1_000_000, 1.960),
        (0.99, 9, 3.250),
        (0.99, 29, 2.756),
        (0.999, 9, 4.781),
    ];
    for (confidence, freedom, expected) in table {
        close(t_quantile(confidence, freedom), expected, 0.000_51);
    }
}

#[test]
fn far_t_quantiles_invert_the_closed_form() {
    for tail in [0.2, 0.05, 1e-3, 1e-6, 1e-9] {
        let t = t_quantile(1.0 - 2.0 * tail, 2);
        // With two degrees of freedom the upper tail is 1/2 - t / (2 √(2 + t²)).
        let root = (2.0 + t * t).sqrt();
        close(1.0 / (root * (root + t)), tail, 1e-6 * tail);
    }
}

#[test]
fn impossible_confidence_or_freedom_gives_ends_of_the_scale_and_no_panic() {
    assert_eq!(t_quantile(0.95, 0), f64::INFINITY);
    assert_eq!(t_quantile(1.0, 9), f64::INFINITY);
    assert_eq!(t_quantile(7.0, 9), f64::INFINITY);
    close(t_quantile(0.0, 9), 0.0, 1e-9);
    assert!(
        mean_interval(&[f64::NAN, 1.0, f64::INFINITY], 0.95)
            .unwrap()
            .estimate
            .is_nan()
    );
    for confidence in [-1.0, 0.0, 1.0, 2.0, f64::NAN] {
        let values = [3.0, 1.0, 2.0];
        let _ = (
            median_interval(&values, confidence),
            quantile_ranks(3, confidence, 0.95),
        );
        let _ = bootstrap_mean(&values, confidence, Bootstrap::default());
        let _ = t_quantile(confidence, 3);
    }
}

#[test]
fn t_interval_of_a_mean_is_the_textbook_one() {
    let interval = mean_interval(&[1.0, 2.0, 3.0, 4.0, 5.0], 0.95).unwrap();
    close(interval.estimate, 3.0, 1e-12);
    close(
        interval.half_width(),
        2.776_445 * 2.5f64.sqrt() / 5f64.sqrt(),
        1e-6,
    );
    close(interval.relative_half_width(), interval.half_width() / 3.0, 1e-12);
    assert_eq!(interval.n, 5);
}

#[test]
fn one_value_bounds_nothing_and_none_gives_none() {
    let one = mean_interval(&[4.0], 0.95).unwrap();
    assert_eq!(
        (one.estimate, one.low, one.high),
        (4.0, f64::NEG_INFINITY, f64::INFINITY)
    );
    assert!(mean_interval(&[], 0.95).is_none());
    assert!(median_interval(&[], 0.95).is_none());
    assert!(bootstrap_mean(&[], 0.95, Bootstrap::default()).is_none());
}

/// How often intervals of `n` values, drawn by `value`, cover the truth, over 2,000 samples.
fn coverage(n: u64, truth: f64, value: impl Fn(u64) -> f64, interval: impl Fn(&[f64]) -> (f64, f64)) -> f64 {
    let samples = 2_000;
    let covered = (0..samples).filter(|sample| {
        let values: Vec<f64> = (0..n).map(|k| value(sample * n + k)).collect();
        let (low, high) = interval(&values);
        (low..=high).contains(&truth)
    });
    covered.count() as f64 / samples as f64
}

// Four standard errors of a coverage of 0.95 over 2,000 samples are 0.0195.

#[test]
fn t_interval_covers_as_promised() {
    let covered = coverage(
        12,
        5.0,
        |k| 5.0 + normal(k, 7),
        |values| {
            let interval = mean_interval(values, 0.95).unwrap();
            (interval.low, interval.high)
        },
    );
    close(covered, 0.95, 0.0195);
}

#[test]
fn order_statistics_cover_the_median_of_a_skewed_law_at_least_as_promised() {
    // The cube of a uniform: median 1/8.
    let covered = coverage(
        30,
        0.125,
        |k| power(uniform(k, 5), 3),
        |values| {
            let interval = median_interval(values, 0.95).unwrap();
            (interval.low, interval.high)
        },
    );
    // The ranks 10 and 21 of 30 cover with probability 0.9572.
    close(covered, 0.9572, 0.0195);
}

#[test]
fn bootstrap_covers_the_mean_of_a_skewed_law() {
    // The fourth power of a uniform: mean 1/5. BCa is second-order accurate, so some coverage is missing at 40.
    let covered = coverage(
        40,
        0.2,
        |k| power(uniform(k, 3), 4),
        |values| {
            let interval = bootstrap_mean(
                values,
                0.95,
                Bootstrap {
                    resamples: 400,
                    seed: 9,
                },
            )
            .unwrap();
            (interval.low, interval.high)
        },
    );
    assert!((0.92..=0.97).contains(&covered), "covers {covered}");
}

#[test]
fn bootstrap_agrees_with_t_on_normal_values_and_leans_with_skewed_ones() {
    let bootstrap = Bootstrap {
        resamples: 4_000,
        seed: 1,
    };
    let symmetric: Vec<f64> = (0..200).map(|k| 100.0 + normal(k, 1)).collect();
    let (t, resampled) = (
        mean_interval(&symmetric, 0.95).unwrap(),
        bootstrap_mean(&symmetric, 0.95, bootstrap).unwrap(),
    );
    close(resampled.low, t.low, 0.1 * t.half_width());
    close(resampled.high, t.high, 0.1 * t.half_width());

    let skewed: Vec<f64> = (0..60).map(|k| power(uniform(k, 2), 20)).collect();
    let leaning = bootstrap_mean(&skewed, 0.95, bootstrap).unwrap();
    assert!(leaning.high - leaning.estimate > 1.2 * (leaning.estimate - leaning.low));
}

#[test]
fn bootstrap_repeats_with_its_seed_and_changes_with_another() {
    let values: Vec<f64> = (0..50).map(|k| normal(k, 4)).collect();
    let with = |seed| bootstrap_mean(&values, 0.95, Bootstrap { resamples: 500, seed });
    assert_eq!(with(3), with(3));
    assert_ne!(with(3), with(4));
    let constant = bootstrap_mean(&[2.0; 9], 0.95, Bootstrap::default()).unwrap();
    assert_eq!((constant.low, constant.high), (2.0, 2.0));
}

#[test]
fn median_ranks_are_those_of_the_tables() {
    // Conservative two-sided 95 % ranks, as in Conover, Practical Nonparametric Statistics, and Hahn and Meeker.
    let table = [
        (5, None),
        (6, Some((1, 6))),
        (8, Some((1, 8))),
        (9, Some((2, 8))),
        (10, Some((2, 9))),
        (12, Some((3, 10))),
        (15, Some((4, 12))),
        (20, Some((6, 15))),
        (25, Some((8, 18))),
        (30, Some((10, 21))),
        (40, Some((14, 27))),
        (50, Some((18, 33))),
        (100, Some((40, 61))),
    ];
    for (n, expected) in table {
        let (low, high) = quantile_ranks(n, 0.5, 0.95);
        assert_eq!(low.zip(high), expected, "n = {n}");
    }
}

#[test]
fn ranks_of_any_quantile_cover_enough_and_no_narrower_ones_would() {
    for n in [1usize, 2, 7, 30, 131] {
        for probability in [0.05, 0.25, 0.5, 0.9, 0.99] {
            let (low, high) = quantile_ranks(n, probability, 0.9);
            // P(B = k) for B binomial, by its recursion.
            let mut mass = vec![power(1.0 - probability, n)];
            for k in 1..=n {
                let ratio = (n - k + 1) as f64 / k as f64 * probability / (1.0 - probability);
                mass.push(mass[k - 1] * ratio);
            }
            let below = |rank: usize| mass[..rank].iter().sum::<f64>();
            let above = |rank: usize| mass[rank..].iter().sum::<f64>();
            let case = format!("n = {n}, probability = {probability}, ranks {low:?} {high:?}");
            assert!(low.is_none_or(|rank| below(rank) <= 0.05 + 1e-12), "{case}");
            assert!(high.is_none_or(|rank| above(rank) <= 0.05 + 1e-12), "{case}");
            let tighter = low.map_or(1, |rank| rank + 1);
            assert!(tighter > n || below(tighter) > 0.05 - 1e-12, "{case}");
            let tighter = high.map_or(n, |rank| rank - 1);
            assert!(tighter < 1 || above(tighter) > 0.05 - 1e-12, "{case}");
        }
    }
}

#[test]
fn quantile_estimate_is_the_usual_one() {
    let values = [5.0, 1.0, 4.0, 2.0, 3.0, 6.0];
    let estimate = |q| quantile_interval(&values, q, 0.95).unwrap().estimate;
    assert_eq!(
        (estimate(0.5), estimate(0.9), estimate(0.0), estimate(1.0)),
        (3.5, 6.0, 1.0, 6.0)
    );
    let six = median_interval(&values, 0.95).unwrap();
    assert_eq!((six.low, six.high), (1.0, 6.0));
    let five = median_interval(&values[..5], 0.95).unwrap();
    assert_eq!((five.low, five.high), (f64::NEG_INFINITY, f64::INFINITY));
}
