//! `fogline demo`: a small edge of real nodes, the paper's application on it, and what the simulator says to it.

use std::time::Duration;

use fogline_client::Client;
use fogline_core::model::{Bytes, ExecutionModel};
use fogline_manifest::{Source, application};
use fogline_testbed::{Plan, Testbed};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::up;
use crate::asynchronous;
use crate::demo::{self, Comparison, INPUT, Measuring, Row};
use crate::failure::Failure;
use crate::output::{self, Format};

/// Run the paper's application on real nodes under the four models, beside its simulation.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Keep the network up, and print where it is
    #[arg(long)]
    serve: bool,
    /// Most runs of each client under each model
    #[arg(long, value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(u16).range(1..))]
    runs: u16,
    /// How the result is printed
    #[arg(short, long, value_enum, default_value_t)]
    output: Format,
}

/// Longest time that the runs of one model may take: the whole ends within a minute.
const TIME: Duration = Duration::from_secs(10);

pub(crate) fn run(args: &Args) -> Result<(), Failure> {
    asynchronous::run(demonstrate(args))
}

async fn demonstrate(args: &Args) -> Result<(), Failure> {
    let folder = tempfile::tempdir().map_err(|source| Failure::writing(&std::env::temp_dir(), source))?;
    let plan = Plan::demo(folder.path().join("network"))?;
    let network = Testbed::start(plan.clone()).await?;
    output::note(&format!(
        "{} nodes on an emulated network: {} clients, the cloud {} ms and {} Mb/s away\n{}",
        network.nodes().count(),
        network.clients().len(),
        plan.cloud.rtt_ms,
        plan.cloud.rate_mbps,
        up::LOOPBACK
    ));
    let comparison = compare(&plan, &network, args).await?;
    match args.output {
        Format::Text => output::data(&demo::table(&comparison))?,
        Format::Json => output::json(&comparison)?,
    }
    if args.serve {
        up::serve(&network, "figure3 is deployed there", None).await?;
    }
    network.stop().await;
    Ok(())
}

async fn compare(plan: &Plan, network: &Testbed, args: &Args) -> Result<Comparison, Failure> {
    let package = demo::package();
    let manifest = Source {
        name: "fogline.toml".to_owned(),
        text: demo::MANIFEST.to_owned(),
    };
    let application = application::parse(&manifest)?;
    let url = network
        .clients()
        .first()
        .and_then(|node| network.url(node))
        .unwrap_or_default();
    let app = Client::builder(url).build()?.deploy(&package).await?;
    let measuring = Measuring {
        runs: usize::from(args.runs),
        time: TIME,
    };
    let progress = progress(measuring.runs * network.clients().len() * ExecutionModel::PAPER.len());
    let mut models = Vec::new();
    for model in ExecutionModel::PAPER {
        progress.set_message(model.name());
        let (measured, runs) = demo::measure(network, &app, model, measuring, &progress).await?;
        let simulated = demo::simulate(plan, &application, Bytes(INPUT as u64), model)?;
        models.push(Row {
            model,
            runs,
            measured,
            simulated,
        });
    }
    progress.finish_and_clear();
    Ok(Comparison { models })
}

fn progress(runs: usize) -> ProgressBar {
    let style = ProgressStyle::with_template("{bar:40} {pos}/{len} runs, {msg}");
    let bar = ProgressBar::with_draw_target(Some(runs as u64), ProgressDrawTarget::stderr());
    bar.with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
}
