//! The choice of a node, timed: `cargo bench -p fogline-core --bench dispatch`. To hold: 1 µs at 100 nodes, 10 µs at
//! 1,000.
#![expect(clippy::unwrap_used, reason = "a benchmark fails by panicking")]

#[path = "../tests/dispatch/world.rs"]
mod world;

use std::collections::BTreeMap;
use std::time::Duration;

use divan::{Bencher, black_box};
use fogline_core::dispatch::{choose, place};
use fogline_core::model::Bytes;
use fogline_core::policy::Placement;

fn main() {
    divan::main();
}

/// A view in which every node was heard of and measured.
fn busy(nodes: usize) -> fogline_core::dispatch::View {
    let mut view = world::view(nodes);
    for node in 0..nodes {
        let now = Duration::from_millis(node as u64);
        view.tell(
            &world::name(node),
            &world::load(node as u32 % 9),
            &BTreeMap::new(),
            now,
        );
        view.measured(&world::name(node), Duration::from_micros(200 + node as u64), None);
    }
    view
}

const CASES: [(Placement, usize); 10] = [
    (Placement::LoadNet, 100),
    (Placement::LoadNet, 1000),
    (Placement::ModelAware, 100),
    (Placement::ModelAware, 1000),
    (Placement::LeastImpedance, 100),
    (Placement::LeastImpedance, 1000),
    (Placement::PowerOfTwoChoices, 100),
    (Placement::PowerOfTwoChoices, 1000),
    (Placement::WeightedRandom, 100),
    (Placement::WeightedRandom, 1000),
];

/// What every invocation waits for: the choice, that it was sent, and that it was heard of.
#[divan::bench(args = CASES.map(|(placement, nodes)| format!("{placement} {nodes}")))]
fn chosen(bencher: Bencher<'_, '_>, case: &str) {
    let (placement, nodes) = case.split_once(' ').unwrap();
    let (placement, nodes) = (placement.parse().unwrap(), nodes.parse().unwrap());
    let mut view = busy(nodes);
    let (key, app) = (
        world::key(),
        world::application(world::function(&[]), Bytes(10_000)),
    );
    let mut request = world::request(&view, &key, &app, nodes / 2);
    bencher.bench_local(|| {
        request.draw = request.draw.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let node = choose(&mut view, placement, black_box(&request))
            .unwrap()
            .node
            .clone();
        view.sent(&node);
        view.heard_of(&node);
    });
}

/// The same with every term of every candidate.
#[divan::bench(args = [100, 1000])]
fn explained(bencher: Bencher<'_, '_>, nodes: usize) {
    let mut view = busy(nodes);
    let (key, app) = (
        world::key(),
        world::application(world::function(&[]), Bytes(10_000)),
    );
    let request = world::request(&view, &key, &app, nodes / 2);
    bencher.bench_local(|| place(&mut view, Placement::LoadNet, black_box(&request)));
}
