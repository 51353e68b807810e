//! Where tasks go: each to the machine that would be done first, the first by name of several, given the
//! tasks that were placed before.
//!
//! v1.1.1 computes the cost on every machine. Machines that every client reaches over the same paths and that
//! are equally fast cost the same but for their load, so that one of each such block is enough; and a block
//! whose transfer alone takes longer than the best is passed over. When rounding could make two machines cost
//! the same, all are compared as v1.1.1 does.

use super::draw::Draw;
use super::ladder::{Ladder, Least, Partition};
use super::machines::{Affinity, Machines};
use super::options::AllocPolicy;
use super::pool::{Pool, Task};
use super::routes::{Path, Routes};

/// What is known about all allocations on a network.
#[derive(Clone, Debug)]
pub(super) struct Sites {
    affinity: Vec<Affinity>,
    speed: Vec<f32>,
    clients: Vec<u32>,
    /// Machines of one affinity and speed.
    kinds: Partition,
    kinds_by_affinity: [Vec<u32>; 2],
    /// Machines of one affinity and speed that every client reaches over the same paths.
    blocks: Partition,
    /// For each client and affinity, what it may choose among, the closest first.
    choices: Vec<[Vec<Choice>; 2]>,
}

/// Blocks that one client reaches over the same paths.
#[derive(Clone, Debug)]
struct Choice {
    there: Path,
    back: Path,
    /// Seconds per bit on the way there, and back.
    pace: (f64, f64),
    speed: f32,
    /// The first by name of all their machines.
    first: u32,
    blocks: Vec<u32>,
}

/// Room to work in, kept from one replication to the next.
#[derive(Clone, Debug, Default)]
pub(super) struct Workbench {
    ladder: Ladder,
    /// For each task of the job, the times of its argument together with all states of the job.
    times: Vec<f32>,
}

/// The best machine so far, for a task of so many operations.
#[derive(Clone, Copy, Debug)]
struct Best {
    operations: f32,
    /// Time to process and to move.
    cost: f64,
    moving: f64,
    speed: f32,
    least: Least,
    /// Whether a machine of another set costs the same.
    tied: bool,
}

/// Bytes to move to a machine and back, and how long that takes per distinct capacity.
struct Transfer<'a> {
    there: &'a [f32],
    back: &'a [f32],
    bits: (f64, f64),
}

impl Sites {
    pub(super) fn of(machines: &Machines, routes: &Routes) -> Self {
        let ranks = || 0..machines.len() as u32;
        let kind = |rank: u32| {
            (
                machines.affinity[rank as usize],
                machines.speed[rank as usize].to_bits(),
            )
        };
        let kinds = Partition::by(&ranks().map(kind).collect::<Vec<_>>());
        let view = |client: u32, rank: u32| (routes.path(client, rank), routes.path(rank, client));
        let blocks = Partition::by(
            &ranks()
                .map(|rank| {
                    let views = machines.clients.iter().map(|client| view(*client, rank));
                    (kind(rank), views.collect::<Vec<_>>())
                })
                .collect::<Vec<_>>(),
        );
        let mut kinds_by_affinity = [Vec::new(), Vec::new()];
        for set in kinds.sets() {
            let affinity = machines.affinity[kinds.members(set)[0] as usize];
            kinds_by_affinity[affinity as usize].push(set);
        }
        let choices = machines
            .clients
            .iter()
            .map(|client| choices(*client, machines, routes, &blocks))
            .collect();
        Self {
            affinity: machines.affinity.clone(),
            speed: machines.speed.clone(),
            clients: machines.clients.clone(),
            kinds,
            kinds_by_affinity,
            blocks,
            choices,
        }
    }

    /// Allocates all jobs of a draw. `machines` gets the machine of each task, job after job in the order of
    /// the draw's jobs, which begin at `first_task`; `loads` gets the final loads.
    pub(super) fn allocate(
        &self,
        policy: AllocPolicy,
        context: (&Pool, &Routes, &Draw),
        first_task: &[u32],
        bench: &mut Workbench,
        machines: &mut [u32],
        loads: &mut Vec<u32>,
    ) {
        let (pool, routes, draw) = context;
        let partition = match policy {
            AllocPolicy::ProcOnly => &self.kinds,
            AllocPolicy::ProcNet => &self.blocks,
        };
        bench.ladder.reset(partition);
        for &position in &draw.order {
            let position = position as usize;
            let job = &pool.jobs[draw.jobs[position] as usize];
            let tasks = pool.tasks(job);
            let first = first_task[position] as usize;
            let chosen = &mut machines[first..first + tasks.len()];
            if policy == AllocPolicy::ProcOnly {
                for (task, chosen) in tasks.iter().zip(chosen) {
                    *chosen = self.fastest(task, &bench.ladder);
                    bench.ladder.add(partition, *chosen);
                }
                continue;
            }
            let classes = routes.classes();
            bench.times.resize(tasks.len() * classes, 0.0);
            for (task, times) in tasks.iter().zip(bench.times.chunks_exact_mut(classes.max(1))) {
                routes.fill(task.argument.wrapping_add(job.state), times);
            }
            for (index, chosen) in chosen.iter_mut().enumerate() {
                // What a task returns is the argument of the next, or of the first.
                let next = if index + 1 < tasks.len() { index + 1 } else { 0 };
                let bits = |task: usize| tasks[task].argument.wrapping_add(job.state).wrapping_mul(8) as f64;
                let transfer = Transfer {
                    there: &bench.times[index * classes..(index + 1) * classes],
                    back: &bench.times[next * classes..(next + 1) * classes],
                    bits: (bits(index), bits(next)),
                };
                let client = draw.clients[position] as usize;
                *chosen = self.closest(&tasks[index], client, routes, &transfer, &bench.ladder);
                bench.ladder.add(partition, *chosen);
            }
        }
        loads.clone_from(&bench.ladder.loads);
    }

