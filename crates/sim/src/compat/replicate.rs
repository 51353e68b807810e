//! One replication.

use fogline_core::network::Network;
use fogline_core::record;
use fogline_workload::trace::Trace;

use super::allocate::{Sites, Workbench};
use super::draw::Draw;
use super::machines::Machines;
use super::measure::{Cloud, JobTimes, Meter, Placed, Sample};
use super::options::{AllocPolicy, ExecPolicy, Options, Unfit};
use super::pool::Pool;
use super::random::Selector;
use super::routes::Routes;

/// Everything that all replications on a network share.
#[derive(Clone, Debug)]
pub struct Prepared {
    machines: Machines,
    routes: Routes,
    pool: Pool,
    sites: Sites,
    selector: Selector,
    cloud: Cloud,
    central: u32,
}

/// One replication under one pair of policies.
#[derive(Clone, Debug, PartialEq)]
pub struct Run {
    /// How tasks were allocated.
    pub alloc: AllocPolicy,
    /// How they were executed.
    pub exec: ExecPolicy,
    /// What each job took, in the order of the replication's jobs.
    pub samples: Vec<Sample>,
}

/// The final loads of one allocation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Loads {
    /// How tasks were allocated.
    pub alloc: AllocPolicy,
    /// Tasks placed on each node, in the order of [`Prepared::node_names`].
    pub loads: Vec<u32>,
}

/// One replication under all pairs of policies that were asked for. All pairs have the same jobs and clients,
/// and all executions of one allocation the same nodes.
#[derive(Clone, Debug, Default)]
pub struct Replicate {
    /// Its seed.
    pub seed: u64,
    /// Jobs asked for; about as many are drawn.
    pub target_jobs: u32,
    /// In the order of allocation policies, then execution policies.
    pub runs: Vec<Run>,
    /// In the order of allocation policies.
    pub loads: Vec<Loads>,
    draw: Draw,
}

impl Replicate {
    /// For each job, its position in the pool.
    #[must_use]
    pub fn pool_jobs(&self) -> &[u32] {
        &self.draw.jobs
    }

    /// For each job, the position of its client in [`Prepared::client_names`].
    #[must_use]
    pub fn clients(&self) -> &[u32] {
        &self.draw.clients
    }
}

/// Room to work in, kept from one replication to the next so that nothing is allocated in between.
#[derive(Clone, Debug, Default)]
pub struct Scratch {
    bench: Workbench,
    times: JobTimes,
    first_task: Vec<u32>,
    /// For each allocation, the machine of each task.
    machines: Vec<Vec<u32>>,
    /// For each allocation, what one task gets of each machine.
    speeds: Vec<Vec<f32>>,
}

impl Prepared {
    /// Reads off network and trace what replications need: routes between all pairs of nodes, and the pool of
    /// jobs that have a state.
    ///
    /// # Errors
    /// When options, network or trace are not what StateSim can simulate.
    pub fn new(network: &Network, trace: &Trace, options: &Options) -> Result<Self, Unfit> {
        check(options)?;
        let machines = Machines::of(network)?;
        let pool = Pool::of(trace, &machines, options)?;
        let routes = Routes::of(network, &machines)?;
        Ok(Self {
            selector: Selector::new(pool.jobs.len()),
            sites: Sites::of(&machines, &routes),
            central: routes.central(),
            cloud: Cloud::of(options),
            machines,
            routes,
            pool,
        })
    }

    /// The names of the nodes, in StateSim's order: that of their bytes.
    #[must_use]
    pub fn node_names(&self) -> &[String] {
        &self.machines.names
    }

    /// The names of the nodes that jobs come from, in the same order.
    #[must_use]
    pub fn client_names(&self) -> Vec<&str> {
        let ranks = self.machines.clients.iter();
        ranks
            .map(|rank| self.machines.names[*rank as usize].as_str())
            .collect()
    }

    /// Where invocations were placed, from the loads of all nodes.
    pub(super) fn placed(&self, loads: &[u32]) -> record::Placed {
        let mut placed = record::Placed::default();
        for (node, load) in self.machines.nodes.iter().zip(loads) {
            placed.add(node, u64::from(*load));
        }
        placed
    }

    /// How many jobs a replication draws from.
    #[must_use]
    pub fn pool_size(&self) -> usize {
        self.pool.jobs.len()
    }

    /// Runs one replication. The same arguments always give the same result, whoever runs what besides.
    #[must_use]
    pub fn replicate(&self, seed: u64, jobs: u32, allocs: &[AllocPolicy], execs: &[ExecPolicy]) -> Replicate {
        let mut replicate = Replicate::default();
        self.replicate_into(seed, jobs, allocs, execs, &mut Scratch::default(), &mut replicate);
        replicate
    }

