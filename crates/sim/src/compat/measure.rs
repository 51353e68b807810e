//! What allocated jobs cost, in the order of v1.1.1's sums.

use super::options::{ExecPolicy, Options};
use super::pool::{Job, Pool, Task};
use super::routes::{Path, Routes};

/// What one job took.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Sample {
    /// Time in processing, in seconds.
    pub processing: f64,
    /// Time in the network, in seconds.
    pub network: f64,
    /// Traffic: bytes times links crossed (for the way to the cloud, bytes).
    pub data: u64,
    /// Number of tasks.
    pub chain: u32,
    /// The part of `network` that moved nothing but states. Zero where states travel with arguments: in
    /// `PureFaaS`, `StatePropagate` and `UnchainedInClient`.
    pub states: f64,
    /// The part of `data` that moved nothing but states.
    pub state_data: u64,
}

impl Sample {
    fn move_arguments(&mut self, time: f64, data: u64) {
        self.network += time;
        self.data = self.data.wrapping_add(data);
    }

    fn move_states(&mut self, time: f64, data: u64) {
        self.move_arguments(time, data);
        self.states += time;
        self.state_data = self.state_data.wrapping_add(data);
    }
}

/// The way to the cloud.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cloud {
    latency: f64,
    rate: f64,
}

impl Cloud {
    pub(super) fn of(options: &Options) -> Self {
        Self {
            latency: options.cloud_latency,
            rate: 1e6 * options.cloud_rate,
        }
    }

    fn time(&self, bytes: u64) -> f64 {
        if bytes == 0 {
            return 0.0;
        }
        self.latency + bytes.wrapping_mul(8) as f64 / self.rate
    }
}

/// The times of everything that a task may move, per distinct capacity. They depend neither on the client nor
/// on the allocation.
#[derive(Clone, Debug, Default)]
pub(super) struct JobTimes {
    classes: usize,
    arguments: Vec<f32>,
    states: Vec<f32>,
    arguments_and_states: Vec<f32>,
    results_and_states: Vec<f32>,
    any: Vec<f32>,
}

/// What is measured, and on what.
#[derive(Clone, Copy)]
pub(super) struct Meter<'a> {
    pub(super) pool: &'a Pool,
    pub(super) routes: &'a Routes,
    pub(super) cloud: Cloud,
    /// The machine that keeps the states of `UnchainedInEdge`.
    pub(super) central: u32,
    /// Whether each policy is wanted.
    pub(super) wanted: [bool; ExecPolicy::ALL.len()],
}

/// A job, who asked for it, and where it runs.
#[derive(Clone, Copy)]
pub(super) struct Placed<'a> {
    pub(super) job: &'a Job,
    /// Rank of the client.
    pub(super) client: u32,
    /// The machine of each task.
    pub(super) machines: &'a [u32],
    /// What one task gets of each machine, in operations per second.
    pub(super) speeds: &'a [f32],
}

impl JobTimes {
    /// Fills in what the unchained policies move.
    pub(super) fn fill(&mut self, meter: &Meter<'_>, job: &Job) {
        let tasks = meter.pool.tasks(job);
        self.classes = meter.routes.classes();
        let room = tasks.len() * self.classes;
        for times in [
            &mut self.arguments,
            &mut self.states,
            &mut self.arguments_and_states,
            &mut self.results_and_states,
        ] {
            times.resize(room.max(times.len()), 0.0);
        }
        self.any.resize(self.classes, 0.0);
        for (index, task) in tasks.iter().enumerate() {
            let row = index * self.classes..(index + 1) * self.classes;
            meter.routes.fill(task.argument, &mut self.arguments[row.clone()]);
            if task.state == 0 {
                continue;
            }
            let give = task.argument.wrapping_add(task.state);
            let take = result(tasks, index).wrapping_add(task.state);
            meter.routes.fill(task.state, &mut self.states[row.clone()]);
            meter
                .routes
                .fill(give, &mut self.arguments_and_states[row.clone()]);
            meter.routes.fill(take, &mut self.results_and_states[row]);
        }
    }

    fn row<'a>(&self, times: &'a [f32], task: usize) -> &'a [f32] {
        &times[task * self.classes..(task + 1) * self.classes]
    }
}

/// What a task returns: the argument of the next, or of the first.
fn result(tasks: &[Task], index: usize) -> u64 {
    tasks[next(tasks, index)].argument
}

fn next(tasks: &[Task], index: usize) -> usize {
    if index + 1 < tasks.len() { index + 1 } else { 0 }
}

/// Time and traffic of an exchange.
#[derive(Clone, Copy, Default)]
struct Exchange {
    time: f64,
    data: u64,
}

/// The ways there and back between two machines.
#[derive(Clone, Copy)]
struct Ways {
    there: Path,
    back: Path,
}

