//! Replications made to order: every figure is a law of load, model and seed that the test chooses.

#![allow(dead_code, reason = "each test file uses a part of it")]

use fogline_core::model::{Bytes, ExecutionModel, Seconds};
use fogline_core::record::{Condition, Placed, QUANTILES, Replication, SeedRow, Spent, StepsGroup};

/// A number between 0 and 1 that seed and salt decide (splitmix64).
pub(crate) fn uniform(seed: u64, salt: u64) -> f64 {
    let mut z = seed
        .wrapping_mul(0x9E37_79B9_7F4A_7C15)
        .wrapping_add(salt.wrapping_mul(0xD1B5_4A32_D192_ED03))
        .wrapping_add(0x9E37_79B9_7F4A_7C15);
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    ((z ^ (z >> 31)) >> 11) as f64 / (1u64 << 53) as f64
}

/// A whole power, by multiplication: the same on every platform.
pub(crate) fn power(base: f64, exponent: usize) -> f64 {
    std::iter::repeat_n(base, exponent).product()
}

/// About a standard normal: the sum of twelve uniforms, less six.
pub(crate) fn normal(seed: u64, salt: u64) -> f64 {
    (0..12).map(|k| uniform(seed, salt * 12 + k)).sum::<f64>() - 6.0
}

pub(crate) fn condition(network: &str, load: u32, policy: &str, model: ExecutionModel) -> Condition {
    Condition {
        network: network.to_owned(),
        load,
        policy: policy.to_owned(),
        model,
    }
}

/// The figures of one replication.
#[derive(Clone, Debug)]
pub(crate) struct Figures {
    /// Mean of the processing, in ms.
    pub(crate) processing_ms: f64,
    /// Mean of the time in the network, in ms.
    pub(crate) network_ms: f64,
    /// Mean traffic, in MB.
    pub(crate) traffic_mb: f64,
    /// By steps: steps, jobs, mean of the time in the network in ms.
    pub(crate) steps: Vec<(u32, u64, f64)>,
}

/// A row with these figures; its quantiles are 0.2, 0.4, ... 3 times the mean latency.
pub(crate) fn row(condition: Condition, topology: u32, seed: u64, jobs: u64, figures: &Figures) -> SeedRow {
    let total = |jobs: u64, processing_ms: f64, network_ms: f64, traffic_mb: f64| Spent {
        processing: Seconds::from_millis(processing_ms * jobs as f64),
        arguments: Seconds::from_millis(network_ms * jobs as f64),
        states: Seconds::ZERO,
        argument_traffic: Bytes((traffic_mb * 1e6 * jobs as f64) as u64),
        state_traffic: Bytes::ZERO,
    };
    let latency = figures.processing_ms + figures.network_ms;
    let mut latency_quantiles = [Seconds::ZERO; QUANTILES.len()];
    for (position, quantile) in latency_quantiles.iter_mut().enumerate() {
        *quantile = Seconds::from_millis(latency * 0.2 * (position + 1) as f64);
    }
    let group = |&(steps, jobs, network_ms): &(u32, u64, f64)| StepsGroup {
        steps,
        jobs,
        total: total(jobs, figures.processing_ms, network_ms, figures.traffic_mb),
    };
    SeedRow {
        condition,
        replication: Replication { topology, seed },
        jobs,
        total: total(
            jobs,
            figures.processing_ms,
            figures.network_ms,
            figures.traffic_mb,
        ),
        latency_quantiles,
        placed: Placed::default(),
        by_steps: figures.steps.iter().map(group).collect(),
    }
}

/// What a law is asked for.
#[derive(Clone, Debug)]
pub(crate) struct Asked<'a> {
    pub(crate) load: u32,
    pub(crate) policy: &'a str,
    pub(crate) model: ExecutionModel,
    pub(crate) seed: u64,
}

/// Rows of one network for some loads, policies and seeds and the paper's four models.
pub(crate) fn rows(
    network: &str,
    loads: &[u32],
    policies: &[&str],
    seeds: u64,
    law: impl Fn(&Asked<'_>) -> Figures,
) -> Vec<SeedRow> {
    let mut rows = Vec::new();
    for &load in loads {
        for &policy in policies {
            for model in ExecutionModel::PAPER {
                for seed in 1..=seeds {
                    let figures = law(&Asked {
                        load,
                        policy,
                        model,
                        seed,
                    });
                    rows.push(row(
                        condition(network, load, policy, model),
                        0,
                        seed,
                        u64::from(load),
                        &figures,
                    ));
                }
            }
        }
    }
    rows
}

/// A world in which the paper's statements all hold: figures of its shape, not its figures.
pub(crate) fn as_stated(asked: &Asked<'_>) -> Figures {
    let Asked {
        load,
        policy,
        model,
        seed,
    } = *asked;
    let (traffic, network, per_step) = match model {
        ExecutionModel::External => (4.0, 600.0, 50.0),
        ExecutionModel::InEdge => (9.0, 450.0, 40.0),
        ExecutionModel::InFunction => (3.9, 40.0, 5.0),
        _ => (4.2, 70.0, 6.0),
    };
    // The seed's luck is common to all models; what is the model's own is a tenth of it.
    let luck = 1.0 + 0.05 * normal(seed, 1) + 0.005 * normal(seed, 2 + model as u64);
    let blind = policy == "load";
    let most = if blind && model == ExecutionModel::InClient {
        5.0
    } else {
        1.0
    };
    let steps = [2u32, 3, 4, 5, 6, 7, 8, 20]
        .into_iter()
        .map(|steps| {
            let jump = match model {
                _ if steps < 16 => 0.0,
                ExecutionModel::External | ExecutionModel::InEdge => 30.0 * per_step,
                ExecutionModel::InClient => 300.0,
                _ => 50.0,
            };
            (
                steps,
                u64::from(load) / 8,
                (network / 4.0 + per_step * f64::from(steps) + jump) * luck,
            )
        })
        .collect();
    Figures {
        processing_ms: 150.0 * (1.0 + 0.05 * normal(seed, 99)),
        network_ms: network * luck * if blind { 2.0 } else { 1.0 },
        traffic_mb: traffic * luck * (1.0 + f64::from(load) / 5000.0) * if blind { 2.5 * most } else { 1.0 },
        steps,
    }
}
