//! Rows that look like those of the paper's simulation, from a small generator of numbers.

use fogline_core::model::{Bytes, ExecutionModel, Seconds};
use fogline_core::record::{Condition, Placed, QUANTILES, Replication, SeedRow, Spent, StepsGroup};

/// Numbers in [0, 1), the same every time (Knuth's MMIX generator).
struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> f64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// About normal, around 1, with a spread of so much.
    fn around_one(&mut self, spread: f64) -> f64 {
        let sum: f64 = (0..12).map(|_| self.next()).sum();
        1.0 + spread * (sum - 6.0)
    }
}

/// Steps of a job, and how many of a thousand jobs have that many.
const STEPS: [(u32, f64); 16] = [
    (2, 233.0),
    (3, 314.0),
    (4, 228.0),
    (5, 113.0),
    (6, 53.0),
    (7, 31.0),
    (8, 14.0),
    (9, 5.0),
    (10, 1.8),
    (11, 1.6),
    (12, 0.7),
    (14, 1.2),
    (16, 0.2),
    (19, 0.19),
    (22, 0.4),
    (25, 0.4),
];

/// Replications of every condition.
pub(crate) fn rows(
    networks: &[&str],
    models: &[ExecutionModel],
    loads: &[u32],
    replications: u64,
) -> Vec<SeedRow> {
    let mut rows = Vec::new();
    for network in networks {
        for &load in loads {
            for policy in ["load", "load-net"] {
                for &model in models {
                    for seed in 1..=replications {
                        let condition = Condition {
                            network: (*network).to_owned(),
                            load,
                            policy: policy.to_owned(),
                            model,
                        };
                        rows.push(row(condition, seed));
                    }
                }
            }
        }
    }
    rows
}

fn row(condition: Condition, seed: u64) -> SeedRow {
    // The jobs of a replication are the same for all models.
    let mut numbers = Numbers(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ u64::from(condition.load));
    let position = ExecutionModel::ALL
        .iter()
        .position(|&model| model == condition.model)
        .unwrap_or(0);
    let slowness = [350.0, 220.0, 24.0, 50.0, 80.0, 33.0, 29.0][position];
    let megabytes = [3.2, 7.6, 1.8, 3.0, 4.2, 2.4, 2.1][position];
    let load = f64::from(condition.load);
    let traffic = match condition.policy.as_str() {
        "load" => 12.0 + megabytes,
        _ => megabytes * (1.0 + load / 900.0),
    };
    let by_steps: Vec<StepsGroup> = STEPS
        .into_iter()
        .filter_map(|(steps, per_mille)| {
            let jobs = (load * per_mille / 1000.0 * numbers.around_one(0.2) + numbers.next()).floor();
            let network = slowness / 1e3 * (1.0 + f64::from(steps) / 6.0) * numbers.around_one(0.25);
            let group = StepsGroup {
                steps,
                jobs: jobs as u64,
                total: spent(
                    jobs,
                    network,
                    traffic * f64::from(steps) / 3.6 * numbers.around_one(0.05),
                ),
            };
            (jobs > 0.0).then_some(group)
        })
        .collect();
    let scale = slowness / 1e3 * numbers.around_one(0.04);
    SeedRow {
        jobs: by_steps.iter().map(|group| group.jobs).sum(),
        total: by_steps
            .iter()
            .fold(Spent::default(), |sum, group| add(sum, group.total)),
        latency_quantiles: QUANTILES.map(|q| {
            let tail = libm::pow(q / (1.0 - q), 0.45);
            Seconds(0.02 * tail + scale * tail * numbers.around_one(0.03 + q * q * 0.15))
        }),
        placed: Placed::default(),
        by_steps,
        condition,
        replication: Replication { topology: 0, seed },
    }
}

fn spent(jobs: f64, network: f64, megabytes: f64) -> Spent {
    Spent {
        processing: Seconds(jobs * 0.15),
        arguments: Seconds(jobs * network * 0.3),
        states: Seconds(jobs * network * 0.7),
        argument_traffic: Bytes((jobs * megabytes * 4e5) as u64),
        state_traffic: Bytes((jobs * megabytes * 6e5) as u64),
    }
}

fn add(a: Spent, b: Spent) -> Spent {
    Spent {
        processing: a.processing + b.processing,
        arguments: a.arguments + b.arguments,
        states: a.states + b.states,
        argument_traffic: a.argument_traffic + b.argument_traffic,
        state_traffic: a.state_traffic + b.state_traffic,
    }
}
