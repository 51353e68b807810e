//! How long functions take on this node.

use std::collections::BTreeMap;
use std::time::Duration;

use super::FadingMean;
use crate::telemetry::{FunctionKey, ServiceTime};

/// After this time an execution counts half: long enough for a mean of a few dozen calls at one per second,
/// short enough that another version of a function, or another load of the machine, is seen within a minute
/// or two.
const HALF_LIFE: Duration = Duration::from_secs(30);
/// Functions of which a node remembers times; the one that was executed least of late goes first.
const MAX_FUNCTIONS: usize = 1024;
/// Executions below which a function counts as not executed of late, and is not told of.
const FADED: f64 = 0.01;

/// Learnt service times.
#[derive(Clone, Debug, Default)]
pub struct ServiceTimes {
    means: BTreeMap<FunctionKey, FadingMean>,
}

impl ServiceTimes {
    /// Learns from an execution that took a slot for so long. Leave out what made a worker first: it says
    /// more of the start than of the function.
    pub fn learn(&mut self, function: &FunctionKey, took: Duration, now: Duration) {
        if let Some(mean) = self.means.get_mut(function) {
            mean.add(took.as_secs_f64(), now);
            return;
        }
        if self.means.len() >= MAX_FUNCTIONS {
            let least = self
                .means
                .iter()
                .min_by(|(_, a), (_, b)| a.weight(now).total_cmp(&b.weight(now)))
                .map(|(function, _)| function.clone());
            if let Some(least) = least {
                self.means.remove(&least);
            }
        }
        let mut mean = FadingMean::new(HALF_LIFE);
        mean.add(took.as_secs_f64(), now);
        self.means.insert(function.clone(), mean);
    }

    /// The mean of a function, if it was ever executed here.
    #[must_use]
    pub fn mean(&self, function: &FunctionKey) -> Option<Duration> {
        self.means.get(function)?.mean().map(Duration::from_secs_f64)
    }

    /// What to tell others: every function that was executed here within some minutes.
    #[must_use]
    pub fn figures(&self, now: Duration) -> BTreeMap<FunctionKey, ServiceTime> {
        let told = self.means.iter().filter_map(|(function, mean)| {
            let weight = mean.weight(now);
            let service = ServiceTime {
                mean: Duration::from_secs_f64(mean.mean()?),
                // A float-to-integer cast saturates.
                recent: weight.ceil() as u32,
            };
            (weight >= FADED).then(|| (function.clone(), service))
        });
        told.collect()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{MAX_FUNCTIONS, ServiceTimes};
    use crate::telemetry::FunctionKey;

    fn function(number: usize) -> FunctionKey {
        FunctionKey {
            tenant: "t".parse().unwrap(),
            app: "a".parse().unwrap(),
            function: format!("f{number}").parse().unwrap(),
        }
    }

    #[test]
    fn a_change_of_speed_is_seen_within_two_minutes() {
        let mut times = ServiceTimes::default();
        let key = function(0);
        for second in 0..600 {
            let took = if second < 480 { 10 } else { 50 };
            times.learn(&key, Duration::from_millis(took), Duration::from_secs(second));
        }
        let mean = times.mean(&key).unwrap();
        assert!(mean > Duration::from_millis(47), "{mean:?}");
    }

    #[test]
    fn a_function_that_is_no_longer_executed_is_remembered_but_not_told() {
        let mut times = ServiceTimes::default();
        times.learn(&function(0), Duration::from_millis(10), Duration::ZERO);
        let figures = times.figures(Duration::from_secs(10));
        assert_eq!(figures[&function(0)].mean, Duration::from_millis(10));
        assert!(times.figures(Duration::from_secs(600)).is_empty());
        assert_eq!(times.mean(&function(0)), Some(Duration::from_millis(10)));
    }

    #[test]
    fn the_function_that_was_executed_least_of_late_is_forgotten_first() {
        let mut times = ServiceTimes::default();
        let took = Duration::from_millis(1);
        for number in 0..MAX_FUNCTIONS {
            times.learn(&function(number), took, Duration::from_secs(1));
            if number != 7 {
                times.learn(&function(number), took, Duration::from_secs(1));
            }
        }
        times.learn(&function(MAX_FUNCTIONS), took, Duration::from_secs(1));
        assert_eq!(times.mean(&function(7)), None);
        assert_eq!(times.figures(Duration::from_secs(1)).len(), MAX_FUNCTIONS);
    }
}
