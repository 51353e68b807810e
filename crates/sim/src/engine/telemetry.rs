//! Loads that dispatchers see late.
//!
//! A client's dispatcher is the worker that its requests enter the network by, as on the platform. All see the loads of
//! the last refresh, and each sees besides what it has placed itself since then.

use fogline_core::policy::WorkerIndex;

use super::finder::Finder;

/// What was placed and is not seen by all.
#[derive(Clone, Debug)]
pub(super) struct Telemetry {
    /// Placements between two refreshes; 0 if all is seen at once.
    staleness: usize,
    /// Since the last refresh: which dispatcher placed an invocation, and where.
    unseen: Vec<(WorkerIndex, WorkerIndex)>,
}

impl Telemetry {
    pub(super) fn new(staleness: u32) -> Self {
        Self {
            staleness: staleness as usize,
            unseen: Vec::new(),
        }
    }

    /// A dispatcher takes its turn: it knows what it has placed itself.
    pub(super) fn turn_to(&self, dispatcher: WorkerIndex, finder: &mut Finder<'_>) {
        self.of(dispatcher).for_each(|worker| finder.see(worker));
    }

    /// Its turn ends.
    pub(super) fn turn_from(&self, dispatcher: WorkerIndex, finder: &mut Finder<'_>) {
        self.of(dispatcher).for_each(|worker| finder.unsee(worker));
    }

    fn of(&self, dispatcher: WorkerIndex) -> impl Iterator<Item = WorkerIndex> {
        let own = self.unseen.iter().filter(move |(whose, _)| *whose == dispatcher);
        own.map(|(_, worker)| *worker)
    }

    /// The dispatcher whose turn it is places an invocation.
    pub(super) fn place(&mut self, dispatcher: WorkerIndex, worker: WorkerIndex, finder: &mut Finder<'_>) {
        if self.staleness == 0 {
            finder.place(worker);
            return;
        }
        finder.place_unseen(worker);
        finder.see(worker);
        self.unseen.push((dispatcher, worker));
        if self.unseen.len() >= self.staleness {
            self.unseen.clear();
            finder.refresh();
        }
    }

    pub(super) fn clear(&mut self) {
        self.unseen.clear();
    }
}
