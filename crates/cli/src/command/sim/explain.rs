//! `fogline sim explain`.

use std::fmt::Write as _;

use fogline_core::cost::{Leg, Peer, Purpose};
use fogline_core::model::ExecutionModel;
use fogline_core::network::Path;
use fogline_core::policy::WorkerIndex;
use fogline_core::record::Replication;
use fogline_manifest::scenario::PolicyName;
use fogline_sim::engine::{Draw, Measured, Paths, Placement, Policy, Replicator};
use fogline_sim::study::Study;
use serde::Serialize;

use super::pick::{Pick, Scenario, model, policy};
use crate::failure::Failure;
use crate::output::{self, Format};

/// The arguments.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// The job: its position in the replication (0, 1, …), or its name in the trace (j_17)
    #[arg(value_name = "JOB")]
    job: String,
    #[command(flatten)]
    scenario: Scenario,
    #[command(flatten)]
    pick: Pick,
    /// Placement policy, as load-net or round-robin
    #[arg(long, value_name = "POLICY", default_value = "load-net", value_parser = policy)]
    policy: PolicyName,
    /// Execution model, as in-edge
    #[arg(long, value_name = "MODEL", default_value = "in-edge", value_parser = model)]
    model: ExecutionModel,
    /// How it is printed
    #[arg(short, long, value_enum, default_value_t)]
    output: Format,
}

/// One term of a sum.
#[derive(Debug, Serialize)]
struct Term {
    what: String,
    arithmetic: String,
    milliseconds: f64,
    traffic_bytes: u64,
}

/// One step.
#[derive(Debug, Serialize)]
struct StepSum {
    step: usize,
    function: String,
    node: String,
    waits_for: Option<u32>,
    terms: Vec<Term>,
    milliseconds: f64,
    traffic_bytes: u64,
    finished_after_milliseconds: f64,
}

/// A job.
#[derive(Debug, Serialize)]
struct Sum {
    job: String,
    client: String,
    condition: String,
    steps: Vec<StepSum>,
    critical_path: Vec<usize>,
    processing_milliseconds: f64,
    network_milliseconds: f64,
    latency_milliseconds: f64,
    traffic_bytes: u64,
}

/// Prints the sum behind one job's latency and traffic.
pub(crate) fn run(args: Args) -> Result<(), Failure> {
    let study = args.scenario.study()?;
    let network = args.pick.network(&study)?;
    let world = study.world(network, args.pick.topology)?;
    let paths = Paths::of(&world);
    let switches = &study.scenario.switches;
    let replicator = study.replicator(&world, &paths, &[]);
    let (load, seed) = (args.pick.load(&study), args.pick.seed(&study));
    let draw = replicator.draw(
        load,
        Replication {
            topology: args.pick.topology,
            seed,
        },
    );
    let job = find(&args.job, &study, &draw)?;
    let policy = Policy::new(args.policy.placement(), switches.counted_states);
    let placement = replicator.place(&draw, &policy, args.model);
    let measured = replicator.explain(&draw, &placement, job, args.model);
    let condition = format!(
        "{}, {load} jobs, seed {seed}, {}, {}",
        study.scenario.networks[network].name, policy.placement, args.model
    );
    let sum = Explain {
        replicator: &replicator,
        draw: &draw,
        placement: &placement,
        job,
    }
    .sum(&measured, condition);
    match args.output {
        Format::Text => output::data(&text(&sum)),
        Format::Json => output::json(&sum),
    }
}

fn find(name: &str, study: &Study, draw: &Draw) -> Result<usize, Failure> {
    let position = match name.parse::<usize>() {
        Ok(position) => (position < draw.pool_jobs.len()).then_some(position),
        Err(_) => draw
            .pool_jobs
            .iter()
            .position(|job| study.pool.jobs[*job as usize].name == name),
    };
    position.ok_or_else(|| {
        let first = draw
            .pool_jobs
            .first()
            .map_or("", |job| &study.pool.jobs[*job as usize].name);
        Failure::usage(
            format!("the replication has no job {name}"),
            format!(
                "it has 0 to {}, the first of which is {first} in the trace",
                draw.pool_jobs.len().saturating_sub(1)
            ),
        )
    })
}

struct Explain<'a> {
    replicator: &'a Replicator<'a>,
    draw: &'a Draw,
    placement: &'a Placement,
    job: usize,
}

