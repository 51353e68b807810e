//! The choice of a node.

use std::collections::BTreeMap;

use super::map::{Machine, Map};
use crate::application::{Application, Function};
use crate::cost::{Cloud, CostOptions, Flow, Invocation, Leg, Peer, Purpose};
use crate::model::{
    Bytes, ExecutionModel, FunctionId, FunctionName, NodeName, Operations, Seconds, StateIndex, StateName,
    Step, StepIndex, Workflow,
};
use crate::network::VertexId;
use crate::policy::{Demand, PlacementPolicy};

/// An invocation that needs a node.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// The application.
    pub app: &'a Application,
    /// The function.
    pub function: &'a Function,
    /// Size of its input.
    pub input: Bytes,
    /// Where the client's requests enter the network.
    pub client: VertexId,
    /// Where the session's in-edge state is.
    pub home: VertexId,
    /// Where its state lives.
    pub model: ExecutionModel,
    /// Executions that this node has sent to each node and not heard of yet.
    pub load: &'a BTreeMap<NodeName, u32>,
}

impl Request<'_> {
    /// The invocation as a workflow of one step, which is what the legs of a cost model are reckoned for.
    fn workflow(&self) -> Option<Workflow> {
        let states: Vec<&StateName> = self.function.reads.union(&self.function.writes).collect();
        let sizes = states.iter().map(|state| self.app.states[*state].size).collect();
        let step = Step {
            function: FunctionId(0),
            operations: self.function.operations,
            input: self.input,
            after: Vec::new(),
            states: (0..states.len() as u32).map(StateIndex).collect(),
        };
        Workflow::new(vec![step], sizes, self.function.output).ok()
    }
}

/// The node with the lowest score under a policy, and the score; `None` if no node can run the function.
#[must_use]
pub fn place<'a>(
    map: &'a Map,
    policy: &dyn PlacementPolicy,
    request: &Request<'_>,
) -> Option<(&'a NodeName, Seconds)> {
    let workflow = request.workflow()?;
    let homes = vec![None; workflow.states().len()];
    let invocation = Invocation {
        workflow: &workflow,
        step: StepIndex(0),
        client: request.client,
        repository: map.repository(request.home, request.client),
        cloud: map.cloud().unwrap_or(Cloud::At(request.home)),
        cloud_from_client: None,
        workers: &[],
        homes: &homes,
    };
    let mut legs = Vec::new();
    policy.legs(request.model, &invocation, CostOptions::default(), &mut legs);
    let demand = Demand {
        operations: request.function.operations,
        profile: 0,
        legs: &legs,
    };
    best(map, |machine| {
        let sharing = request.load.get(&machine.name).copied().unwrap_or(0) + 1;
        let rate = machine.speed(request.function.class) / f64::from(sharing);
        let capable = request
            .function
            .requires
            .iter()
            .all(|required| machine.has(required));
        capable.then(|| demand.score(rate, |peer| between(map, peer, machine.at)))
    })
}

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
    let idle = BTreeMap::new();
    let stateful = |(_, function): &(&FunctionName, &Function)| {
        let states = function.reads.union(&function.writes);
        states
            .into_iter()
            .any(|state| app.model_of(state) == ExecutionModel::InFunction)
    };
    let mut votes: BTreeMap<&NodeName, usize> = BTreeMap::new();
    for (_, function) in app.functions.iter().filter(stateful) {
        let model = ExecutionModel::InFunction;
        let request = Request {
            app,
            function,
            input: function.output,
            client,
            home,
            model,
            load: &idle,
        };
        if let Some((node, _)) = place(map, policy, &request) {
            *votes.entry(node).or_default() += 1;
        }
    }
    let most = votes.into_iter().rev().max_by_key(|(_, votes)| *votes);
    most.map_or(nearest, |(node, _)| node)
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
