//! Clients that run the application's workflow on the real nodes.

use std::time::{Duration, Instant};

use fogline_client::Client;
use fogline_core::model::ExecutionModel;
use fogline_protocol::api::App;
use fogline_testbed::Testbed;
use indicatif::ProgressBar;

use super::{Figures, INPUT};
use crate::failure::Failure;

/// How much is measured.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Measuring {
    /// Most runs of each client.
    pub(crate) runs: usize,
    /// Longest time for one model.
    pub(crate) time: Duration,
}

/// Runs of every client under a model, one after the other; the first of each session is not counted.
pub(crate) async fn measure(
    network: &Testbed,
    app: &App,
    model: ExecutionModel,
    measuring: Measuring,
    progress: &ProgressBar,
) -> Result<(Figures, usize), Failure> {
    let mut latencies = Vec::new();
    let mut traffic = 0.0;
    let each = measuring.time / u32::try_from(network.clients().len().max(1)).unwrap_or(u32::MAX);
    for node in network.clients() {
        let url = network.url(node).unwrap_or_default();
        // What it keeps on disk would be measured with it, and the paper's clients keep nothing.
        let client = Client::builder(url).build()?;
        let session = client.create_session(&app.name, Some(model)).await?.session;
        let input = |run: usize| vec![u8::try_from(run % 251).unwrap_or_default(); INPUT];
        client.run_workflow(app, &session, input(0)).await?;
        let (before, started) = (network.traffic(), Instant::now());
        for run in 1..=measuring.runs {
            let began = Instant::now();
            client.run_workflow(app, &session, input(run)).await?;
            latencies.push(began.elapsed());
            progress.inc(1);
            if started.elapsed() > each {
                break;
            }
        }
        let after = network.traffic();
        traffic += (after.bytes_times_links.0 - before.bytes_times_links.0) as f64;
    }
    Ok((Figures::of(&latencies, traffic), latencies.len()))
}
