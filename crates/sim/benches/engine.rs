//! The parts of the engines, timed: `cargo bench -p fogline-sim --bench engine`.

use divan::{Bencher, black_box};
use fogline_core::cost::{Flow, Leg, Peer, Purpose};
use fogline_core::model::{Bytes, ExecutionModel, Operations};
use fogline_core::network::{RouteOptions, Routes};
use fogline_core::policy::{Demand, Search};
use fogline_core::record::Replication;
use fogline_manifest::Source;
use fogline_manifest::scenario::{PolicyName, Scenario};
use fogline_sim::compat::{AllocPolicy, ExecPolicy, Options, Prepared};
use fogline_sim::engine::Paths;
use fogline_sim::study::Study;

fn main() {
    divan::main();
}

/// Industrial IoT with so many premises of 20 nodes, and a generated trace.
fn study(premises: u32) -> Study {
    let text = format!(
        "name = \"bench\"\nnetworks = [{{ name = \"n\", generate = \"industrial-iot\", premises = {premises} }}]\n\
         [workload]\ngenerated = {{ jobs = 5000 }}\njobs = [500]\n"
    );
    let scenario = Scenario::parse(&Source {
        name: "bench".into(),
        text,
    })
    .expect("the scenario is well-formed");
    Study::load(scenario, "".as_ref(), None).expect("the trace is generated")
}

/// Finding all routes.
#[divan::bench(args = [4, 50, 500])]
fn routes(bencher: Bencher<'_, '_>, premises: u32) {
    let network = study(premises).network(0, 0).expect("it is generated");
    bencher.bench_local(|| Routes::new(black_box(&network), RouteOptions::default()));
}

/// Placing one invocation, best first.
#[divan::bench(args = [4, 50, 500])]
fn search(bencher: Bencher<'_, '_>, premises: u32) {
    let world = study(premises).world(0, 0).expect("the network fits");
    let mut search = Search::new(&world.routes, world.workers.clone());
    let flow = Flow::message(Bytes(300_000));
    let legs = [Leg {
        peer: Peer::At(world.client_vertices[0]),
        purpose: Purpose::Arguments,
        to_worker: flow,
        from_worker: flow,
        after: None,
    }];
    let demand = Demand {
        operations: Operations(2_000_000),
        profile: 0,
        legs: &legs,
    };
    bencher.bench_local(|| {
        let choice = search.best(black_box(&demand)).expect("some worker can");
        search.place(choice.worker);
    });
}

/// One replication of 500 jobs on the paper's industrial IoT, three policies, four models.
#[divan::bench]
fn corrected_replication(bencher: Bencher<'_, '_>) {
    let study = study(4);
    let world = study.world(0, 0).expect("the network fits");
    let paths = Paths::of(&world);
    let replicator = study.replicator(&world, &paths, &[]);
    let replication = Replication { topology: 0, seed: 1 };
    bencher.bench_local(|| {
        replicator.replicate(
            "n",
            500,
            replication,
            &PolicyName::DEFAULT,
            &ExecutionModel::PAPER,
        )
    });
}

/// The same in compat mode, which has two policies.
#[divan::bench]
fn compat_replication(bencher: Bencher<'_, '_>) {
    let study = study(4);
    let network = study.network(0, 0).expect("it is generated");
    let prepared =
        Prepared::new(&network, &study.trace, &Options::paper()).expect("StateSim can simulate it");
    bencher.bench_local(|| prepared.replicate(1, 500, &AllocPolicy::ALL, &ExecPolicy::PAPER));
}
