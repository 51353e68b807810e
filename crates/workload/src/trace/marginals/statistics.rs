//! The few statistics that marginals need.

use std::collections::BTreeMap;

use serde::Serialize;

/// How often each whole number occurs.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Histogram {
    counts: BTreeMap<u32, u64>,
}

impl Histogram {
    /// Counts one occurrence.
    pub(super) fn add(&mut self, value: u32) {
        *self.counts.entry(value).or_insert(0) += 1;
    }

    /// The numbers that occur, ascending, and how often.
    pub fn counts(&self) -> impl Iterator<Item = (u32, u64)> {
        self.counts.iter().map(|(&value, &count)| (value, count))
    }

    /// How many occurrences there are.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.counts.values().sum()
    }

    /// The part of the occurrences whose number is picked, 0 where there is none at all.
    pub fn share(&self, pick: impl Fn(u32) -> bool) -> f64 {
        let picked: u64 = self
            .counts()
            .filter(|&(value, _)| pick(value))
            .map(|(_, count)| count)
            .sum();
        picked as f64 / self.total().max(1) as f64
    }

    /// Sum of all numbers.
    #[must_use]
    pub fn sum(&self) -> f64 {
        self.counts()
            .map(|(value, count)| f64::from(value) * count as f64)
            .sum()
    }

    /// Mean; none where nothing occurs.
    #[must_use]
    pub fn mean(&self) -> Option<f64> {
        let total = self.total();
        (total > 0).then(|| self.sum() / total as f64)
    }
}

impl FromIterator<u32> for Histogram {
    fn from_iter<I: IntoIterator<Item = u32>>(values: I) -> Self {
        let mut histogram = Self::default();
        values.into_iter().for_each(|value| histogram.add(value));
        histogram
    }
}

/// Mean, spread and quantiles of a quantity.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Distribution {
    /// Mean.
    pub mean: f64,
    /// Coefficient of variation: standard deviation (of the population) by mean; 0 where the mean is 0.
    pub cv: f64,
    /// The quantiles of [`Self::RANKS`], interpolated between neighbours.
    pub quantiles: [f64; 8],
}

impl Distribution {
    /// The ranks of the quantiles.
    pub const RANKS: [f64; 8] = [0.25, 0.5, 0.75, 0.9, 0.95, 0.99, 0.999, 1.0];

    /// Measures values; all zero where there are none.
    pub(super) fn of(mut values: Vec<f64>) -> Self {
        if values.is_empty() {
            return Self::default();
        }
        values.sort_by(f64::total_cmp);
        let mean = mean(&values);
        let variance = values.iter().map(|v| (v - mean) * (v - mean)).sum::<f64>() / values.len() as f64;
        Self {
            mean,
            cv: if mean > 0.0 { variance.sqrt() / mean } else { 0.0 },
            quantiles: Self::RANKS.map(|rank| quantile(&values, rank)),
        }
    }
}

/// Of sorted values, at least one.
fn quantile(sorted: &[f64], rank: f64) -> f64 {
    let position = rank * (sorted.len() - 1) as f64;
    let below = position.floor() as usize;
    let above = (below + 1).min(sorted.len() - 1);
    sorted[below] + (position - position.floor()) * (sorted[above] - sorted[below])
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

/// How many of sorted moments fall into each interval of this length that has any, by the interval's number.
pub(super) fn counts_per(interval: f64, sorted: &[f64]) -> Vec<(f64, u64)> {
    sorted
        .chunk_by(|a, b| (a / interval).floor() == (b / interval).floor())
        .map(|same| ((same[0] / interval).floor(), same.len() as u64))
        .collect()
}

/// Pearson's correlation; none where one side does not vary.
pub(super) fn pearson(xs: &[f64], ys: &[f64]) -> Option<f64> {
    let (x_mean, y_mean) = (mean(xs), mean(ys));
    let (mut xx, mut yy, mut xy) = (0.0, 0.0, 0.0);
    for (x, y) in xs.iter().zip(ys) {
        let (dx, dy) = (x - x_mean, y - y_mean);
        xx += dx * dx;
        yy += dy * dy;
        xy += dx * dy;
    }
    (xx > 0.0 && yy > 0.0).then(|| xy / (xx * yy).sqrt())
}

/// The intraclass correlation ICC(1) of groups of different sizes, by one-way analysis of variance; none
/// where no group has two members, there is one group only, or nothing varies.
pub(super) fn intraclass_correlation<G>(groups: impl Iterator<Item = G> + Clone) -> Option<f64>
where
    G: Iterator<Item = f64> + Clone,
{
    let (mut number, mut values, mut total, mut squared_sizes) = (0.0, 0.0, 0.0, 0.0);
    for group in groups.clone() {
        let size = group.clone().count() as f64;
        number += 1.0;
        values += size;
        squared_sizes += size * size;
        total += group.sum::<f64>();
    }
    if number < 2.0 || values <= number {
        return None;
    }
    let grand_mean = total / values;
    let (mut between, mut within) = (0.0, 0.0);
    for group in groups {
        let size = group.clone().count() as f64;
        let mean = group.clone().sum::<f64>() / size;
        between += size * (mean - grand_mean) * (mean - grand_mean);
        within += group.map(|value| (value - mean) * (value - mean)).sum::<f64>();
    }
    let between = between / (number - 1.0);
    let within = within / (values - number);
    let size = (values - squared_sizes / values) / (number - 1.0);
    let all = between + (size - 1.0) * within;
    (all > 0.0).then(|| (between - within) / all)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statistics_agree_with_closed_forms() {
        let one_to_five = Distribution::of(vec![5.0, 1.0, 4.0, 2.0, 3.0]);
        assert_eq!(one_to_five.mean, 3.0);
        assert_eq!(one_to_five.quantiles[..3], [2.0, 3.0, 4.0]);
        assert!((one_to_five.cv - 2.0_f64.sqrt() / 3.0).abs() < 1e-15);
        assert_eq!(Distribution::of(Vec::new()), Distribution::default());

        assert_eq!(pearson(&[1.0, 2.0, 3.0], &[2.0, 4.0, 6.0]), Some(1.0));
        assert_eq!(pearson(&[1.0, 2.0, 3.0], &[1.0, 1.0, 1.0]), None);

        let icc = |groups: &[&[f64]]| intraclass_correlation(groups.iter().map(|g| g.iter().copied()));
        // Equal within, different between; the other way round the estimate is -1/(size - 1).
        assert_eq!(icc(&[&[1.0, 1.0], &[3.0, 3.0]]), Some(1.0));
        assert_eq!(icc(&[&[1.0, 3.0], &[1.0, 3.0]]), Some(-1.0));
        assert_eq!(icc(&[&[1.0], &[3.0]]), None);

        assert_eq!(
            counts_per(60.0, &[0.0, 59.9, 60.0, 200.0]),
            [(0.0, 2), (1.0, 1), (3.0, 1)]
        );

        let histogram: Histogram = [1, 2, 2, 5].into_iter().collect();
        assert_eq!((histogram.mean(), histogram.share(|v| v > 1)), (Some(2.5), 0.75));
        assert_eq!(Histogram::default().mean(), None);
    }
}
