//! What a run took, once all is placed.

use fogline_core::cost::{Leg, Purpose, legs};
use fogline_core::model::{ExecutionModel, Seconds, Workflow};
use fogline_core::network::Path;
use fogline_core::policy::WorkerIndex;
use fogline_core::record::Spent;
use fogline_manifest::scenario::Sharing;

use super::paths::Paths;
use super::place::Progress;
use super::world::World;

/// One step of a run.
#[derive(Clone, Debug)]
pub struct StepMeasure {
    /// Its own time and traffic.
    pub spent: Spent,
    /// Time along the critical path until its output is out.
    pub finished: Spent,
    /// The predecessor that it waited for, if any.
    pub waited_for: Option<u32>,
    /// Invocations that share its worker's processor, itself included.
    pub sharing: u32,
    /// Its legs, with the paths to the worker and back; filled in only when they are asked for.
    pub legs: Vec<(Leg, Path, Path)>,
}

/// A run: the job's total, and its steps.
#[derive(Clone, Debug, Default)]
pub struct Measured {
    /// Times along the critical path, traffic of all steps.
    pub total: Spent,
    /// By step.
    pub steps: Vec<StepMeasure>,
}

/// Measures runs on one world.
#[derive(Debug)]
pub(super) struct Meter<'a> {
    pub(super) world: &'a World,
    pub(super) paths: &'a Paths<'a>,
    pub(super) sharing: Sharing,
    legs: Vec<Leg>,
    progress: Progress,
}

/// A run that is to be measured.
#[derive(Clone, Copy, Debug)]
pub(super) struct Run<'a> {
    pub(super) workflow: &'a Workflow,
    pub(super) client: usize,
    pub(super) placed: &'a [WorkerIndex],
    /// By worker, at the end of the replication.
    pub(super) loads: &'a [u32],
    pub(super) model: ExecutionModel,
    /// Whether the legs are kept.
    pub(super) explain: bool,
}

impl<'a> Meter<'a> {
    pub(super) fn new(world: &'a World, paths: &'a Paths<'a>, sharing: Sharing) -> Self {
        Self {
            world,
            paths,
            sharing,
            legs: Vec::new(),
            progress: Progress::default(),
        }
    }

    /// Measures a run into `measured`, whose memory is used again.
    pub(super) fn measure(&mut self, run: Run<'_>, measured: &mut Measured) {
        measured.steps.clear();
        measured.total = Spent::default();
        self.progress.start(run.workflow.states().len());
        for index in 0..run.workflow.steps().len() {
            let step = self.step(run, index, &measured.steps);
            measured.total.argument_traffic += step.spent.argument_traffic;
            measured.total.state_traffic += step.spent.state_traffic;
            if step.finished.latency() > measured.total.latency() {
                measured.total.processing = step.finished.processing;
                measured.total.arguments = step.finished.arguments;
                measured.total.states = step.finished.states;
            }
            measured.steps.push(step);
            let at = self.world.workers.vertex(run.placed[index]);
            self.progress.advance(at, &run.workflow.steps()[index].states);
        }
    }

    fn step(&mut self, run: Run<'_>, index: usize, before: &[StepMeasure]) -> StepMeasure {
        let step = &run.workflow.steps()[index];
        let worker = run.placed[index];
        let invocation = self.world.invocation(
            run.client,
            run.workflow,
            index,
            &self.progress.workers,
            &self.progress.homes,
        );
        self.legs.clear();
        legs(run.model, &invocation, self.world.costs, &mut self.legs);

        let sharing = self.sharing(run, worker);
        let speed = self
            .world
            .workers
            .speed(worker, self.world.profiles[step.function.0 as usize]);
        let processing = Seconds(step.operations.0 as f64 / (speed / f64::from(sharing)));
        let mut own = Spent {
            processing,
            ..Spent::default()
        };
        let mut arrivals: Vec<(u32, Spent)> = step
            .after
            .iter()
            .map(|before_it| (before_it.0, before[before_it.0 as usize].finished))
            .collect();
        let mut sequential = Spent {
            processing,
            ..Spent::default()
        };
        let mut kept = Vec::new();
        for leg in &self.legs {
            let (to_worker, from_worker) = leg.peer.paths(|peer| self.paths.between(peer, worker));
            let cost = leg_cost(leg, to_worker, from_worker);
            own += cost;
            match arrivals.iter_mut().find(|(from, _)| leg.after == Some(*from)) {
                Some((_, arrival)) => *arrival += cost,
                None => sequential += cost,
            }
            if run.explain {
                kept.push((*leg, to_worker, from_worker));
            }
        }
        let mut finished = Spent::default();
        let mut waited_for = None;
        for (from, arrival) in &arrivals {
            if waited_for.is_none() || arrival.latency() > finished.latency() {
                finished = *arrival;
                waited_for = Some(*from);
            }
        }
        finished += sequential;
        StepMeasure {
            spent: own,
            finished,
            waited_for,
            sharing,
            legs: kept,
        }
    }

    /// How many invocations share the processor of a worker with a step of this run.
    fn sharing(&self, run: Run<'_>, worker: WorkerIndex) -> u32 {
        let all = run.loads[worker.0 as usize];
        match self.sharing {
            Sharing::All => all,
            Sharing::OtherJobs => {
                let own = run.placed.iter().filter(|placed| **placed == worker).count() as u32;
                all - own + 1
            }
        }
    }
}

fn leg_cost(leg: &Leg, to_worker: Path, from_worker: Path) -> Spent {
    let (time, traffic) = (
        leg.time(to_worker, from_worker),
        leg.traffic(to_worker, from_worker),
    );
    match leg.purpose {
        Purpose::Arguments => Spent {
            arguments: time,
            argument_traffic: traffic,
            ..Spent::default()
        },
        Purpose::States => Spent {
            states: time,
            state_traffic: traffic,
            ..Spent::default()
        },
    }
}