impl Explain<'_> {
    fn sum(&self, measured: &Measured, condition: String) -> Sum {
        let pool_job = &self.replicator.pool.jobs[self.draw.pool_jobs[self.job] as usize];
        let steps = (0..measured.steps.len())
            .map(|step| self.step(measured, step))
            .collect();
        Sum {
            job: pool_job.name.clone(),
            client: self
                .replicator
                .client_name(self.draw.clients[self.job])
                .to_owned(),
            condition,
            steps,
            critical_path: critical_path(measured),
            processing_milliseconds: measured.total.processing.as_millis(),
            network_milliseconds: measured.total.network().as_millis(),
            latency_milliseconds: measured.total.latency().as_millis(),
            traffic_bytes: measured.total.traffic().0,
        }
    }

    fn step(&self, measured: &Measured, index: usize) -> StepSum {
        let world = self.replicator.world;
        let pool_job = &self.replicator.pool.jobs[self.draw.pool_jobs[self.job] as usize];
        let step = &pool_job.workflow.steps()[index];
        let worker: WorkerIndex = self.placement.of(self.job)[index];
        let result = &measured.steps[index];
        let speed = world
            .workers
            .speed(worker, world.profiles[step.function.0 as usize]);
        let mut terms = vec![Term {
            what: "processing".to_owned(),
            arithmetic: format!(
                "{} op / ({speed:.4e} op/s / {} sharing)",
                step.operations.0, result.sharing
            ),
            milliseconds: result.spent.processing.as_millis(),
            traffic_bytes: 0,
        }];
        terms.extend(
            result
                .legs
                .iter()
                .map(|(leg, to, from)| self.term(leg, *to, *from)),
        );
        StepSum {
            step: index,
            function: self.replicator.pool.functions[step.function.0 as usize].clone(),
            node: world.network.node_name(world.workers.node(worker)).to_owned(),
            waits_for: result.waited_for,
            terms,
            milliseconds: result.spent.latency().as_millis(),
            traffic_bytes: result.spent.traffic().0,
            finished_after_milliseconds: result.finished.latency().as_millis(),
        }
    }

    fn term(&self, leg: &Leg, to_worker: Path, from_worker: Path) -> Term {
        let peer = match leg.peer {
            Peer::At(vertex) => self.replicator.world.network.vertex(vertex).name.clone(),
            Peer::Apart { .. } => "a store, without the worker".to_owned(),
        };
        let purpose = match leg.purpose {
            Purpose::Arguments => "arguments",
            Purpose::States => "states",
        };
        let one_way = |messages: u32, bytes: u64, path: Path| {
            format!(
                "{messages} x {:.3} ms + {bytes} B x {:.4e} s/B over {} links",
                path.latency.as_millis(),
                path.seconds_per_byte,
                path.links
            )
        };
        Term {
            what: format!("{purpose}, {peer}"),
            arithmetic: format!(
                "there {}; back {}",
                one_way(leg.to_worker.messages, leg.to_worker.bytes.0, to_worker),
                one_way(leg.from_worker.messages, leg.from_worker.bytes.0, from_worker)
            ),
            milliseconds: leg.time(to_worker, from_worker).as_millis(),
            traffic_bytes: leg.traffic(to_worker, from_worker).0,
        }
    }
}

/// The steps that decide the latency, from the first to the last.
fn critical_path(measured: &Measured) -> Vec<usize> {
    let slowest = |best: Option<usize>, index: usize| match best {
        Some(best) if measured.steps[best].finished.latency() >= measured.steps[index].finished.latency() => {
            Some(best)
        }
        _ => Some(index),
    };
    let mut path: Vec<usize> = (0..measured.steps.len())
        .fold(None, slowest)
        .into_iter()
        .collect();
    while let Some(before) = path.last().and_then(|last| measured.steps[*last].waited_for) {
        path.push(before as usize);
    }
    path.reverse();
    path
}

fn text(sum: &Sum) -> String {
    let mut text = format!("job {} of client {}: {}\n", sum.job, sum.client, sum.condition);
    for step in &sum.steps {
        let after = step
            .waits_for
            .map_or(String::new(), |before| format!(", after step {before}"));
        let _ = writeln!(
            text,
            "\nstep {} ({}) on {}{after}",
            step.step, step.function, step.node
        );
        for term in &step.terms {
            let _ = writeln!(
                text,
                "  {:>12.3} ms {:>12} B·links  {}",
                term.milliseconds, term.traffic_bytes, term.what
            );
            let _ = writeln!(text, "  {:>39}  = {}", "", term.arithmetic);
        }
        let _ = writeln!(
            text,
            "  {:>12.3} ms {:>12} B·links  in all; finished after {:.3} ms",
            step.milliseconds, step.traffic_bytes, step.finished_after_milliseconds
        );
    }
    let path: Vec<String> = sum.critical_path.iter().map(usize::to_string).collect();
    let _ = writeln!(text, "\ncritical path: step {}", path.join(", "));
    let _ = writeln!(
        text,
        "latency {:.3} ms = processing {:.3} ms + network {:.3} ms; traffic {} B·links",
        sum.latency_milliseconds, sum.processing_milliseconds, sum.network_milliseconds, sum.traffic_bytes
    );
    text
}
