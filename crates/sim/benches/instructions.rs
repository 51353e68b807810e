//! The guarded parts, whose instructions `cargo xtask instructions` counts under valgrind.
//!
//! A part prepares what it works on and gives back the work; only what runs inside [`guarded_part`] counts.
//! Everything is made here from fixed figures, on one thread, so that the count depends on the code alone.

use std::hint::black_box;

use fogline_core::cost::{Flow, Leg, Peer, Purpose};
use fogline_core::model::{Bytes, ExecutionModel, Operations, Seconds};
use fogline_core::network::{Network, NodeId, RouteOptions, Routes, VertexId};
use fogline_core::policy::{Demand, Search, Workers};
use fogline_core::record::Replication;
use fogline_manifest::Source;
use fogline_manifest::scenario::{PolicyName, Scenario, Switches};
use fogline_sim::compat::{AllocPolicy, ExecPolicy, Options, Prepared};
use fogline_sim::engine::{Paths, Pool, Replicator, World};
use fogline_workload::network::ether::{self, Draw, IndustrialIot};
use fogline_workload::trace::{Trace, TraceJob, TraceTask};

/// Work that was prepared.
type Work = Box<dyn FnOnce()>;

/// A part: its name, and what prepares it.
type Part = (&'static str, fn() -> Work);

/// All parts.
const PARTS: &[Part] = &[
    ("compat-prepare", compat_prepare),
    ("compat-replicate", compat_replicate),
    ("core-routes", core_routes),
    ("core-search", core_search),
    ("engine-replicate", engine_replicate),
];

#[expect(clippy::print_stdout, reason = "the list of parts is data")]
fn main() {
    let chosen = std::env::args().nth(1).unwrap_or_default();
    match PARTS.iter().find(|(name, _)| *name == chosen) {
        Some((_, prepare)) => guarded_part(prepare()),
        // `cargo bench` starts every benchmark with `--bench`; this one has nothing to tell without valgrind.
        None if chosen == "--list" => PARTS.iter().for_each(|(name, _)| println!("{name}")),
        None => {}
    }
}

/// Inside this function, instructions count. Its name is known to `cargo xtask instructions`.
#[inline(never)]
fn guarded_part(work: Work) {
    work();
}

/// Reading off network and trace what replications share: 80 nodes, 200 jobs.
fn compat_prepare() -> Work {
    let (network, trace) = (network(4), trace(200));
    Box::new(move || {
        black_box(Prepared::new(&network, &trace, &Options::paper())).ok();
    })
}

/// One replication as in the paper: about 100 jobs, two allocations, four executions.
fn compat_replicate() -> Work {
    let prepared = Prepared::new(&network(4), &trace(200), &Options::paper()).expect("the paper's options");
    Box::new(move || {
        black_box(prepared.replicate(1, 100, &AllocPolicy::ALL, &ExecPolicy::PAPER));
    })
}

/// Routes of a network of 320 nodes, and the paths between 1,024 pairs of them.
fn core_routes() -> Work {
    let network = network(16);
    Box::new(move || {
        let routes = Routes::new(&network, RouteOptions::default());
        for (from, to) in pairs(&network, 32) {
            black_box(routes.path(from, to));
        }
    })
}

/// Placing 256 invocations on a network of 320 nodes, each where it is best.
fn core_search() -> Work {
    let network = network(16);
    let routes = Routes::new(&network, RouteOptions::default());
    let nodes: Vec<NodeId> = network.node_ids().collect();
    let places = nodes.iter().map(|node| network.node_vertex(*node)).collect();
    let speeds = nodes
        .iter()
        .map(|node| 1e6 * network.node(*node).cpu_millis as f64)
        .collect();
    let workers = Workers::new(nodes, places, vec![speeds]);
    Box::new(move || {
        let mut search = Search::new(&routes, workers);
        for (client, state) in pairs(&network, 16) {
            let legs = [
                leg(client, Purpose::Arguments, 300_000),
                leg(state, Purpose::States, 2_000_000),
            ];
            let demand = Demand {
                operations: Operations(5_000_000_000),
                profile: 0,
                legs: &legs,
            };
            if let Some(choice) = black_box(search.best(&demand)) {
                search.place(choice.worker);
            }
        }
    })
}

/// One replication of the corrected engine: 100 jobs, three policies, the paper's four models.
fn engine_replicate() -> Work {
    // What replications borrow lives as long as the program.
    let scenario: &Scenario = Box::leak(Box::new(scenario()));
    let switches: &Switches = Box::leak(Box::default());
    let workload = &scenario.workload;
    let pool = Box::leak(Box::new(Pool::new(
        &trace(200),
        workload,
        switches.workflow,
        switches.random,
    )));
    let world = World::new(network(4), &scenario.cloud, &workload.functions, switches);
    let world = Box::leak(Box::new(
        world.expect("the published network has clients and workers"),
    ));
    let replicator = Replicator {
        pool,
        world,
        paths: Box::leak(Box::new(Paths::of(world))),
        switches,
        tables: &[],
        staleness: 0,
    };
    let policies = [PolicyName::Load, PolicyName::LoadNet, PolicyName::ModelAware];
    let replication = Replication { topology: 0, seed: 1 };
    Box::new(move || {
        black_box(replicator.replicate("iiot", 100, replication, &policies, &ExecutionModel::PAPER));
    })
}

/// A scenario of which nothing is special.
fn scenario() -> Scenario {
    let text = "name = \"part\"\nnetworks = [{ name = \"iiot\", generate = \"industrial-iot\" }]\n\
                [workload]\ntrace = \"none\"\njobs = [100]\n";
    let source = Source {
        name: "part.toml".to_owned(),
        text: text.to_owned(),
    };
    Scenario::parse(&source).expect("the scenario is valid")
}

/// A call and its answer.
fn leg(peer: VertexId, purpose: Purpose, bytes: u64) -> Leg {
    Leg {
        peer: Peer::At(peer),
        purpose,
        to_worker: Flow::message(Bytes(bytes)),
        from_worker: Flow::message(Bytes(bytes)),
        after: None,
    }
}

/// The published industrial network, of so many premises of 20 nodes.
fn network(premises: u32) -> Network {
    let scenario = ether::Scenario::IndustrialIot(IndustrialIot { premises });
    scenario
        .generate(Draw::Published)
        .expect("the published scenario is a network")
}

/// All pairs of `count` nodes that are spread over the network.
fn pairs(network: &Network, count: usize) -> impl Iterator<Item = (VertexId, VertexId)> {
    let step = (network.node_count() / count).max(1);
    let chosen: Vec<_> = network
        .node_ids()
        .step_by(step)
        .take(count)
        .map(|node| network.node_vertex(node))
        .collect();
    let partners = chosen.clone();
    chosen
        .into_iter()
        .flat_map(move |from| partners.clone().into_iter().map(move |to| (from, to)))
}

/// Jobs of two to nine tasks, each with one or two parents.
fn trace(jobs: u32) -> Trace {
    let job = |number: u32| TraceJob {
        name: format!("j_{number}"),
        arrival: Seconds(f64::from(number)),
        tasks: (1..=2 + number % 8).map(|id| task(number, id)).collect(),
        independent: 0,
    };
    Trace {
        jobs: (0..jobs).map(job).collect(),
        ..Trace::default()
    }
}

fn task(job: u32, id: u32) -> TraceTask {
    // Task 2 of every second job has no parent, and so is a state of the steps behind it.
    let first = if id == 1 || id == 2 && job.is_multiple_of(2) {
        None
    } else {
        Some(id / 2)
    };
    let second = (id > 3 && (job + id).is_multiple_of(3)).then_some(id - 1);
    TraceTask {
        id,
        parents: first.into_iter().chain(second).collect(),
        duration: Seconds(f64::from(1 + (job * 7 + id * 13) % 60)),
        cpu: Some(f64::from(50 * (1 + (job + id) % 4))),
        memory: Some(0.1 * f64::from(1 + (job + id) % 10)),
        instances: 1 + id,
    }
}
