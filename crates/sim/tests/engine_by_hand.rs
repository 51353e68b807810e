//! One job on one worker: every model's time and traffic, reckoned by hand.

use fogline_core::model::{BitRate, Device, ExecutionModel, Seconds};
use fogline_core::network::{Link, Network, NetworkBuilder, Node, VertexKind};
use fogline_core::record::{Replication, Spent};
use fogline_manifest::Source;
use fogline_manifest::scenario::{PolicyName, Scenario, Switches};
use fogline_sim::engine::{Paths, Pool, Replicator, World};
use fogline_workload::trace::spar;

/// Two steps of 0.5 MB argument each; the second declares a state of 0.25 MB. One op per step.
const TRACE: &str = "0,j_1,M1,1,100,0.5,1\n0,j_1,M2,1,100,0.25,1\n0,j_1,R3_1_2,1,100,0.5,1\n";

/// A client and a worker behind links of 8 Mb/s (1 µs per byte), 1 ms from the switch to either; the Internet
/// 4 ms beyond.
fn network() -> Network {
    let mut builder = NetworkBuilder::new();
    let mut add = |name: &str, kind| builder.add(name, kind).expect("names differ");
    let link = || {
        VertexKind::Link(Link {
            rate: BitRate::from_mbps(8.0),
            kind: "x".into(),
        })
    };
    let client = add("client", VertexKind::Node(Node::of(Device::RPI3, false, true)));
    let worker = add("worker", VertexKind::Node(Node::of(Device::NUC, true, false)));
    let (to_client, to_worker) = (add("c", link()), add("w", link()));
    let (switch, internet) = (
        add("switch", VertexKind::Switch),
        add("internet", VertexKind::Switch),
    );
    for (a, b, ms) in [
        (client, to_client, 0.0),
        (to_client, switch, 1.0),
        (worker, to_worker, 0.0),
        (to_worker, switch, 1.0),
        (switch, internet, 4.0),
    ] {
        for (from, to) in [(a, b), (b, a)] {
            builder
                .connect(from, to, Seconds::from_millis(ms))
                .expect("latencies are positive");
        }
    }
    builder.build().expect("it is connected")
}

fn spent(model: ExecutionModel, switches: &[(&str, &str)]) -> Spent {
    let text = "name = \"t\"\nnetworks = [{ name = \"n\", file = \"x\" }]\n[workload]\ntrace = \"x\"\njobs = [1]\n\
                operations-factor = 1\nfunctions = [{ name = \"f\", class = \"generic\" }]\n";
    let scenario = Scenario::parse(&Source {
        name: "test".into(),
        text: text.into(),
    })
    .expect("it is well-formed");
    let mut chosen = Switches::default();
    for (name, value) in switches {
        chosen = chosen.with(name, value).expect("the switch exists");
    }
    let trace = spar::parse(TRACE.as_bytes(), "test").expect("the trace is well-formed");
    let pool = Pool::new(&trace, &scenario.workload, chosen.workflow, chosen.random);
    let functions = &scenario.workload.functions;
    let world = World::new(network(), &scenario.cloud, functions, &chosen).expect("it has all roles");
    let paths = Paths::of(&world);
    let replicator = Replicator {
        pool: &pool,
        world: &world,
        paths: &paths,
        switches: &chosen,
        tables: &[],
        staleness: 0,
    };
    let replication = Replication { topology: 0, seed: 1 };
    let outcome = replicator.replicate("n", 1, replication, &[PolicyName::Load], &[model]);
    outcome.seeds[0].total
}

fn assert_spent(what: &str, spent: Spent, arguments_ms: f64, states_ms: f64, traffic: u64) {
    let close = |a: Seconds, ms: f64| (a.as_millis() - ms).abs() < 1e-6;
    assert!(
        close(spent.arguments, arguments_ms),
        "{what}: arguments {} not {arguments_ms} ms",
        spent.arguments
    );
    assert!(
        close(spent.states, states_ms),
        "{what}: states {} not {states_ms} ms",
        spent.states
    );
    assert_eq!(spent.traffic().0, traffic, "{what}");
    // Two steps of one op at 4e9 op/s.
    assert!((spent.processing.0 - 2.0 / 4e9).abs() < 1e-18, "{what}");
}