impl Meter<'_> {
    fn wants(&self, policy: ExecPolicy) -> bool {
        self.wanted[policy as usize]
    }

    fn ways(&self, origin: u32, target: u32) -> Ways {
        Ways {
            there: self.routes.path(origin, target),
            back: self.routes.path(target, origin),
        }
    }

    fn exchange(
        &self,
        ways: Ways,
        (give, give_times): (u64, &[f32]),
        (take, take_times): (u64, &[f32]),
    ) -> Exchange {
        let routes = self.routes;
        Exchange {
            time: routes.time(ways.there, give_times) + routes.time(ways.back, take_times),
            data: (Routes::length(ways.there).wrapping_mul(give))
                .wrapping_add(Routes::length(ways.back).wrapping_mul(take)),
        }
    }

    /// Measures one job under all policies that are wanted; the others stay zero.
    pub(super) fn measure(
        &self,
        placed: Placed<'_>,
        times: &mut JobTimes,
    ) -> [Sample; ExecPolicy::ALL.len()] {
        let tasks = self.pool.tasks(placed.job);
        let blank = Sample {
            processing: total_processing(tasks, &placed),
            chain: placed.job.tasks,
            ..Sample::default()
        };
        let mut samples = [blank; ExecPolicy::ALL.len()];
        self.unchained(placed, tasks, times, &mut samples);
        if self.wants(ExecPolicy::PureFaaS) {
            self.pure_faas(placed, tasks, times, &mut samples[ExecPolicy::PureFaaS as usize]);
        }
        if self.wants(ExecPolicy::StatePropagate) {
            let sample = &mut samples[ExecPolicy::StatePropagate as usize];
            self.state_propagate(placed, tasks, times, sample);
        }
        if self.wants(ExecPolicy::StateLocal) {
            self.state_local(
                placed,
                tasks,
                times,
                &mut samples[ExecPolicy::StateLocal as usize],
            );
        }
        samples
    }

    /// The four policies whose functions the client calls one by one. Three of them move the same arguments.
    fn unchained(
        &self,
        placed: Placed<'_>,
        tasks: &[Task],
        times: &JobTimes,
        samples: &mut [Sample; ExecPolicy::ALL.len()],
    ) {
        use ExecPolicy as Exec;
        let [_, _, _, external, in_edge, in_function, in_client] = samples;
        let repository = self.ways(placed.client, self.central);
        for (index, task) in tasks.iter().enumerate() {
            let ways = self.ways(placed.client, placed.machines[index]);
            let take = (
                result(tasks, index),
                times.row(&times.arguments, next(tasks, index)),
            );
            let give = (task.argument, times.row(&times.arguments, index));
            let arguments = self.exchange(ways, give, take);
            for sample in [&mut *external, &mut *in_edge, &mut *in_function] {
                sample.move_arguments(arguments.time, arguments.data);
            }
            if task.state == 0 {
                in_client.move_arguments(arguments.time, arguments.data);
                continue;
            }
            if self.wants(Exec::UnchainedExternal) {
                let way = self.cloud.time(task.state);
                external.move_states(way + way, task.state.wrapping_mul(2));
            }
            if self.wants(Exec::UnchainedInEdge) {
                let states = (task.state, times.row(&times.states, index));
                let moved = self.exchange(repository, states, states);
                in_edge.move_states(moved.time, moved.data);
            }
            if self.wants(Exec::UnchainedInClient) {
                let give = (
                    task.argument.wrapping_add(task.state),
                    times.row(&times.arguments_and_states, index),
                );
                let take = (
                    result(tasks, index).wrapping_add(task.state),
                    times.row(&times.results_and_states, index),
                );
                let moved = self.exchange(ways, give, take);
                in_client.move_arguments(moved.time, moved.data);
            }
        }
    }

    fn pure_faas(&self, placed: Placed<'_>, tasks: &[Task], times: &mut JobTimes, sample: &mut Sample) {
        for (index, task) in tasks.iter().enumerate() {
            let (client, machine) = (placed.client, placed.machines[index]);
            let there = self.one_way(
                client,
                machine,
                task.argument.wrapping_add(placed.job.state),
                times,
            );
            let take = result(tasks, index).wrapping_add(placed.job.state);
            let back = self.one_way(machine, client, take, times);
            sample.move_arguments(there.time + back.time, there.data.wrapping_add(back.data));
        }
    }

    fn state_propagate(&self, placed: Placed<'_>, tasks: &[Task], times: &mut JobTimes, sample: &mut Sample) {
        let mut previous = placed.client;
        for (task, &machine) in tasks.iter().zip(placed.machines) {
            let give = task.argument.wrapping_add(placed.job.state);
            let moved = self.one_way(previous, machine, give, times);
            sample.move_arguments(moved.time, moved.data);
            previous = machine;
        }
        let take = tasks[0].argument.wrapping_add(placed.job.state);
        let moved = self.one_way(previous, placed.client, take, times);
        sample.move_arguments(moved.time, moved.data);
    }

    fn state_local(&self, placed: Placed<'_>, tasks: &[Task], times: &mut JobTimes, sample: &mut Sample) {
        let sizes = self.pool.states(placed.job);
        let mut homes = vec![placed.client; sizes.len()];
        let mut previous = placed.client;
        for (index, (task, &machine)) in tasks.iter().zip(placed.machines).enumerate() {
            let moved = self.one_way(previous, machine, task.argument, times);
            sample.move_arguments(moved.time, moved.data);
            for &state in self.pool.dependencies(placed.job, index) {
                let home = std::mem::replace(&mut homes[state as usize], machine);
                let moved = self.one_way(home, machine, sizes[state as usize], times);
                sample.move_states(moved.time, moved.data);
            }
            previous = machine;
        }
        let moved = self.one_way(previous, placed.client, tasks[0].argument, times);
        sample.move_arguments(moved.time, moved.data);
    }

    fn one_way(&self, origin: u32, target: u32, bytes: u64, times: &mut JobTimes) -> Exchange {
        let path = self.routes.path(origin, target);
        self.routes.fill(bytes, &mut times.any);
        Exchange {
            time: self.routes.time(path, &times.any),
            data: Routes::length(path).wrapping_mul(bytes),
        }
    }
}

/// The sum over the tasks, each a float.
fn total_processing(tasks: &[Task], placed: &Placed<'_>) -> f64 {
    let tasks = tasks.iter().zip(placed.machines);
    tasks.fold(0.0, |sum, (task, machine)| match task.operations {
        0 => sum,
        operations => sum + f64::from(operations as f32 / placed.speeds[*machine as usize]),
    })
}
