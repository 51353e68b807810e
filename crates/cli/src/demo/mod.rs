//! The demonstration: the paper's application on a small edge, measured on real nodes beside the simulation.

mod app;
mod measure;
mod simulate;
mod table;

use std::time::Duration;

use fogline_core::model::ExecutionModel;
use serde::Serialize;

pub(crate) use app::{INPUT, MANIFEST, package};
pub(crate) use measure::{Measuring, measure};
pub(crate) use simulate::simulate;
pub(crate) use table::table;

/// Latency and traffic of runs under one model.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct Figures {
    /// Half of the runs took no longer, in ms.
    pub(crate) latency_ms_p50: f64,
    /// Of 20 runs 19 took no longer, in ms.
    pub(crate) latency_ms_p95: f64,
    /// Bytes of messages times the links that they crossed, by run.
    pub(crate) traffic_bytes_per_run: f64,
}

/// One model, measured and simulated.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct Row {
    /// The model.
    pub(crate) model: ExecutionModel,
    /// How many runs were measured; only the table says so.
    #[serde(skip)]
    pub(crate) runs: usize,
    /// On real nodes.
    pub(crate) measured: Figures,
    /// By the simulator.
    pub(crate) simulated: Figures,
}

/// All models.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Comparison {
    /// A row a model.
    pub(crate) models: Vec<Row>,
}

impl Figures {
    /// From the latencies of runs, and the traffic of all of them.
    pub(crate) fn of(latencies: &[Duration], traffic: f64) -> Self {
        let mut sorted: Vec<f64> = latencies
            .iter()
            .map(|latency| latency.as_secs_f64() * 1e3)
            .collect();
        sorted.sort_by(f64::total_cmp);
        // The sample at position ⌊q·n⌋, as everywhere in the simulator.
        let quantile = |percent: usize| {
            let at = (sorted.len() * percent / 100).min(sorted.len().saturating_sub(1));
            sorted.get(at).copied().unwrap_or_default()
        };
        Self {
            latency_ms_p50: quantile(50),
            latency_ms_p95: quantile(95),
            traffic_bytes_per_run: traffic / latencies.len().max(1) as f64,
        }
    }
}
