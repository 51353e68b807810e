//! How far a placement is from the best there could be.
//!
//! The measure is the mean latency of the jobs of one replication under one model. Where there are few enough
//! assignments of steps to workers, all are tried. Elsewhere a relaxation gives a bound that no placement can
//! beat: *alone*, in which every step has its best worker to itself, and what depends on where other steps
//! run (transfers between workers, migrations) is free.

use fogline_core::cost::{Leg, Purpose, legs};
use fogline_core::model::{ExecutionModel, Seconds, Workflow};
use fogline_core::policy::{Demand, WorkerIndex};
use fogline_core::record::Spent;
use rayon::prelude::*;
use serde::Serialize;

use crate::engine::{Draw, Placement, Replicator};

/// The most assignments that are tried.
pub const MAX_ASSIGNMENTS: u64 = 10_000_000;

/// What the best there could be is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Bound {
    /// The optimum, by trying all assignments.
    Optimum,
    /// Every step alone on its best worker: a lower bound.
    Alone,
}

/// The best mean latency that any placement of a draw could have under a model.
#[must_use]
pub fn best_mean_latency(
    replicator: &Replicator<'_>,
    draw: &Draw,
    model: ExecutionModel,
) -> (Bound, Seconds) {
    match assignments(replicator, draw) {
        Some(count) => (Bound::Optimum, optimum(replicator, draw, model, count)),
        None => (Bound::Alone, alone(replicator, draw, model)),
    }
}

/// The mean latency of a placement.
#[must_use]
pub fn mean_latency(
    replicator: &Replicator<'_>,
    draw: &Draw,
    placement: &Placement,
    model: ExecutionModel,
) -> Seconds {
    let mut total = Seconds::ZERO;
    replicator.for_each_run(draw, placement, model, |spent: Spent| total += spent.latency());
    total * (1.0 / draw.pool_jobs.len() as f64)
}

/// The workers that can run each step, for all jobs one after the other.
fn choices(replicator: &Replicator<'_>, draw: &Draw) -> Vec<Vec<WorkerIndex>> {
    let world = replicator.world;
    let able = |profile: usize| -> Vec<WorkerIndex> {
        world
            .workers
            .indices()
            .filter(|worker| world.workers.speed(*worker, profile) > 0.0)
            .collect()
    };
    let able: Vec<_> = (0..world.workers.profiles()).map(able).collect();
    let steps = draw
        .pool_jobs
        .iter()
        .flat_map(|job| replicator.pool.jobs[*job as usize].workflow.steps());
    steps
        .map(|step| able[world.profiles[step.function.0 as usize]].clone())
        .collect()
}

/// How many assignments there are, if not too many.
fn assignments(replicator: &Replicator<'_>, draw: &Draw) -> Option<u64> {
    let fewest = u64::from(replicator.world.workers.len() > 1) + 1;
    let steps = draw
        .pool_jobs
        .iter()
        .map(|job| replicator.pool.jobs[*job as usize].workflow.steps().len());
    // Two workers and 24 steps are too many already; counting them is not worth the memory of a large draw.
    if fewest > 1 && steps.sum::<usize>() > 24 {
        return None;
    }
    choices(replicator, draw)
        .iter()
        .try_fold(1_u64, |product, able| product.checked_mul(able.len() as u64))
        .filter(|count| *count <= MAX_ASSIGNMENTS)
}

fn optimum(replicator: &Replicator<'_>, draw: &Draw, model: ExecutionModel, count: u64) -> Seconds {
    const CHUNK: u64 = 4096;
    let choices = choices(replicator, draw);
    let best = (0..count.div_ceil(CHUNK)).into_par_iter().map(|chunk| {
        let mut placement = Placement::empty(replicator.pool, draw, replicator.world.workers.len());
        let mut best = Seconds(f64::INFINITY);
        for number in chunk * CHUNK..((chunk + 1) * CHUNK).min(count) {
            let mut rest = number;
            placement.assign(choices.iter().map(|able| {
                let worker = able[(rest % able.len() as u64) as usize];
                rest /= able.len() as u64;
                worker
            }));
            let mean = mean_latency(replicator, draw, &placement, model);
            if mean < best {
                best = mean;
            }
        }
        best
    });
    best.reduce(|| Seconds(f64::INFINITY), |a, b| if b < a { b } else { a })
}

fn alone(replicator: &Replicator<'_>, draw: &Draw, model: ExecutionModel) -> Seconds {
    let latencies: Vec<Seconds> = draw
        .pool_jobs
        .par_iter()
        .zip(&draw.clients)
        .map(|(job, client)| {
            let workflow = &replicator.pool.jobs[*job as usize].workflow;
            job_alone(replicator, workflow, *client as usize, model)
        })
        .collect();
    latencies.iter().copied().sum::<Seconds>() * (1.0 / draw.pool_jobs.len() as f64)
}

fn job_alone(
    replicator: &Replicator<'_>,
    workflow: &Workflow,
    client: usize,
    model: ExecutionModel,
) -> Seconds {
    let world = replicator.world;
    let places = vec![world.client_vertices[client]; workflow.steps().len()];
    let homes = vec![None; workflow.states().len()];
    let mut finished: Vec<Seconds> = Vec::with_capacity(workflow.steps().len());
    let mut all_legs = Vec::new();
    for (index, step) in workflow.steps().iter().enumerate() {
        let invocation = world.invocation(client, workflow, index, &places, &homes);
        all_legs.clear();
        legs(model, &invocation, world.costs, &mut all_legs);
        all_legs.retain(|leg| depends_on_this_worker_alone(leg, model));
        let profile = world.profiles[step.function.0 as usize];
        let demand = Demand {
            operations: step.operations,
            profile,
            legs: &all_legs,
        };
        let here = world
            .workers
            .indices()
            .map(|worker| (worker, world.workers.rate(worker, profile)))
            .filter(|(_, rate)| *rate > 0.0)
            .map(|(worker, rate)| demand.score(rate, |peer| replicator.paths.between(peer, worker)))
            .fold(Seconds(f64::INFINITY), |a, b| if b < a { b } else { a });
        let ready = step
            .after
            .iter()
            .map(|before| finished[before.0 as usize])
            .fold(Seconds::ZERO, Seconds::max);
        finished.push(ready + here);
    }
    finished.into_iter().fold(Seconds::ZERO, Seconds::max)
}

fn depends_on_this_worker_alone(leg: &Leg, model: ExecutionModel) -> bool {
    leg.after.is_none() && !(model == ExecutionModel::StateLocal && leg.purpose == Purpose::States)
}
