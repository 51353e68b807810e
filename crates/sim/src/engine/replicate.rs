//! One replication: draw, place, measure, reduce.

use fogline_core::model::ExecutionModel;
use fogline_core::record::{Condition, JobRow, NodeRow, Placed, Replication, SeedRow, Spent, TaskRow};
use fogline_manifest::scenario::{PolicyName, Switches, Table};

use super::draw::Draw;
use super::measure::{Measured, Meter, Run};
use super::paths::Paths;
use super::place::{Placement, Placer};
use super::policy::Policy;
use super::pool::Pool;
use super::world::World;
use crate::reduce::seed_row;

/// The rows of a replication, as many tables as were asked for.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Outcome {
    /// A row per condition.
    pub seeds: Vec<SeedRow>,
    /// A row per condition and job.
    pub jobs: Vec<JobRow>,
    /// A row per condition, job and step.
    pub tasks: Vec<TaskRow>,
    /// A row per condition and node.
    pub nodes: Vec<NodeRow>,
}

/// Runs replications on one network.
#[derive(Clone, Copy, Debug)]
pub struct Replicator<'a> {
    /// The jobs.
    pub pool: &'a Pool,
    /// The network.
    pub world: &'a World,
    /// Its paths.
    pub paths: &'a Paths<'a>,
    /// How things are reckoned.
    pub switches: &'a Switches,
    /// Which tables are wanted.
    pub tables: &'a [Table],
    /// Invocations placed between two refreshes of the loads that dispatchers see; 0 for none.
    pub staleness: u32,
}

impl Replicator<'_> {
    /// What a replication draws.
    #[must_use]
    pub fn draw(&self, load: u32, replication: Replication) -> Draw {
        let clients = self.world.clients.len();
        Draw::new(
            replication,
            load,
            self.pool.jobs.len(),
            clients,
            self.switches.job_count,
            self.switches.random,
        )
    }

    /// Places the jobs of a draw.
    #[must_use]
    pub fn place(&self, draw: &Draw, policy: &Policy, model: ExecutionModel) -> Placement {
        Placement::new(
            &mut Placer::new(self.world, self.paths, self.staleness),
            self.pool,
            draw,
            policy,
            model,
        )
    }

    /// Runs one replication under every policy and model; all of them have the same jobs, clients and order.
    #[must_use]
    pub fn replicate(
        &self,
        network: &str,
        load: u32,
        replication: Replication,
        policies: &[PolicyName],
        models: &[ExecutionModel],
    ) -> Outcome {
        let draw = self.draw(load, replication);
        let mut outcome = Outcome::default();
        let mut placer = Placer::new(self.world, self.paths, self.staleness);
        for name in policies {
            let policy = Policy::new(name.placement(), self.switches.counted_states);
            let mut placement = None;
            for &model in models {
                if policy.costs().depends_on_model() || placement.is_none() {
                    placement = Some(Placement::new(&mut placer, self.pool, &draw, &policy, model));
                }
                let Some(placement) = &placement else { continue };
                let condition = Condition {
                    network: network.to_owned(),
                    load,
                    policy: policy.placement.name().to_owned(),
                    model,
                };
                self.measure(&draw, placement, &condition, replication, &mut outcome);
            }
        }
        outcome
    }

    /// Measures one run of a draw, leg by leg.
    #[must_use]
    pub fn explain(&self, draw: &Draw, placement: &Placement, job: usize, model: ExecutionModel) -> Measured {
        let mut measured = Measured::default();
        let run = Run {
            explain: true,
            ..self.run(draw, placement, job, model)
        };
        Meter::new(self.world, self.paths, self.switches.sharing).measure(run, &mut measured);
        measured
    }

    /// Measures all runs of a draw, in order.
    pub(crate) fn for_each_run(
        &self,
        draw: &Draw,
        placement: &Placement,
        model: ExecutionModel,
        mut take: impl FnMut(Spent),
    ) {
        let mut meter = Meter::new(self.world, self.paths, self.switches.sharing);
        let mut measured = Measured::default();
        for job in 0..draw.pool_jobs.len() {
            meter.measure(self.run(draw, placement, job, model), &mut measured);
            take(measured.total);
        }
    }

    fn run<'b>(
        &'b self,
        draw: &Draw,
        placement: &'b Placement,
        job: usize,
        model: ExecutionModel,
    ) -> Run<'b> {
        Run {
            workflow: &self.pool.jobs[draw.pool_jobs[job] as usize].workflow,
            client: draw.clients[job] as usize,
            placed: placement.of(job),
            loads: &placement.loads,
            model,
            explain: false,
        }
    }

    fn measure(
        &self,
        draw: &Draw,
        placement: &Placement,
        condition: &Condition,
        replication: Replication,
        outcome: &mut Outcome,
    ) {
        let mut meter = Meter::new(self.world, self.paths, self.switches.sharing);
        let mut measured = Measured::default();
        let mut runs: Vec<(u32, Spent)> = Vec::with_capacity(draw.pool_jobs.len());
        for job in 0..draw.pool_jobs.len() {
            let run = self.run(draw, placement, job, condition.model);
            meter.measure(run, &mut measured);
            runs.push((run.workflow.steps().len() as u32, measured.total));
            if self.tables.contains(&Table::Tasks) {
                self.task_rows(job, run, &measured, condition, replication, &mut outcome.tasks);
            }
        }
        if self.tables.contains(&Table::Jobs) {
            outcome
                .jobs
                .extend(runs.iter().enumerate().map(|(job, (steps, spent))| JobRow {
                    condition: condition.clone(),
                    replication,
                    job: job as u32,
                    pool_job: draw.pool_jobs[job],
                    client: self.client_name(draw.clients[job]).to_owned(),
                    steps: *steps,
                    spent: *spent,
                }));
        }
        if self.tables.contains(&Table::Nodes) {
            let workers = self.world.workers.indices();
            outcome.nodes.extend(workers.map(|worker| {
                NodeRow {
                    condition: condition.clone(),
                    replication,
                    node: self
                        .world
                        .network
                        .node_name(self.world.workers.node(worker))
                        .to_owned(),
                    invocations: u64::from(placement.loads[worker.0 as usize]),
                }
            }));
        }
        let runs = runs
            .into_iter()
            .map(|(steps, spent)| (steps, spent, spent.latency()));
        outcome.seeds.extend(seed_row(
            condition.clone(),
            replication,
            self.placed(placement),
            runs,
        ));
    }

    fn placed(&self, placement: &Placement) -> Placed {
        let mut placed = Placed::default();
        for worker in self.world.workers.indices() {
            let node = self.world.network.node(self.world.workers.node(worker));
            placed.add(node, u64::from(placement.loads[worker.0 as usize]));
        }
        placed
    }

    /// The name of a client.
    #[must_use]
    pub fn client_name(&self, client: u32) -> &str {
        self.world.network.node_name(self.world.clients[client as usize])
    }

    fn task_rows(
        &self,
        job: usize,
        run: Run<'_>,
        measured: &Measured,
        condition: &Condition,
        replication: Replication,
        rows: &mut Vec<TaskRow>,
    ) {
        for (index, step) in measured.steps.iter().enumerate() {
            let function = run.workflow.steps()[index].function.0 as usize;
            let node = self.world.workers.node(run.placed[index]);
            rows.push(TaskRow {
                condition: condition.clone(),
                replication,
                job: job as u32,
                step: index as u32,
                function: self.pool.functions[function].clone(),
                node: self.world.network.node_name(node).to_owned(),
                spent: step.spent,
            });
        }
    }
}
