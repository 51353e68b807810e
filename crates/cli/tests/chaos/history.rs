//! What became of each addition to a session, and what that says of the promises.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use tokio::time::Instant;

/// What a session holds: how often each item was added. Each is added once.
pub(crate) type Basket = BTreeMap<String, u64>;

/// The history of one session, as its client saw it.
#[derive(Default)]
pub(crate) struct History {
    pub(crate) tried: u64,
    pub(crate) acknowledged: BTreeSet<String>,
    /// When additions were acknowledged.
    answered: Vec<Instant>,
    /// How often the client was told that the session is behind what it has seen (R12).
    pub(crate) regressions: u64,
    /// Items that an answer lacked, though they had been acknowledged before it was asked for.
    missing: BTreeSet<String>,
    /// What must not be: requests that waited longer than their time, or for ever.
    pub(crate) wrong: Vec<String>,
}

impl History {
    pub(crate) fn acknowledge(&mut self, item: String, at: Instant) {
        self.acknowledged.insert(item);
        self.answered.push(at);
    }

    /// An answer to a question that was asked when `before` had been acknowledged.
    pub(crate) fn look(&mut self, before: &BTreeSet<String>, answer: &Basket) {
        let missing = before.iter().filter(|item| !answer.contains_key(*item));
        self.missing.extend(missing.cloned());
    }

    /// Items that an answer lacked though they had been acknowledged, and that are there: the answer was stale.
    pub(crate) fn stale(&self, end: &Basket) -> u64 {
        self.missing.iter().filter(|item| end.contains_key(*item)).count() as u64
    }

    /// How many acknowledged items are not there.
    pub(crate) fn lost(&self, end: &Basket) -> u64 {
        self.acknowledged
            .iter()
            .filter(|item| !end.contains_key(*item))
            .count() as u64
    }

    /// How many were added more than once.
    pub(crate) fn doubled(end: &Basket) -> u64 {
        end.values().filter(|count| **count > 1).count() as u64
    }

    /// The longest time between two acknowledgements, or between one and the begin or end of the load.
    pub(crate) fn longest_gap(&self, begin: Instant, end: Instant) -> Duration {
        let times = std::iter::once(&begin).chain(&self.answered).chain([&end]);
        let times: Vec<_> = times.collect();
        let gaps = times.windows(2).map(|pair| *pair[1] - *pair[0]);
        gaps.max().unwrap_or_default()
    }
}
