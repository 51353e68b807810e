//! The choice by looking at every candidate.

use super::demand::Demand;
use super::workers::{WorkerIndex, Workers};
use crate::model::Seconds;
use crate::network::{Path, VertexId};

/// The worker that a policy chose.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Choice {
    /// Which.
    pub worker: WorkerIndex,
    /// Its score.
    pub score: Seconds,
}

/// Scores every worker that can run the function and chooses the lowest score, ties by the lowest index.
/// `paths` gives the paths from a peer to a worker and back. `None` if no worker can run it.
pub fn scan(
    workers: &Workers,
    demand: &Demand<'_>,
    mut paths: impl FnMut(VertexId, WorkerIndex) -> (Path, Path),
) -> Option<Choice> {
    let mut best: Option<Choice> = None;
    for worker in workers.indices() {
        let rate = workers.rate(worker, demand.profile);
        if rate <= 0.0 {
            continue;
        }
        let score = demand.score(rate, |peer| paths(peer, worker));
        if best.is_none_or(|best| score < best.score) {
            best = Some(Choice { worker, score });
        }
    }
    best
}
