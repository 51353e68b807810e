//! Placing all invocations of a replication.

use std::ops::Range;

use fogline_core::cost::Leg;
use fogline_core::model::{ExecutionModel, StateIndex};
use fogline_core::network::VertexId;
use fogline_core::policy::{Demand, WorkerIndex, Workers};

use super::draw::Draw;
use super::finder::Finder;
use super::paths::Paths;
use super::policy::{Dispatcher, Policy, Turns};
use super::pool::Pool;
use super::telemetry::Telemetry;
use super::world::World;

/// Where every invocation of a replication runs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Placement {
    /// By job: where its steps begin in `workers`; one more at the end.
    starts: Vec<u32>,
    workers: Vec<WorkerIndex>,
    /// By worker: invocations placed on it.
    pub loads: Vec<u32>,
}

impl Placement {
    /// The workers of a job's steps.
    #[must_use]
    pub fn of(&self, job: usize) -> &[WorkerIndex] {
        &self.workers[self.range(job)]
    }

    fn range(&self, job: usize) -> Range<usize> {
        self.starts[job] as usize..self.starts[job + 1] as usize
    }

    /// Room for the steps of a draw, all of them on the first worker.
    pub(crate) fn empty(pool: &Pool, draw: &Draw, workers: usize) -> Self {
        let mut starts = Vec::with_capacity(draw.pool_jobs.len() + 1);
        let mut total = 0;
        for job in &draw.pool_jobs {
            starts.push(total);
            total += pool.jobs[*job as usize].workflow.steps().len() as u32;
        }
        starts.push(total);
        Self {
            starts,
            workers: vec![WorkerIndex(0); total as usize],
            loads: vec![0; workers],
        }
    }

    /// Puts every step, job by job, where the iterator says.
    pub(crate) fn assign(&mut self, workers: impl Iterator<Item = WorkerIndex>) {
        self.loads.fill(0);
        for (slot, worker) in self.workers.iter_mut().zip(workers) {
            *slot = worker;
            self.loads[worker.0 as usize] += 1;
        }
    }

    /// Places the jobs of a draw one after the other, the steps of each in their order.
    pub(super) fn new(
        placer: &mut Placer<'_>,
        pool: &Pool,
        draw: &Draw,
        policy: &Policy,
        model: ExecutionModel,
    ) -> Self {
        placer.clear();
        let mut turns = Turns::new();
        let mut placement = Self::empty(pool, draw, placer.workers().len());
        for &job in &draw.order {
            let steps = placement.range(job as usize);
            let dispatcher = Dispatcher::new(placer.world, policy, draw, job, &mut turns);
            let pool_job = draw.pool_jobs[job as usize] as usize;
            placer.place_job(
                pool,
                pool_job,
                dispatcher,
                policy,
                model,
                &mut placement.workers[steps],
            );
        }
        for worker in placer.workers().indices() {
            placement.loads[worker.0 as usize] = placer.workers().load(worker);
        }
        placement
    }
}

/// What a job has done so far: where its steps ran and where its states are.
#[derive(Clone, Debug, Default)]
pub(super) struct Progress {
    pub(super) workers: Vec<VertexId>,
    pub(super) homes: Vec<Option<VertexId>>,
}

impl Progress {
    pub(super) fn start(&mut self, states: usize) {
        self.workers.clear();
        self.homes.clear();
        self.homes.resize(states, None);
    }

    pub(super) fn advance(&mut self, at: VertexId, used: &[StateIndex]) {
        self.workers.push(at);
        for state in used {
            self.homes[state.0 as usize] = Some(at);
        }
    }
}

/// Places invocations, keeping count of the load.
#[derive(Debug)]
pub(super) struct Placer<'a> {
    world: &'a World,
    finder: Finder<'a>,
    telemetry: Telemetry,
    legs: Vec<Leg>,
    progress: Progress,
}

impl<'a> Placer<'a> {
    pub(super) fn new(world: &'a World, paths: &'a Paths<'a>, staleness: u32) -> Self {
        Self {
            world,
            finder: Finder::new(world, paths),
            telemetry: Telemetry::new(staleness),
            legs: Vec::new(),
            progress: Progress::default(),
        }
    }

    fn workers(&self) -> &Workers {
        self.finder.workers()
    }

    fn clear(&mut self) {
        self.finder.clear();
        self.telemetry.clear();
    }

    fn place_job(
        &mut self,
        pool: &Pool,
        pool_job: usize,
        mut dispatcher: Dispatcher<'_>,
        policy: &Policy,
        model: ExecutionModel,
        chosen: &mut [WorkerIndex],
    ) {
        let workflow = &pool.jobs[pool_job].workflow;
        self.progress.start(workflow.states().len());
        self.telemetry.turn_to(dispatcher.at, &mut self.finder);
        for (index, step) in workflow.steps().iter().enumerate() {
            let invocation = self.world.invocation(
                dispatcher.client,
                workflow,
                index,
                &self.progress.workers,
                &self.progress.homes,
            );
            self.legs.clear();
            policy
                .costs()
                .legs(model, &invocation, self.world.costs, &mut self.legs);
            let profile = self.world.profiles[step.function.0 as usize];
            let demand = Demand {
                operations: step.operations,
                profile,
                legs: &self.legs,
            };
            let worker = dispatcher
                .choose(self.world, step.function.0, &demand, &mut self.finder)
                .expect("the world was checked: every function has a worker");
            self.telemetry.place(dispatcher.at, worker, &mut self.finder);
            chosen[index] = worker;
            self.progress
                .advance(self.world.workers.vertex(worker), &step.states);
        }
        self.telemetry.turn_from(dispatcher.at, &mut self.finder);
    }
}
