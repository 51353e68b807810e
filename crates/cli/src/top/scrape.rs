//! What a node counts, read from its `/metrics`.

use std::collections::BTreeMap;

/// Samples of one node at one time: name, labels and value. Lines that are not understood are left out.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Scrape(Vec<Sample>);

#[derive(Clone, Debug, PartialEq)]
struct Sample {
    name: String,
    /// Values of our labels are names and numbers: nothing in them is escaped.
    labels: Vec<(String, String)>,
    value: f64,
}

impl Sample {
    fn read(line: &str) -> Option<Self> {
        let (what, value) = line.rsplit_once(' ')?;
        let (name, labels) = what.split_once('{').unwrap_or((what, "}"));
        let labels = labels
            .strip_suffix('}')?
            .split(',')
            .filter(|label| !label.is_empty());
        let label = |label: &str| {
            let (name, value) = label.split_once('=')?;
            Some((name.to_owned(), value.trim_matches('"').to_owned()))
        };
        Some(Self {
            name: name.to_owned(),
            labels: labels.map(label).collect::<Option<_>>()?,
            value: value.parse().ok()?,
        })
    }

    fn label(&self, name: &str) -> Option<&str> {
        let label = self.labels.iter().find(|(label, _)| label == name);
        label.map(|(_, value)| value.as_str())
    }
}

impl Scrape {
    pub(super) fn read(text: &str) -> Self {
        let lines = text.lines().filter(|line| !line.starts_with('#'));
        Self(lines.filter_map(Sample::read).collect())
    }

    fn named<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Sample> {
        self.0.iter().filter(move |sample| sample.name == name)
    }

    /// The sum over all labels.
    pub(super) fn total(&self, name: &str) -> f64 {
        self.named(name).map(|sample| sample.value).sum()
    }

    /// The sum over those whose label begins so.
    pub(super) fn where_label(&self, name: &str, label: &str, begins: &str) -> f64 {
        let fits = |sample: &&Sample| sample.label(label).is_some_and(|value| value.starts_with(begins));
        self.named(name).filter(fits).map(|sample| sample.value).sum()
    }

    /// Sums by the values of a label.
    pub(super) fn by(&self, name: &str, label: &str) -> BTreeMap<String, f64> {
        let mut sums = BTreeMap::new();
        for sample in self.named(name) {
            if let Some(value) = sample.label(label) {
                *sums.entry(value.to_owned()).or_default() += sample.value;
            }
        }
        sums
    }

    /// A histogram's counts up to each bound, over all labels, by rising bound.
    fn buckets(&self, name: &str) -> Vec<(f64, f64)> {
        let mut counts: Vec<(f64, f64)> = Vec::new();
        for sample in self.named(&format!("{name}_bucket")) {
            let Some(Ok(bound)) = sample.label("le").map(str::parse::<f64>) else {
                continue;
            };
            match counts.iter_mut().find(|(of, _)| *of == bound) {
                Some((_, count)) => *count += sample.value,
                None => counts.push((bound, sample.value)),
            }
        }
        counts.sort_by(|a, b| a.0.total_cmp(&b.0));
        counts
    }
}

/// What happened at nodes between an earlier scrape and a later one.
pub(super) struct Between {
    pub(super) before: Scrape,
    pub(super) now: Scrape,
    /// Seconds.
    pub(super) over: f64,
}

impl Between {
    /// How often a counter moved, per second. A node that was started anew counts from nothing.
    pub(super) fn rate(&self, name: &str) -> f64 {
        self.per_second(self.before.total(name), self.now.total(name))
    }

    /// As [`Self::rate`], of those whose label begins so.
    pub(super) fn rate_where(&self, name: &str, label: &str, begins: &str) -> f64 {
        let of = |scrape: &Scrape| scrape.where_label(name, label, begins);
        self.per_second(of(&self.before), of(&self.now))
    }

    /// As [`Self::rate`], by the values of a label.
    pub(super) fn rates(&self, name: &str, label: &str) -> BTreeMap<String, f64> {
        let before = self.before.by(name, label);
        let rate = |(value, now)| {
            let before = before.get(&value).copied().unwrap_or(0.0);
            let rate = self.per_second(before, now);
            (value, rate)
        };
        self.now.by(name, label).into_iter().map(rate).collect()
    }

    fn per_second(&self, before: f64, now: f64) -> f64 {
        let moved = if now < before { now } else { now - before };
        moved / self.over
    }

    /// The time in seconds that this share of what ended meanwhile took at the most, as far as a histogram tells;
    /// `None` if nothing ended.
    pub(super) fn quantile(&self, name: &str, share: f64) -> Option<f64> {
        let before = self.before.buckets(name);
        let counts = self.now.buckets(name).into_iter().map(|(bound, now)| {
            let before = before.iter().find(|(of, _)| *of == bound);
            let before = before.map_or(0.0, |(_, count)| *count);
            (bound, if now < before { now } else { now - before })
        });
        let counts: Vec<(f64, f64)> = counts.collect();
        let all = counts.last().filter(|(_, all)| *all > 0.0)?.1;
        let wanted = share * all;
        let (mut below, mut under) = (0.0, 0.0);
        for (bound, count) in counts {
            if count >= wanted && count > under {
                // What is beyond the last bound is shown as the bound.
                let inside = (wanted - under) / (count - under);
                return Some(if bound.is_finite() {
                    below + inside * (bound - below)
                } else {
                    below
                });
            }
            (below, under) = (bound, count);
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::{Between, Scrape};

    const BEFORE: &str = "\
# TYPE a counter
a_total{status=\"200\",tenant=\"x\"} 10
a_total{status=\"503\",tenant=\"x\"} 1
b_bucket{le=\"0.1\"} 5
b_bucket{le=\"0.2\"} 5
b_bucket{le=\"+Inf\"} 5
c 7
not understood
";
    const NOW: &str = "\
a_total{status=\"200\",tenant=\"x\"} 20
a_total{status=\"200\",tenant=\"y\"} 4
a_total{status=\"503\",tenant=\"x\"} 3
b_bucket{le=\"0.1\"} 5
b_bucket{le=\"0.2\"} 13
b_bucket{le=\"+Inf\"} 15
c 2
# EOF
";

    fn between() -> Between {
        Between {
            before: Scrape::read(BEFORE),
            now: Scrape::read(NOW),
            over: 2.0,
        }
    }

    #[test]
    fn counters_are_rates_and_one_that_began_anew_counts_from_nothing() {
        let between = between();
        assert_eq!(between.rate("a_total"), 8.0);
        assert_eq!(between.rate_where("a_total", "status", "5"), 1.0);
        assert_eq!(between.rates("a_total", "tenant")["y"], 2.0);
        assert_eq!(between.rate("c"), 1.0);
        assert_eq!(between.rate("none"), 0.0);
    }

    #[test]
    fn quantiles_are_of_what_ended_meanwhile() {
        let between = between();
        let half = between.quantile("b", 0.5).unwrap();
        assert!((half - 0.1625).abs() < 1e-9, "{half}");
        assert_eq!(between.quantile("b", 0.99), Some(0.2), "the last bound");
        assert_eq!(between.quantile("none", 0.5), None);
    }
}