    /// The machine of `ProcOnly`.
    fn fastest(&self, task: &Task, ladder: &Ladder) -> u32 {
        let kinds = &self.kinds_by_affinity[task.affinity as usize];
        let mut best = Best::none(task);
        for &kind in kinds {
            let first = self.kinds.members(kind)[0];
            best.meet(
                first,
                || Some(ladder.least(kind)),
                self.speed[first as usize],
                0.0,
            );
        }
        best.machine()
            .unwrap_or_else(|| self.first_of_all(task, |_| 0.0, &ladder.loads))
    }

    /// The machine of `ProcNet`.
    fn closest(
        &self,
        task: &Task,
        client: usize,
        routes: &Routes,
        transfer: &Transfer<'_>,
        ladder: &Ladder,
    ) -> u32 {
        /// What the sum over a path may at most fall short of the product with its pace: two roundings to
        /// float per link, and doubles.
        const SLACK: f64 = 1.0 - 1e-6;
        let bits = (transfer.bits.0 * SLACK, transfer.bits.1 * SLACK);
        let mut best = Best::none(task);
        for choice in &self.choices[client][task.affinity as usize] {
            if bits.0 * choice.pace.0 + bits.1 * choice.pace.1 > best.cost {
                continue;
            }
            let there = routes.time(choice.there, transfer.there);
            let moving = there + routes.time(choice.back, transfer.back);
            let least = || choice.blocks.iter().map(|block| ladder.least(*block)).min();
            best.meet(choice.first, least, choice.speed, moving);
        }
        best.machine().unwrap_or_else(|| {
            let client = self.clients[client];
            let moving = |machine| {
                let there = routes.time(routes.path(client, machine), transfer.there);
                there + routes.time(routes.path(machine, client), transfer.back)
            };
            self.first_of_all(task, moving, &ladder.loads)
        })
    }

    /// Compares all machines, as v1.1.1 does.
    fn first_of_all(&self, task: &Task, moving: impl Fn(u32) -> f64, loads: &[u32]) -> u32 {
        let mut best: Option<(u32, f64)> = None;
        for machine in (0..self.speed.len() as u32).filter(|m| self.affinity[*m as usize] == task.affinity) {
            let speed = self.speed[machine as usize];
            let time = processing(task.operations as f32, speed, loads[machine as usize]);
            let cost = f64::from(time) + moving(machine);
            if best.is_none_or(|(_, least)| cost < least) {
                best = Some((machine, cost));
            }
        }
        best.expect("functions are only given an affinity that some machine has")
            .0
    }
}

impl Best {
    fn none(task: &Task) -> Self {
        Self {
            operations: task.operations as f32,
            cost: f64::INFINITY,
            moving: 0.0,
            speed: 1.0,
            least: Least { load: 0, machine: 0 },
            tied: true,
        }
    }

    /// Compares with a set of machines of one speed, given the first of them and the least loaded.
    fn meet(&mut self, first: u32, least: impl FnOnce() -> Option<Least>, speed: f32, moving: f64) {
        let first = Least {
            load: 0,
            machine: first,
        };
        // Without operations the load does not matter.
        let candidate = if self.operations > 0.0 {
            least()
        } else {
            Some(first)
        };
        let Some(least) = candidate else { return };
        let cost = f64::from(processing(self.operations, speed, least.load)) + moving;
        if cost < self.cost {
            *self = Self {
                operations: self.operations,
                cost,
                moving,
                speed,
                least,
                tied: false,
            };
        } else if cost == self.cost {
            self.tied = true;
        }
    }

    /// The machine, or nothing when another that stands before it may cost the same: one of another set, or
    /// one that has more load, where rounding hides that more load costs more.
    fn machine(&self) -> Option<u32> {
        let busier = f64::from(processing(self.operations, self.speed, self.least.load + 1)) + self.moving;
        let alone = !self.tied && (self.operations == 0.0 || busier > self.cost);
        alone.then_some(self.least.machine)
    }
}

/// Time of a task on a machine that has so many tasks already, in v1.1.1's floats.
fn processing(operations: f32, speed: f32, load: u32) -> f32 {
    operations / (speed / (load + 1) as f32)
}

fn choices(client: u32, machines: &Machines, routes: &Routes, blocks: &Partition) -> [Vec<Choice>; 2] {
    let mut choices: [Vec<Choice>; 2] = [Vec::new(), Vec::new()];
    for block in blocks.sets() {
        let first = blocks.members(block)[0];
        let (there, back) = (routes.path(client, first), routes.path(first, client));
        let speed = machines.speed[first as usize];
        let known = &mut choices[machines.affinity[first as usize] as usize];
        let same = known
            .iter_mut()
            .find(|choice| choice.there == there && choice.back == back && choice.speed == speed);
        match same {
            Some(choice) => {
                choice.first = choice.first.min(first);
                choice.blocks.push(block);
            }
            None => known.push(Choice {
                there,
                back,
                pace: (routes.seconds_per_bit(there), routes.seconds_per_bit(back)),
                speed,
                first,
                blocks: vec![block],
            }),
        }
    }
    for choices in &mut choices {
        choices.sort_by(|a, b| (a.pace.0 + a.pace.1).total_cmp(&(b.pace.0 + b.pace.1)));
    }
    choices
}
