//! The same choice as [`super::scan()`], best first.
//!
//! Workers are grouped along the tree of gateways that [`Routes`] found: all that lie behind a gateway, split
//! in halves until one is left. A group knows the cheapest way from its gateway to any of its workers and
//! the highest rate that any of them would give, and from these follows a lower bound of all its scores.
//! Groups are opened in order of their bounds; a group of one has its exact score for a bound, so the first
//! that comes up is the choice.
//!
//! Bounds are computed by the very operations that make a score, in the same order, on figures that are no
//! larger. Rounding is monotone, so they hold to the last bit, and ties fall as in the full scan.

mod groups;

use std::cmp::Ordering;
use std::collections::BinaryHeap;

use super::demand::Demand;
use super::scan::Choice;
use super::workers::{WorkerIndex, Workers};
use crate::network::{Path, Routes, VertexId};
use groups::{Content, GroupId, Groups};

/// Finds the best worker on a network of any size.
#[derive(Debug)]
pub struct Search<'a> {
    routes: &'a Routes,
    workers: Workers,
    groups: Groups,
    queue: BinaryHeap<Entry>,
}

impl<'a> Search<'a> {
    /// Groups the workers.
    #[must_use]
    pub fn new(routes: &'a Routes, workers: Workers) -> Self {
        let groups = Groups::new(routes, &workers);
        Self {
            routes,
            workers,
            groups,
            queue: BinaryHeap::new(),
        }
    }

    /// The candidates.
    #[must_use]
    pub fn workers(&self) -> &Workers {
        &self.workers
    }

    /// Places an invocation on a worker.
    pub fn place(&mut self, worker: WorkerIndex) {
        self.workers.place(worker);
        self.groups.update(&self.workers, worker);
    }

    /// [`Workers::place_unseen`].
    pub fn place_unseen(&mut self, worker: WorkerIndex) {
        self.workers.place_unseen(worker);
    }

    /// [`Workers::see`].
    pub fn see(&mut self, worker: WorkerIndex) {
        self.workers.see(worker);
        self.groups.update(&self.workers, worker);
    }

    /// [`Workers::unsee`].
    pub fn unsee(&mut self, worker: WorkerIndex) {
        self.workers.unsee(worker);
        self.groups.update(&self.workers, worker);
    }

    /// [`Workers::refresh`].
    pub fn refresh(&mut self) {
        self.workers.refresh();
        self.groups.update_all(&self.workers);
    }

    /// Takes all load away.
    pub fn clear(&mut self) {
        self.workers.clear();
        self.groups.update_all(&self.workers);
    }

    /// The best worker, `None` if none can run the function.
    pub fn best(&mut self, demand: &Demand<'_>) -> Option<Choice> {
        self.queue.clear();
        let mut next = self.groups.top();
        loop {
            if let Some(group) = next {
                self.push(group, demand);
            }
            let entry = self.queue.pop()?;
            next = match self.groups.content(entry.group) {
                Content::Worker(worker) => {
                    return Some(Choice {
                        worker,
                        score: crate::model::Seconds(entry.bound),
                    });
                }
                Content::Below(group) => Some(group),
                Content::Split(left, right) => {
                    self.push(left, demand);
                    Some(right)
                }
            };
        }
    }

    fn push(&mut self, group: GroupId, demand: &Demand<'_>) {
        let rate = self.groups.rate(group, demand.profile);
        if rate > 0.0 {
            let bound = demand
                .score(rate, |peer| self.groups.paths(self.routes, peer, group))
                .0;
            self.queue.push(Entry {
                bound,
                lowest: self.groups.lowest(group),
                group,
            });
        }
    }
}

/// A group that waits to be opened: lowest bound first, then lowest worker.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Entry {
    bound: f64,
    lowest: WorkerIndex,
    group: GroupId,
}

impl Eq for Entry {}

impl PartialOrd for Entry {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Entry {
    fn cmp(&self, other: &Self) -> Ordering {
        // The heap gives the greatest first.
        other
            .bound
            .total_cmp(&self.bound)
            .then(other.lowest.cmp(&self.lowest))
    }
}
