//! StateSim v1.1.1 written down as plainly as possible from its description: every node is evaluated for
//! every task, every path is walked link by link, and nothing is computed ahead. It shares no code with the
//! compat mode that it is there to check.

use std::collections::{BTreeMap, BTreeSet};

use fogline_core::network::{Network, VertexId, VertexKind};
use fogline_sim::compat::{AllocPolicy, ExecPolicy, Options};
use fogline_workload::trace::Trace;

#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Sample {
    pub(crate) processing: f64,
    pub(crate) network: f64,
    pub(crate) data: u64,
    pub(crate) chain: u32,
}

struct Rng(u64);

impl Rng {
    fn new(seed: u64) -> Self {
        Self(match seed % 2_147_483_647 {
            0 => 1,
            seed => seed,
        })
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0 * 16_807 % 2_147_483_647;
        self.0
    }

    fn real(&mut self, to: f64) -> f64 {
        let low = (self.next() - 1) as f64;
        let high = (self.next() - 1) as f64;
        let range = 2_147_483_646.0f64;
        let mut unit = (low * 1.0 + high * range) / (range * range);
        if unit >= 1.0 {
            unit = 1.0 - f64::EPSILON / 2.0;
        }
        unit * to + 0.0
    }

    fn integer(&mut self, count: u64) -> u64 {
        let scaling = 2_147_483_645 / count;
        loop {
            let value = self.next() - 1;
            if value < scaling * count {
                return value / scaling;
            }
        }
    }
}

struct Machine {
    vertex: VertexId,
    gpu: bool,
    client: bool,
    speed: f32,
}

struct Task {
    operations: u64,
    argument: u64,
    gpu: bool,
    needs: Vec<usize>,
}

struct Job {
    tasks: Vec<Task>,
    states: Vec<u64>,
}

pub(crate) struct StateSim<'a> {
    network: &'a Network,
    machines: Vec<Machine>,
    /// By root: the neighbour towards the root.
    predecessors: BTreeMap<VertexId, Vec<VertexId>>,
    pool: Vec<Job>,
    options: Options,
}

pub(crate) type Runs = BTreeMap<(AllocPolicy, ExecPolicy), (Vec<Sample>, Vec<u32>)>;

impl<'a> StateSim<'a> {
    pub(crate) fn new(network: &'a Network, trace: &Trace, options: &Options) -> Self {
        let mut machines: Vec<Machine> = network
            .node_ids()
            .map(|id| {
                let node = network.node(id);
                Machine {
                    vertex: network.node_vertex(id),
                    gpu: node.model == "nvidia_jetson_tx2",
                    client: node.model == "nvidia_jetson_tx2" || node.model == "rpi3b+",
                    speed: node.memory.0 as f32,
                }
            })
            .collect();
        machines.sort_by_key(|machine| network.vertex(machine.vertex).name.clone().into_bytes());
        let predecessors = machines
            .iter()
            .map(|machine| (machine.vertex, dijkstra(network, machine.vertex)))
            .collect();
        let pool = load_jobs(trace, &machines, options);
        Self {
            network,
            machines,
            predecessors,
            pool,
            options: *options,
        }
    }

    pub(crate) fn run(&self, seed: u64, count: u32) -> Runs {
        let mut rng = Rng::new(seed);
        let probability = f64::from(count) / self.pool.len() as f64;
        let jobs: Vec<&Job> = self.pool.iter().filter(|_| rng.real(1.0) < probability).collect();
        let candidates: Vec<usize> = (0..self.machines.len())
            .filter(|m| self.machines[*m].client)
            .collect();
        let mut rng = Rng::new(seed);
        let clients: Vec<usize> = jobs
            .iter()
            .map(|_| candidates[rng.integer(candidates.len() as u64) as usize])
            .collect();
        let mut ids: BTreeSet<usize> = (0..jobs.len()).collect();
        let mut order = Vec::new();
        while !ids.is_empty() {
            let k = (rng.real(1.0) * ids.len() as f64).floor() as usize;
            let id = *ids.iter().nth(k).unwrap();
            ids.remove(&id);
            order.push(id);
        }
        let mut runs = Runs::new();
        for alloc in AllocPolicy::ALL {
            let (machines, loads) = self.allocate(alloc, &jobs, &clients, &order);
            for exec in ExecPolicy::ALL {
                let samples = (0..jobs.len())
                    .map(|id| self.measure(exec, jobs[id], clients[id], &machines[id], &loads))
                    .collect();
                runs.insert((alloc, exec), (samples, loads.clone()));
            }
        }
        runs
    }

