//! What a replication draws: which jobs run, whose they are, and in which order they are placed.

use fogline_core::record::Replication;
use fogline_manifest::scenario::{JobCount, RandomNumbers};
use fogline_workload::random::Stream;

use crate::compat::Engine;
use crate::purpose;

/// The draws of one replication. They depend on neither policy nor model, so that these are compared in pairs;
/// and with counter-based numbers, the jobs of a smaller load are among those of a larger one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Draw {
    /// Which replication this is: what placement policies draw is keyed by it.
    pub replication: Replication,
    /// For each job: its position in the pool.
    pub pool_jobs: Vec<u32>,
    /// For each job: the position of its client among the clients.
    pub clients: Vec<u32>,
    /// The order in which they are placed: positions in `pool_jobs`.
    pub order: Vec<u32>,
}

/// What the counter-based numbers of a replication are keyed by, besides entity and purpose.
#[derive(Clone, Copy, Debug)]
struct Key {
    seed: u64,
    topology: u64,
}

impl Key {
    fn stream(self, entity: u64, purpose: u32) -> Stream {
        Stream::new(self.seed, self.topology, entity, purpose)
    }
}

impl Draw {
    /// Draws `load` jobs (or about that many) from a pool of `pool` jobs, for some of `clients` clients.
    #[must_use]
    pub fn new(
        replication: Replication,
        load: u32,
        pool: usize,
        clients: usize,
        count: JobCount,
        random: RandomNumbers,
    ) -> Self {
        let drawn = match random {
            RandomNumbers::Counter => {
                let key = Key {
                    seed: replication.seed,
                    topology: replication.topology.into(),
                };
                Self::counter(key, load, pool, clients, count)
            }
            RandomNumbers::Lcg => Self::congruential(replication.seed, load, pool, clients, count),
        };
        Self { replication, ..drawn }
    }

    fn counter(of: Key, load: u32, pool: usize, clients: usize, count: JobCount) -> Self {
        let key = |entity: u64, purpose| of.stream(entity, purpose).next_u64();
        let pool_jobs = if load as usize > pool {
            // More jobs than there are: drawn with replacement.
            let draw = |job: u32| of.stream(job.into(), purpose::JOB_AGAIN).below(pool as u64) as u32;
            (0..load).map(draw).collect()
        } else {
            let toss = |job| of.stream(job, purpose::JOB).uniform();
            select(pool, load, count, toss)
        };
        // A job that is drawn once has the same client at every load; copies of a job differ.
        let repeated = load as usize > pool;
        let entity = |(position, job): (usize, &u32)| {
            if repeated {
                position as u64
            } else {
                u64::from(*job)
            }
        };
        let clients = pool_jobs
            .iter()
            .enumerate()
            .map(|job| of.stream(entity(job), purpose::CLIENT).below(clients as u64) as u32)
            .collect();
        let keys: Vec<u64> = pool_jobs
            .iter()
            .enumerate()
            .map(|job| key(entity(job), purpose::ORDER))
            .collect();
        let mut order: Vec<u32> = (0..pool_jobs.len() as u32).collect();
        order.sort_unstable_by_key(|job| (keys[*job as usize], *job));
        Self {
            pool_jobs,
            clients,
            order,
            ..Self::default()
        }
    }

    /// As the reference: two engines with one seed, one for the jobs, one for clients and order.
    fn congruential(seed: u64, load: u32, pool: usize, clients: usize, count: JobCount) -> Self {
        let mut engine = Engine::new(seed);
        let tosses: Vec<f64> = (0..pool).map(|_| engine.unit()).collect();
        let pool_jobs = select(pool, load, count, |job| tosses[job as usize]);
        let mut engine = Engine::new(seed);
        let clients = pool_jobs
            .iter()
            .map(|_| engine.below(clients as u64) as u32)
            .collect();
        let mut left: Vec<u32> = (0..pool_jobs.len() as u32).collect();
        let mut order = Vec::with_capacity(left.len());
        while !left.is_empty() {
            let place = (engine.unit() * left.len() as f64) as usize;
            order.push(left.remove(place));
        }
        Self {
            pool_jobs,
            clients,
            order,
            ..Self::default()
        }
    }
}

/// Selects jobs by a uniform number in [0, 1) for each: those below the mean load, or the `load` lowest.
fn select(pool: usize, load: u32, count: JobCount, mut toss: impl FnMut(u64) -> f64) -> Vec<u32> {
    let tosses: Vec<f64> = (0..pool as u64).map(&mut toss).collect();
    let mut jobs: Vec<u32> = (0..pool as u32).collect();
    match count {
        JobCount::Bernoulli => {
            let probability = f64::from(load) / pool as f64;
            jobs.retain(|job| tosses[*job as usize] < probability);
        }
        JobCount::Exact => {
            let load = (load as usize).min(pool);
            if load < pool {
                let order =
                    |a: &u32, b: &u32| tosses[*a as usize].total_cmp(&tosses[*b as usize]).then(a.cmp(b));
                jobs.select_nth_unstable_by(load, order);
                jobs.truncate(load);
                jobs.sort_unstable();
            }
        }
    }
    jobs
}
