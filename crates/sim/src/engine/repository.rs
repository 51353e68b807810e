//! Where the in-edge store is.

use fogline_core::cost::{Flow, Leg, Peer, Purpose};
use fogline_core::model::{Bytes, Operations};
use fogline_core::network::{Network, NodeId, Routes, VertexId};
use fogline_core::policy::{Demand, Search, WorkerIndex, Workers};

/// Size of the message by which nodes are compared, in bytes (network.cpp:372-393).
const MESSAGE: Bytes = Bytes(1000);

/// The most workers that are compared with each other; on larger networks so many are taken at even distances
/// in the list, because the work grows with the square.
const MAX_COMPARED: usize = 1000;

/// The node from which the farthest other is nearest, by the slower direction of a short message. Ties go to the
/// lower mean, or, with `ties_by_name`, to the lower name; then to the lower node.
pub(super) fn central(network: &Network, routes: &Routes, nodes: &[NodeId], ties_by_name: bool) -> VertexId {
    let step = nodes.len().div_ceil(MAX_COMPARED).max(1);
    let mut compared: Vec<NodeId> = nodes.iter().copied().step_by(step).collect();
    if ties_by_name {
        compared.sort_by(|a, b| network.node_name(*a).cmp(network.node_name(*b)));
    }
    let vertices: Vec<VertexId> = compared.iter().map(|node| network.node_vertex(*node)).collect();
    let mut best = (f64::INFINITY, f64::INFINITY, VertexId(0));
    for &at in &vertices {
        let (mut worst, mut sum) = (0.0_f64, 0.0);
        for &other in &vertices {
            let there = routes.path(at, other).time(1, MESSAGE).0;
            let back = routes.path(other, at).time(1, MESSAGE).0;
            let slower = there.max(back);
            worst = worst.max(slower);
            sum += slower;
        }
        let ties = if ties_by_name { 0.0 } else { sum };
        if (worst, ties) < (best.0, best.1) {
            best = (worst, ties, at);
        }
    }
    best.2
}

/// For each client, the worker that is nearest to it by a short message there and back.
pub(super) fn nearest(routes: &Routes, workers: &Workers, clients: &[VertexId]) -> Vec<WorkerIndex> {
    // Every worker is as good as any other but for the way.
    let alike = vec![vec![1.0; workers.len()]];
    let nodes = workers.indices().map(|worker| workers.node(worker)).collect();
    let places = workers.indices().map(|worker| workers.vertex(worker)).collect();
    let mut search = Search::new(routes, Workers::new(nodes, places, alike));
    let mut nearest = |client: &VertexId| {
        let leg = Leg {
            peer: Peer::At(*client),
            purpose: Purpose::States,
            to_worker: Flow::message(MESSAGE),
            from_worker: Flow::message(MESSAGE),
            after: None,
        };
        let demand = Demand {
            operations: Operations(0),
            profile: 0,
            legs: &[leg],
        };
        let choice = search.best(&demand);
        choice.expect("a world has a worker").worker
    };
    clients.iter().map(&mut nearest).collect()
}
