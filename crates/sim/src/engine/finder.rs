//! How the best worker is found, and the loads that it is found by.

use fogline_core::policy::{Choice, Demand, Search, WorkerIndex, Workers, scan};

use super::paths::Paths;
use super::world::World;

/// The candidates, and how the best of them is found.
#[derive(Debug)]
pub(super) struct Finder<'a> {
    paths: &'a Paths<'a>,
    how: How<'a>,
    scores: Vec<f64>,
}

#[derive(Debug)]
enum How<'a> {
    /// By looking at all, where that is a handful.
    Scan(Workers),
    /// Best first.
    Search(Box<Search<'a>>),
}

impl<'a> Finder<'a> {
    pub(super) fn new(world: &'a World, paths: &'a Paths<'a>) -> Self {
        let workers = world.workers.clone();
        let how = if paths.is_table() {
            How::Scan(workers)
        } else {
            How::Search(Box::new(Search::new(&world.routes, workers)))
        };
        Self {
            paths,
            how,
            scores: Vec::new(),
        }
    }

    pub(super) fn workers(&self) -> &Workers {
        match &self.how {
            How::Scan(workers) => workers,
            How::Search(search) => search.workers(),
        }
    }

    pub(super) fn best(&mut self, demand: &Demand<'_>) -> Option<Choice> {
        match &mut self.how {
            How::Scan(workers) => scan(workers, demand, |peer| self.paths.row(peer), &mut self.scores),
            How::Search(search) => search.best(demand),
        }
    }

    /// The score of every worker, infinite for those that cannot run the function.
    pub(super) fn scores(&mut self, demand: &Demand<'_>) -> &[f64] {
        let Self { paths, how, scores } = self;
        let workers = match how {
            How::Scan(workers) => workers,
            How::Search(search) => search.workers(),
        };
        let score = |worker: WorkerIndex| {
            let rate = workers.rate(worker, demand.profile);
            let score = || demand.score(rate, |peer| paths.between(peer, worker)).0;
            if rate > 0.0 { score() } else { f64::INFINITY }
        };
        scores.clear();
        scores.extend(workers.indices().map(score));
        scores
    }

    pub(super) fn place(&mut self, worker: WorkerIndex) {
        match &mut self.how {
            How::Scan(workers) => workers.place(worker),
            How::Search(search) => search.place(worker),
        }
    }

    pub(super) fn place_unseen(&mut self, worker: WorkerIndex) {
        match &mut self.how {
            How::Scan(workers) => workers.place_unseen(worker),
            How::Search(search) => search.place_unseen(worker),
        }
    }

    pub(super) fn see(&mut self, worker: WorkerIndex) {
        match &mut self.how {
            How::Scan(workers) => workers.see(worker),
            How::Search(search) => search.see(worker),
        }
    }

    pub(super) fn unsee(&mut self, worker: WorkerIndex) {
        match &mut self.how {
            How::Scan(workers) => workers.unsee(worker),
            How::Search(search) => search.unsee(worker),
        }
    }

    pub(super) fn refresh(&mut self) {
        match &mut self.how {
            How::Scan(workers) => workers.refresh(),
            How::Search(search) => search.refresh(),
        }
    }

    pub(super) fn clear(&mut self) {
        match &mut self.how {
            How::Scan(workers) => workers.clear(),
            How::Search(search) => search.clear(),
        }
    }
}