    /// As [`Self::replicate`], in memory that was used before.
    pub fn replicate_into(
        &self,
        seed: u64,
        jobs: u32,
        allocs: &[AllocPolicy],
        execs: &[ExecPolicy],
        scratch: &mut Scratch,
        replicate: &mut Replicate,
    ) {
        replicate.seed = seed;
        replicate.target_jobs = jobs;
        let clients = self.machines.clients.len() as u64;
        replicate
            .draw
            .fill(&self.selector, seed, u64::from(jobs), clients);
        scratch.lay_out(&self.pool, &replicate.draw, allocs.len());
        replicate.prepare(allocs, execs);
        for (index, loads) in replicate.loads.iter_mut().enumerate() {
            self.sites.allocate(
                loads.alloc,
                (&self.pool, &self.routes, &replicate.draw),
                &scratch.first_task,
                &mut scratch.bench,
                &mut scratch.machines[index],
                &mut loads.loads,
            );
            let shares = self.machines.speed.iter().zip(&loads.loads);
            scratch.speeds[index].clear();
            scratch.speeds[index].extend(shares.map(|(speed, load)| speed / *load as f32));
        }
        self.measure(execs, scratch, replicate);
    }

    fn measure(&self, execs: &[ExecPolicy], scratch: &mut Scratch, replicate: &mut Replicate) {
        let mut wanted = [false; ExecPolicy::ALL.len()];
        for exec in execs {
            wanted[*exec as usize] = true;
        }
        let meter = Meter {
            pool: &self.pool,
            routes: &self.routes,
            cloud: self.cloud,
            central: self.central,
            wanted,
        };
        let draw = &replicate.draw;
        for (position, pool_job) in draw.jobs.iter().enumerate() {
            let job = &self.pool.jobs[*pool_job as usize];
            let first = scratch.first_task[position] as usize;
            scratch.times.fill(&meter, job);
            for (index, runs) in replicate.runs.chunks_exact_mut(execs.len().max(1)).enumerate() {
                let placed = Placed {
                    job,
                    client: self.machines.clients[draw.clients[position] as usize],
                    machines: &scratch.machines[index][first..first + job.tasks as usize],
                    speeds: &scratch.speeds[index],
                };
                let samples = meter.measure(placed, &mut scratch.times);
                for run in runs {
                    run.samples.push(samples[run.exec as usize]);
                }
            }
        }
    }
}

impl Scratch {
    /// Says where the tasks of each job stand, and makes room for them.
    fn lay_out(&mut self, pool: &Pool, draw: &Draw, allocations: usize) {
        let mut tasks = 0;
        self.first_task.clear();
        for job in &draw.jobs {
            self.first_task.push(tasks);
            tasks += pool.jobs[*job as usize].tasks;
        }
        self.machines.resize(allocations, Vec::new());
        self.speeds.resize(allocations, Vec::new());
        for machines in &mut self.machines {
            machines.resize(tasks as usize, 0);
        }
    }
}

impl Replicate {
    /// Makes an empty run per pair, keeping the memory of those that were there.
    fn prepare(&mut self, allocs: &[AllocPolicy], execs: &[ExecPolicy]) {
        let pairs = allocs
            .iter()
            .flat_map(|alloc| execs.iter().map(move |exec| (*alloc, *exec)));
        let mut runs = std::mem::take(&mut self.runs).into_iter();
        self.runs = pairs
            .map(|(alloc, exec)| {
                let mut samples = runs.next().map_or_else(Vec::new, |run| run.samples);
                samples.clear();
                Run { alloc, exec, samples }
            })
            .collect();
        let mut loads = std::mem::take(&mut self.loads).into_iter();
        self.loads = allocs
            .iter()
            .map(|alloc| Loads {
                alloc: *alloc,
                loads: loads.next().map_or_else(Vec::new, |before| before.loads),
            })
            .collect();
    }
}

fn check(options: &Options) -> Result<(), Unfit> {
    let unfit = |option, value, expected| {
        Err(Unfit::Option {
            option,
            value,
            expected,
        })
    };
    if options.functions == 0 {
        return unfit("--num-functions", 0.0, "at least one function");
    }
    let factors = [
        ("--ops-factor", options.operations_factor),
        ("--arg-factor", options.argument_factor),
        ("--state-factor", options.state_factor),
        ("--cloud-latency", options.cloud_latency),
    ];
    for (option, value) in factors {
        if !value.is_finite() || value < 0.0 {
            return unfit(option, value, "a finite number, 0 or more");
        }
    }
    if !options.cloud_rate.is_finite() || options.cloud_rate <= 0.0 {
        return unfit("--cloud-rate", options.cloud_rate, "a finite number above 0");
    }
    Ok(())
}
