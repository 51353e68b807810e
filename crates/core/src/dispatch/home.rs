//! Where a session lives: chosen once, when it is born, and so by the map alone and not by what nodes are busy with.

use std::collections::BTreeMap;

use super::map::{Machine, Map};
use super::service::{invocation_of, missing};
use crate::application::{Application, Function};
use crate::cost::{Cloud, CostOptions, Flow, Invocation, Leg, Peer, Purpose};
use crate::model::{Bytes, ExecutionModel, NodeName, Operations, Seconds, StepIndex};
use crate::network::VertexId;
use crate::policy::{Demand, PlacementPolicy};

/// The node that should own a session under in-function: the best for all functions that declare such a state.
#[must_use]
pub fn owner<'a>(
    map: &'a Map,
    policy: &dyn PlacementPolicy,
    app: &Application,
    client: VertexId,
) -> &'a NodeName {
    let nearest = nearest(map, client);
    let home = map.place_of(nearest).unwrap_or(client);
    let stateful = |function: &&Function| {
        let states = function.reads.union(&function.writes);
        states
            .into_iter()
            .any(|state| app.model_of(state) == ExecutionModel::InFunction)
    };
    let mut votes: BTreeMap<&NodeName, usize> = BTreeMap::new();
    for function in app.functions.values().filter(stateful) {
        if let Some(node) = idle(map, policy, app, function, (client, home)) {
            *votes.entry(node).or_default() += 1;
        }
    }
    let most = votes.into_iter().rev().max_by_key(|(_, votes)| *votes);
    most.map_or(nearest, |(node, _)| node)
}

/// The best node for a function under in-function, were all idle. An input is taken to be as large as an output.
fn idle<'a>(
    map: &'a Map,
    policy: &dyn PlacementPolicy,
    app: &Application,
    function: &Function,
    (client, home): (VertexId, VertexId),
) -> Option<&'a NodeName> {
    let workflow = invocation_of(app, function, function.output)?;
    let homes = vec![None; workflow.states().len()];
    let invocation = Invocation {
        workflow: &workflow,
        step: StepIndex(0),
        client,
        repository: map.repository(home, client),
        cloud: map.cloud().unwrap_or(Cloud::At(home)),
        cloud_from_client: None,
        workers: &[],
        homes: &homes,
    };
    let mut legs = Vec::new();
    policy.legs(
        ExecutionModel::InFunction,
        &invocation,
        CostOptions::default(),
        &mut legs,
    );
    let demand = Demand {
        operations: function.operations,
        profile: 0,
        legs: &legs,
    };
    let best = best(map, |machine| {
        let rate = machine.speed(function.class);
        let capable = missing(machine, function).is_none();
        capable.then(|| demand.score(rate, |peer| between(map, peer, machine.at)))
    });
    best.map(|(node, _)| node)
}

/// The worker that is nearest to a place by a short message there and back: the home of its in-edge state.
///
/// # Panics
/// When the map has no worker; a node that is on no map is its own.
#[must_use]
pub fn nearest(map: &Map, to: VertexId) -> &NodeName {
    /// As the simulator compares homes, in bytes.
    const MESSAGE: Bytes = Bytes(1000);
    let flow = Flow::message(MESSAGE);
    let leg = Leg {
        peer: Peer::At(to),
        purpose: Purpose::States,
        to_worker: flow,
        from_worker: flow,
        after: None,
    };
    let demand = Demand {
        operations: Operations(0),
        profile: 0,
        legs: &[leg],
    };
    let found = best(map, |machine| {
        Some(demand.score(1.0, |peer| between(map, peer, machine.at)))
    });
    found.expect("a map has a worker").0
}

fn between(map: &Map, peer: VertexId, worker: VertexId) -> (crate::network::Path, crate::network::Path) {
    (map.routes().path(peer, worker), map.routes().path(worker, peer))
}

fn best(map: &Map, score: impl Fn(&Machine) -> Option<Seconds>) -> Option<(&NodeName, Seconds)> {
    let scored = map
        .machines()
        .iter()
        .filter_map(|machine| Some((&machine.name, score(machine)?)));
    scored.min_by(|(_, a), (_, b)| a.total_cmp(b))
}