    fn allocate(
        &self,
        alloc: AllocPolicy,
        jobs: &[&Job],
        clients: &[usize],
        order: &[usize],
    ) -> (Vec<Vec<usize>>, Vec<u32>) {
        let mut loads = vec![0u32; self.machines.len()];
        let mut chosen = vec![Vec::new(); jobs.len()];
        for &id in order {
            let job = jobs[id];
            for (index, task) in job.tasks.iter().enumerate() {
                let (mut give, mut take) = (0, 0);
                if alloc == AllocPolicy::ProcNet {
                    let states: u64 = job.states.iter().sum();
                    give = states + task.argument;
                    take = states + returns(job, index);
                }
                let mut best: Option<(usize, f64)> = None;
                for (machine, candidate) in self.machines.iter().enumerate() {
                    if candidate.gpu != task.gpu {
                        continue;
                    }
                    let processing = task.operations as f32 / (candidate.speed / (loads[machine] + 1) as f32);
                    let moving =
                        self.time(clients[id], machine, give) + self.time(machine, clients[id], take);
                    let cost = f64::from(processing) + moving;
                    if best.is_none() || cost < best.unwrap().1 {
                        best = Some((machine, cost));
                    }
                }
                let (machine, _) = best.unwrap();
                chosen[id].push(machine);
                loads[machine] += 1;
            }
        }
        (chosen, loads)
    }

    fn measure(&self, exec: ExecPolicy, job: &Job, client: usize, chosen: &[usize], loads: &[u32]) -> Sample {
        let mut sample = Sample {
            chain: job.tasks.len() as u32,
            ..Sample::default()
        };
        let all: u64 = job.states.iter().sum();
        let mut homes = vec![client; job.states.len()];
        let mut previous = client;
        for (index, task) in job.tasks.iter().enumerate() {
            let here = chosen[index];
            let needed: u64 = task.needs.iter().map(|state| job.states[*state]).sum();
            let back = returns(job, index);
            let last = index + 1 == job.tasks.len();
            let mut one_way = |from: usize, to: usize, bytes: u64| {
                sample.network += self.time(from, to, bytes);
                sample.data += self.hops(from, to) * bytes;
            };
            match exec {
                ExecPolicy::StatePropagate => {
                    one_way(previous, here, all + task.argument);
                    if last {
                        one_way(here, client, all + back);
                    }
                }
                ExecPolicy::StateLocal => {
                    one_way(previous, here, task.argument);
                    for &state in &task.needs {
                        one_way(homes[state], here, job.states[state]);
                        homes[state] = here;
                    }
                    if last {
                        one_way(here, client, job.tasks[0].argument);
                    }
                }
                _ => {
                    let carried = match exec {
                        ExecPolicy::PureFaaS => all,
                        ExecPolicy::UnchainedInClient => needed,
                        _ => 0,
                    };
                    self.two_way(&mut sample, client, here, task.argument + carried, back + carried);
                }
            }
            if exec == ExecPolicy::UnchainedExternal && needed != 0 {
                let way = self.options.cloud_latency + (8 * needed) as f64 / (1e6 * self.options.cloud_rate);
                sample.network += way + way;
                sample.data += 2 * needed;
            }
            if exec == ExecPolicy::UnchainedInEdge {
                self.two_way(&mut sample, client, self.central(), needed, needed);
            }
            if task.operations != 0 {
                let share = self.machines[here].speed / loads[here] as f32;
                sample.processing += f64::from(task.operations as f32 / share);
            }
            previous = here;
        }
        sample
    }

    fn two_way(&self, sample: &mut Sample, from: usize, to: usize, give: u64, take: u64) {
        sample.network += self.time(from, to, give) + self.time(to, from, take);
        sample.data += self.hops(from, to) * give + self.hops(to, from) * take;
    }

    fn central(&self) -> usize {
        let mut best: Option<(usize, f64)> = None;
        for here in 0..self.machines.len() {
            let mut worst = 0.0f64;
            for there in 0..self.machines.len() {
                worst = worst
                    .max(self.time(here, there, 1000))
                    .max(self.time(there, here, 1000));
            }
            if best.is_none() || worst < best.unwrap().1 {
                best = Some((here, worst));
            }
        }
        best.unwrap().0
    }

    fn links(&self, from: usize, to: usize) -> Vec<f32> {
        let target = self.machines[to].vertex;
        let predecessors = &self.predecessors[&target];
        let mut links = Vec::new();
        let mut here = self.machines[from].vertex;
        while predecessors[here.0 as usize] != target {
            here = predecessors[here.0 as usize];
            links.extend(capacity(self.network, here));
        }
        links
    }

    fn time(&self, from: usize, to: usize, bytes: u64) -> f64 {
        let mut sum = 0.0;
        for capacity in self.links(from, to) {
            sum += f64::from((bytes * 8) as f32 / capacity);
        }
        sum
    }

    fn hops(&self, from: usize, to: usize) -> u64 {
        self.links(from, to).len() as u64
    }
}

fn returns(job: &Job, index: usize) -> u64 {
    job.tasks.get(index + 1).unwrap_or(&job.tasks[0]).argument
}

fn capacity(network: &Network, vertex: VertexId) -> Option<f32> {
    match &network.vertex(vertex).kind {
        VertexKind::Link(link) => Some((1e6 * f64::from((link.rate.0 / 1e6) as f32)) as f32),
        _ => None,
    }
}

