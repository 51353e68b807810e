//! Which applications there are: every node keeps a catalogue, and no node is asked first.
//!
//! For each application a node keeps the last change that it has heard of, a deployment or a deletion. Changes have
//! [`Stamp`]s that order them on all nodes; of two the later one stands. So catalogues may be merged in any order and
//! any number of times, and nodes that have heard of the same changes have the same catalogue. A deletion is kept for
//! [`DELETED_FOR`], so that a node that was away hears of it, and does not bring the application back.
//!
//! Two nodes compare catalogues by a [`Summary`] of a few hundred bytes, and send only what differs by it.

mod entry;
mod summary;

use std::collections::BTreeMap;
use std::time::Duration;

pub use entry::{AppKey, BadKey, Change, Entry, KEPT_BEFORE, Stamp};
pub use summary::Summary;

use crate::model::{NodeName, Timestamp};

/// How long deletions are remembered. A node that was away for longer may bring an application back that was deleted
/// meanwhile.
pub const DELETED_FOR: Duration = Duration::from_secs(90 * 24 * 3600);

/// What a node has heard of all applications.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Catalogue(BTreeMap<AppKey, Entry>);

impl Catalogue {
    /// What is known of an application.
    #[must_use]
    pub fn get(&self, key: &AppKey) -> Option<&Entry> {
        self.0.get(key)
    }

    /// All of it, in the order of keys.
    pub fn iter(&self) -> impl Iterator<Item = (&AppKey, &Entry)> {
        self.0.iter()
    }

    /// Whether a change that was heard of is news.
    #[must_use]
    pub fn is_news(&self, key: &AppKey, heard: &Entry) -> bool {
        self.0.get(key).is_none_or(|known| known.stamp < heard.stamp)
    }

    /// Takes a change in, if it is news.
    pub fn merge(&mut self, key: AppKey, heard: Entry) {
        if self.is_news(&key, &heard) {
            self.0.insert(key, heard);
        }
    }

    /// Forgets an application.
    pub fn forget(&mut self, key: &AppKey) {
        self.0.remove(key);
    }

    /// The stamp of a change that `node` makes now: later than all that it has heard of, also when another node's clock
    /// is ahead.
    #[must_use]
    pub fn next_stamp(&self, now: Timestamp, node: NodeName) -> Stamp {
        let last = self.0.values().map(|entry| entry.stamp.at).max();
        Stamp {
            at: last.map_or(now, |last| now.max(Timestamp(last.0.saturating_add(1)))),
            node,
        }
    }

    /// What another catalogue is compared with.
    #[must_use]
    pub fn summary(&self) -> Summary {
        Summary::of(&self.0)
    }

    /// What a node with that summary may not have.
    #[must_use]
    pub fn differing(&self, other: &Summary) -> Vec<(AppKey, Entry)> {
        let mine = self.summary();
        let differs = |(key, _): &(&AppKey, &Entry)| mine.differs(other, key);
        let differing = self.0.iter().filter(differs);
        differing
            .map(|(key, entry)| (key.clone(), entry.clone()))
            .collect()
    }
}
