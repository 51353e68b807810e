//! The simulator's word on the demonstration: the same network, application and placement.

use std::time::Duration;

use fogline_core::application::Application;
use fogline_core::cost::Replies;
use fogline_core::model::{Bytes, ExecutionModel};
use fogline_core::policy::Placement;
use fogline_core::record::Replication;
use fogline_manifest::scenario::{FunctionSection, Switches};
use fogline_sim::engine::{Draw, Paths, Policy, Pool, PoolJob, Replicator, World};
use fogline_testbed::Plan;

use super::Figures;
use crate::failure::Failure;

/// One run of each client under a model, of an application with an input of this size.
pub(crate) fn simulate(
    plan: &Plan,
    app: &Application,
    input: Bytes,
    model: ExecutionModel,
) -> Result<Figures, Failure> {
    let functions: Vec<FunctionSection> = app
        .functions
        .iter()
        .map(|(name, function)| FunctionSection {
            name: name.to_string(),
            class: function.class,
            requires: function.requires.first().cloned(),
        })
        .collect();
    let switches = Switches::default();
    let world = World::new(plan.network.clone(), &plan.cloud, &functions, &switches);
    let mut world = world.map_err(|error| Failure::usage(error.to_string(), error.hint()))?;
    // Nodes keep replies for retries with the state; the paper's functions are never retried.
    world.costs.replies = Replies::Kept;
    let workflow = app.cost_workflow(input).ok_or_else(|| {
        Failure::usage(
            "the application has no workflow",
            "name its steps as [[workflow.steps]]",
        )
    })?;
    let job = PoolJob {
        name: app.name.to_string(),
        workflow,
    };
    let names = functions.into_iter().map(|function| function.name).collect();
    let pool = Pool {
        jobs: vec![job],
        functions: names,
    };
    let paths = Paths::of(&world);
    let replicator = Replicator {
        pool: &pool,
        world: &world,
        paths: &paths,
        switches: &switches,
        tables: &[],
        staleness: 0,
    };
    let policy = Policy::new(Placement::LoadNet, switches.counted_states);
    let mut latencies = Vec::new();
    let mut traffic = 0.0;
    for client in 0..world.clients.len() {
        // Runs follow each other, so none shares a machine or a link with another.
        let draw = Draw {
            replication: Replication::default(),
            pool_jobs: vec![0],
            clients: vec![client as u32],
            order: vec![0],
        };
        let placement = replicator.place(&draw, &policy, model);
        let spent = replicator.explain(&draw, &placement, 0, model).total;
        latencies.push(Duration::from_secs_f64(spent.latency().0));
        traffic += spent.traffic().as_f64();
    }
    Ok(Figures::of(&latencies, traffic))
}
