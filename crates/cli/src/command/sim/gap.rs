//! `fogline sim gap`.

use std::fmt::Write as _;

use fogline_core::record::Replication;
use fogline_sim::engine::{Paths, Policy};
use fogline_sim::gap::{Bound, best_mean_latency, mean_latency};
use serde::Serialize;

use super::pick::{Pick, Scenario};
use crate::failure::Failure;
use crate::output::{self, Format};
use crate::threads;

/// The arguments.
#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    scenario: Scenario,
    #[command(flatten)]
    pick: Pick,
    #[command(flatten)]
    threads: threads::Args,
    /// How it is printed
    #[arg(short, long, value_enum, default_value_t)]
    output: Format,
}

/// A policy under a model, beside the best there could be.
#[derive(Debug, Serialize)]
struct Row {
    model: &'static str,
    policy: &'static str,
    mean_latency_ms: f64,
    best_ms: f64,
    best_is: Bound,
    gap_percent: f64,
}

/// Prints how far each policy is from the best placement, in one replication.
pub(crate) fn run(args: Args) -> Result<(), Failure> {
    args.threads
        .install(|| print(args.scenario, &args.pick, args.output))
}

fn print(scenario: Scenario, pick: &Pick, format: Format) -> Result<(), Failure> {
    let study = scenario.study()?;
    let network = pick.network(&study)?;
    let world = study.world(network, pick.topology)?;
    let paths = Paths::of(&world);
    let switches = &study.scenario.switches;
    let replicator = study.replicator(&world, &paths, &[]);
    let replication = Replication {
        topology: pick.topology,
        seed: pick.seed(&study),
    };
    let draw = replicator.draw(pick.load(&study), replication);
    if draw.pool_jobs.is_empty() {
        return Err(Failure::usage(
            "the replication has no job",
            "raise the load with --load",
        ));
    }
    let mut rows = Vec::new();
    for &model in &study.scenario.run.models {
        let (best_is, best) = best_mean_latency(&replicator, &draw, model);
        for name in &study.scenario.run.policies {
            let policy = Policy::new(name.placement(), switches.counted_states);
            let placement = replicator.place(&draw, &policy, model);
            let mean = mean_latency(&replicator, &draw, &placement, model);
            rows.push(Row {
                model: model.name(),
                policy: policy.placement.name(),
                mean_latency_ms: mean.as_millis(),
                best_ms: best.as_millis(),
                best_is,
                gap_percent: (mean.0 / best.0 - 1.0) * 100.0,
            });
        }
    }
    match format {
        Format::Text => output::data(&text(&rows)),
        Format::Json => output::json(&rows),
    }
}

fn text(rows: &[Row]) -> String {
    let mut text = format!(
        "{:<16} {:<12} {:>14} {:>12} {:>8}\n",
        "model", "policy", "mean latency", "best", "gap"
    );
    for row in rows {
        let best = match row.best_is {
            Bound::Optimum => "optimum",
            Bound::Alone => "at least (each step alone on its best worker)",
        };
        let _ = writeln!(
            text,
            "{:<16} {:<12} {:>11.3} ms {:>9.3} ms {:>7.1}%  {best}",
            row.model, row.policy, row.mean_latency_ms, row.best_ms, row.gap_percent
        );
    }
    text
}