/// Each of the two calls has two messages of 2 ms and 0.5 MB each way, which the slowest link forwards in 0.5 s.
const CALLS_MS: f64 = 2.0 * (4.0 + 1000.0);
/// Two calls, 0.5 MB there and back over two links.
const CALLS_TRAFFIC: u64 = 2 * 2 * 500_000 * 2;

#[test]
fn in_function_pays_for_the_calls_alone() {
    assert_spent(
        "in-function",
        spent(ExecutionModel::InFunction, &[]),
        CALLS_MS,
        0.0,
        CALLS_TRAFFIC,
    );
}

#[test]
fn in_client_carries_the_declared_state_on_the_messages_of_one_call() {
    let state = 2 * 250_000;
    assert_spent(
        "in-client",
        spent(ExecutionModel::InClient, &[]),
        CALLS_MS,
        500.0,
        CALLS_TRAFFIC + 2 * state,
    );
}

#[test]
fn pure_faas_carries_all_states_on_both_calls() {
    let state = 2 * 2 * 250_000;
    assert_spent(
        "pure-faas",
        spent(ExecutionModel::PureFaas, &[]),
        CALLS_MS,
        1000.0,
        CALLS_TRAFFIC + 2 * state,
    );
}

#[test]
fn in_edge_on_the_worker_that_keeps_the_store_is_free() {
    assert_spent(
        "in-edge",
        spent(ExecutionModel::InEdge, &[]),
        CALLS_MS,
        0.0,
        CALLS_TRAFFIC,
    );
    // Asked for by the client, the state crosses two links each way, and the two round trips 2 ms each way.
    let by_client = spent(ExecutionModel::InEdge, &[("state-access", "client")]);
    assert_spent(
        "in-edge by the client",
        by_client,
        CALLS_MS,
        8.0 + 500.0,
        CALLS_TRAFFIC + 2 * 2 * 250_000,
    );
}

#[test]
fn external_crosses_the_edge_and_the_wide_area_link() {
    // 1 + 4 + 60 ms one way; 1 µs per byte is slower than 50 Mb/s; the worker's and the cloud's link count.
    let traffic = CALLS_TRAFFIC + 2 * 2 * 250_000;
    for (access, round_trips, directions) in [("cold", 2.0, 2), ("paper", 1.0, 2), ("warm", 1.0, 1)] {
        let spent = spent(ExecutionModel::External, &[("access", access)]);
        let states = round_trips * 130.0 + 250.0 * f64::from(directions);
        let skipped = 2 * 250_000 * (2 - directions as u64);
        assert_spent(access, spent, CALLS_MS, states, traffic - skipped);
    }
    // Counted once and apart: 60 ms and 50 Mb/s each way.
    let once = spent(
        ExecutionModel::External,
        &[("external-traffic", "once"), ("access", "paper")],
    );
    assert_spent(
        "once",
        once,
        CALLS_MS,
        120.0 + 2.0 * 40.0,
        CALLS_TRAFFIC + 2 * 250_000,
    );
}

#[test]
fn functions_that_call_each_other_on_one_worker_save_the_way_back() {
    // In: 2 ms and 0.5 s; from the first to the second step: nothing; out: 2 ms and 0.5 s.
    let propagate = spent(ExecutionModel::StatePropagate, &[]);
    assert_spent(
        "state-propagate",
        propagate,
        1004.0,
        500.0,
        2 * 1_000_000 + 2 * 500_000,
    );
    // The state is fetched from the client: a request and 0.25 s.
    let local = spent(ExecutionModel::StateLocal, &[]);
    assert_spent("state-local", local, 1004.0, 254.0, 2 * 1_000_000 + 2 * 250_000);
}

#[test]
fn store_and_forward_adds_up_the_links() {
    let spent = spent(ExecutionModel::InFunction, &[("transfer", "store-and-forward")]);
    assert_spent(
        "store-and-forward",
        spent,
        2.0 * (4.0 + 2000.0),
        0.0,
        CALLS_TRAFFIC,
    );
}

#[test]
fn without_latencies_only_capacities_take_time() {
    let spent = spent(ExecutionModel::InFunction, &[("latencies", "none")]);
    assert_spent("no latencies", spent, 2.0 * 1000.0, 0.0, CALLS_TRAFFIC);
}
