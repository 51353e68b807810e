//! Where a session lives: chosen once, when it is born, and so by the map alone and not by what nodes are busy with.

use std::collections::BTreeMap;

use super::map::Machine;
use super::service::{invocation_of, missing};
use super::standing::Standing;
use super::view::View;
use crate::application::{Application, Function};
use crate::cost::{Cloud, CostOptions, Flow, Invocation, Leg, Peer, Purpose};
use crate::model::{Bytes, ExecutionModel, NodeName, Operations, Seconds, StepIndex};
use crate::network::{Path, VertexId};
use crate::policy::{Demand, PlacementPolicy};

/// The node that should own a session of this node's clients under in-function: the best for all functions that declare
/// such a state. `None` when no node that runs functions is to be sent anything.
#[must_use]
pub fn owner<'a>(view: &'a View, policy: &dyn PlacementPolicy, app: &Application) -> Option<&'a NodeName> {
    let nearest = nearest(view)?;
    let home = view.map.place_of(nearest).unwrap_or(view.here);
    let stateful = |function: &&Function| {
        let states = function.reads.union(&function.writes);
        states
            .into_iter()
            .any(|state| app.model_of(state) == ExecutionModel::InFunction)
    };
    let mut votes: BTreeMap<&NodeName, usize> = BTreeMap::new();
    for function in app.functions.values().filter(stateful) {
        if let Some(node) = idle(view, policy, app, function, home) {
            *votes.entry(node).or_default() += 1;
        }
    }
    let most = votes.into_iter().rev().max_by_key(|(_, votes)| *votes);
    Some(most.map_or(nearest, |(node, _)| node))
}

/// The best node for a function under in-function, were all idle. An input is taken to be as large as an output.
fn idle<'a>(
    view: &'a View,
    policy: &dyn PlacementPolicy,
    app: &Application,
    function: &Function,
    home: VertexId,
) -> Option<&'a NodeName> {
    let workflow = invocation_of(app, function, function.output)?;
    let homes = vec![None; workflow.states().len()];
    let invocation = Invocation {
        workflow: &workflow,
        step: StepIndex(0),
        client: view.here,
        repository: view.map.repository(home, view.here),
        cloud: view.map.cloud().unwrap_or(Cloud::At(home)),
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
    best(view, |machine, paths| {
        let rate = machine.speed(function.class);
        let capable = missing(machine, function).is_none();
        capable.then(|| demand.score(rate, paths))
    })
}

/// The worker that is nearest to this node by a short message there and back: the home of in-edge state of its clients.
/// `None` when no node that runs functions is to be sent anything.
#[must_use]
pub fn nearest(view: &View) -> Option<&NodeName> {
    /// As the simulator compares homes, in bytes.
    const MESSAGE: Bytes = Bytes(1000);
    let flow = Flow::message(MESSAGE);
    let leg = Leg {
        peer: Peer::At(view.here),
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
    best(view, |_, paths| Some(demand.score(1.0, paths)))
}

/// The best of the nodes that are sent anything. `score` is given the paths from a place to the machine and back.
fn best(
    view: &View,
    score: impl Fn(&Machine, &dyn Fn(VertexId) -> (Path, Path)) -> Option<Seconds>,
) -> Option<&NodeName> {
    let up = view.map.machines().iter().enumerate();
    let up = up.filter(|(at, _)| view.nodes[*at].standing == Standing::Up);
    let scored = up.filter_map(|(at, machine)| {
        let score = score(machine, &|peer| view.paths(peer, at))?;
        Some((&machine.name, score))
    });
    let best = scored.min_by(|(_, a), (_, b)| a.total_cmp(b));
    best.map(|(name, _)| name)
}