/// For each function, in the order of names, whether it needs a GPU.
fn affinities(machines: &[Machine], options: &Options) -> Vec<bool> {
    let mut by_affinity: BTreeMap<bool, f64> = BTreeMap::new();
    for machine in machines {
        *by_affinity.entry(machine.gpu).or_default() += f64::from(machine.speed);
    }
    let sum: f64 = by_affinity.values().sum();
    let mut affinities = Vec::new();
    for (gpu, speed) in by_affinity {
        let count = (options.functions as f64 * speed / sum).round() as usize;
        affinities.extend(std::iter::repeat_n(gpu, count));
    }
    affinities
}

fn load_jobs(trace: &Trace, machines: &[Machine], options: &Options) -> Vec<Job> {
    let affinities = affinities(machines, options);
    let names: BTreeSet<String> = (0..options.functions).map(|f| format!("f{f}")).collect();
    let mut rng = Rng::new(0);
    let mut pool = Vec::new();
    for job in &trace.jobs {
        let parents = |id: u32| -> BTreeSet<u32> {
            let task = job.tasks.iter().find(|task| task.id == id).unwrap();
            task.parents.iter().copied().collect()
        };
        let mut chain = BTreeSet::from([1]);
        loop {
            let more: Vec<u32> = job
                .tasks
                .iter()
                .map(|task| task.id)
                .filter(|id| !chain.contains(id) && parents(*id).iter().any(|p| chain.contains(p)))
                .collect();
            if more.is_empty() {
                break;
            }
            chain.extend(more);
        }
        let states: BTreeSet<u32> = chain
            .iter()
            .flat_map(|id| parents(*id))
            .filter(|id| !chain.contains(id))
            .collect();
        if states.is_empty() {
            continue;
        }
        let states: Vec<u32> = states.into_iter().collect();
        let find = |id: u32| job.tasks.iter().find(|task| task.id == id).unwrap();
        let size = |id: u32, factor: f64| (0.5 + find(id).memory.unwrap() * factor) as u64;
        let tasks = chain
            .iter()
            .map(|&id| {
                let drawn = rng.real(options.functions as f64);
                let mut sum = 0.0;
                let mut function = names.len() - 1;
                for candidate in 0..names.len() {
                    sum += 1.0;
                    if drawn < sum {
                        function = candidate;
                        break;
                    }
                }
                let task = find(id);
                Task {
                    operations: (0.5
                        + 1.0 * task.duration.0 * task.cpu.unwrap() / 100.0 * options.operations_factor)
                        as u64,
                    argument: size(id, options.argument_factor),
                    gpu: affinities[function],
                    needs: parents(id)
                        .iter()
                        .filter_map(|parent| states.iter().position(|state| state == parent))
                        .collect(),
                }
            })
            .collect();
        let states = states.iter().map(|id| size(*id, options.state_factor)).collect();
        pool.push(Job { tasks, states });
    }
    pool
}

/// As boost's, with its heap: a vertex of the same distance is not passed.
fn dijkstra(network: &Network, root: VertexId) -> Vec<VertexId> {
    let count = network.vertices().len();
    let mut predecessor: Vec<VertexId> = (0..count as u32).map(VertexId).collect();
    let mut distance = vec![f32::MAX; count];
    let mut done = vec![false; count];
    let mut heap = vec![root];
    distance[root.0 as usize] = 0.0;
    while let Some(&here) = heap.first() {
        let last = heap.pop().unwrap();
        if !heap.is_empty() {
            heap[0] = last;
            let mut index = 0;
            loop {
                let children: Vec<usize> = (4 * index + 1..4 * index + 5)
                    .filter(|c| *c < heap.len())
                    .collect();
                let Some(&first) = children.first() else { break };
                let at = |index: usize| distance[heap[index].0 as usize];
                let smallest = children
                    .iter()
                    .fold(first, |best, &c| if at(c) < at(best) { c } else { best });
                if at(smallest) < at(index) {
                    heap.swap(smallest, index);
                    index = smallest;
                } else {
                    break;
                }
            }
        }
        done[here.0 as usize] = true;
        for edge in network.edges(here) {
            let half = |vertex| capacity(network, vertex).map_or(0.0, |capacity| 2.0f32 / capacity);
            let to = edge.to.0 as usize;
            let through = distance[here.0 as usize] + (half(here) + half(edge.to));
            if done[to] {
                continue;
            }
            let queued = heap.iter().position(|vertex| *vertex == edge.to);
            let closer = through < distance[to];
            if closer {
                distance[to] = through;
                predecessor[to] = here;
            }
            let mut index = match queued {
                Some(_) if !closer => continue,
                Some(index) => index,
                None => {
                    heap.push(edge.to);
                    heap.len() - 1
                }
            };
            while index > 0 {
                let parent = (index - 1) / 4;
                if distance[heap[index].0 as usize] < distance[heap[parent].0 as usize] {
                    heap.swap(index, parent);
                    index = parent;
                } else {
                    break;
                }
            }
        }
    }
    predecessor
}

/// Whether no job of the trace has a state.
pub(crate) fn pool_is_empty(trace: &Trace) -> bool {
    let machine = Machine {
        vertex: VertexId(0),
        gpu: false,
        client: true,
        speed: 1.0,
    };
    load_jobs(trace, &[machine], &Options::default()).is_empty()
}
