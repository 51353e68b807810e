//! The choice by looking at every candidate.

use super::demand::Demand;
use super::workers::{WorkerIndex, Workers};
use crate::cost::{Flow, Peer};
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

/// The paths between one peer and all workers, figure by figure, so that scores are computed several at a time.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PathRow {
    latency_to: Vec<f64>,
    seconds_per_byte_to: Vec<f64>,
    latency_from: Vec<f64>,
    seconds_per_byte_from: Vec<f64>,
}

impl PathRow {
    /// The paths to a worker and back; their links are not kept and count as none.
    #[must_use]
    pub fn get(&self, worker: usize) -> (Path, Path) {
        let path = |latency: &[f64], seconds_per_byte: &[f64]| Path {
            latency: Seconds(latency[worker]),
            seconds_per_byte: seconds_per_byte[worker],
            links: 0,
        };
        (
            path(&self.latency_to, &self.seconds_per_byte_to),
            path(&self.latency_from, &self.seconds_per_byte_from),
        )
    }

    /// Sets the paths to a worker and back.
    pub fn set(&mut self, worker: usize, (to, from): (Path, Path)) {
        self.latency_to[worker] = to.latency.0;
        self.seconds_per_byte_to[worker] = to.seconds_per_byte;
        self.latency_from[worker] = from.latency.0;
        self.seconds_per_byte_from[worker] = from.seconds_per_byte;
    }

    /// Adds the time of a flow to each worker, by [`Path::time`].
    pub fn add_to(&self, flow: Flow, times: &mut [f64]) {
        add(&self.latency_to, &self.seconds_per_byte_to, flow, times);
    }

    /// Adds the time of a flow from each worker.
    pub fn add_from(&self, flow: Flow, times: &mut [f64]) {
        add(&self.latency_from, &self.seconds_per_byte_from, flow, times);
    }
}

fn add(latencies: &[f64], seconds_per_byte: &[f64], flow: Flow, times: &mut [f64]) {
    let (messages, bytes) = (f64::from(flow.messages), flow.bytes.as_f64());
    for (time, (latency, per_byte)) in times.iter_mut().zip(latencies.iter().zip(seconds_per_byte)) {
        *time += latency * messages + per_byte * bytes;
    }
}

impl FromIterator<(Path, Path)> for PathRow {
    /// From the paths to each worker and back.
    fn from_iter<I: IntoIterator<Item = (Path, Path)>>(paths: I) -> Self {
        let mut row = Self::default();
        for (to, from) in paths {
            row.latency_to.push(to.latency.0);
            row.seconds_per_byte_to.push(to.seconds_per_byte);
            row.latency_from.push(from.latency.0);
            row.seconds_per_byte_from.push(from.seconds_per_byte);
        }
        row
    }
}

/// Scores every worker that can run the function and chooses the lowest score, ties by the lowest index.
/// `row` gives the paths of a peer; `scores` is room to work in. `None` if no worker can run the function.
///
/// Every score is [`Demand::score`], to the last bit.
pub fn scan<'a>(
    workers: &Workers,
    demand: &Demand<'_>,
    row: impl Fn(VertexId) -> &'a PathRow,
    scores: &mut Vec<f64>,
) -> Option<Choice> {
    let rates = workers.rates(demand.profile);
    let operations = demand.operations.0 as f64;
    scores.clear();
    scores.extend(rates.iter().map(|rate| operations / rate));
    for leg in demand.legs {
        match leg.peer {
            Peer::At(vertex) => {
                let row = row(vertex);
                let (messages_to, bytes_to) =
                    (f64::from(leg.to_worker.messages), leg.to_worker.bytes.as_f64());
                let (messages_from, bytes_from) = (
                    f64::from(leg.from_worker.messages),
                    leg.from_worker.bytes.as_f64(),
                );
                let figures = row
                    .latency_to
                    .iter()
                    .zip(&row.seconds_per_byte_to)
                    .zip(row.latency_from.iter().zip(&row.seconds_per_byte_from));
                for (score, ((latency_to, to), (latency_from, from))) in scores.iter_mut().zip(figures) {
                    let there = latency_to * messages_to + to * bytes_to;
                    let back = latency_from * messages_from + from * bytes_from;
                    *score += there + back;
                }
            }
            Peer::Apart {
                to_worker,
                from_worker,
            } => {
                let time = leg.time(to_worker, from_worker).0;
                scores.iter_mut().for_each(|score| *score += time);
            }
        }
    }
    let mut best: Option<(usize, f64)> = None;
    for (index, (score, rate)) in scores.iter().zip(rates).enumerate() {
        if *rate > 0.0 && best.is_none_or(|(_, best)| *score < best) {
            best = Some((index, *score));
        }
    }
    best.map(|(index, score)| Choice {
        worker: WorkerIndex(index as u32),
        score: Seconds(score),
    })
}
