//! The choice of a node, by what this node knows of the others.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use fogline_core::application::Application;
use fogline_core::dispatch::{self, Circuit, Map, Request, RetryBudget, Standing, View};
use fogline_core::model::{self, NodeName};
use fogline_core::network::VertexId;
use fogline_core::policy::LoadNet;
use fogline_core::session::Home;
use fogline_core::telemetry::{FunctionKey, PathFigures, Telemetry};
use fogline_protocol::peer::Target;
use fogline_protocol::problem::Kind;

use super::Job;
use crate::fault::Fault;

/// Spreads turns over all bits of a draw: 2^64 over the golden ratio.
const ODD: u64 = 0x9E37_79B9_7F4A_7C15;

/// Chooses nodes by the map, by what they say of themselves, and by what this node has seen of them.
pub(crate) struct Dispatcher {
    known: Mutex<Known>,
    /// What times in the view count from.
    origin: Instant,
}

struct Known {
    view: View,
    /// Of nodes that are away or draining, by what is said of them.
    standings: BTreeMap<NodeName, Standing>,
    /// Of nodes that did not answer lately.
    circuits: BTreeMap<NodeName, Circuit>,
    retries: RetryBudget,
}

/// One execution that was sent to a node and that this node has not heard of yet.
pub(crate) struct Sent<'a> {
    dispatcher: &'a Dispatcher,
    node: NodeName,
}

impl Drop for Sent<'_> {
    fn drop(&mut self) {
        self.dispatcher.known().view.heard_of(&self.node);
    }
}

impl Dispatcher {
    /// `here` is where requests of this node's clients enter the network.
    pub(crate) fn new(map: Arc<Map>, here: VertexId) -> Self {
        let known = Known {
            view: View::new(map, here),
            standings: BTreeMap::new(),
            circuits: BTreeMap::new(),
            retries: RetryBudget::default(),
        };
        Self {
            known: Mutex::new(known),
            origin: Instant::now(),
        }
    }

    /// Goes on with another map.
    pub(crate) fn redraw(&self, map: Arc<Map>, here: VertexId) {
        self.known().view.redraw(map, here);
    }

    /// Takes up whether a node is to be sent anything, as far as it depends on the node.
    pub(crate) fn stand(&self, node: &NodeName, standing: Standing) {
        let mut known = self.known();
        if standing == Standing::Up {
            known.standings.remove(node);
        } else {
            known.standings.insert(node.clone(), standing);
        }
        let open = known.circuits.get(node);
        let sends = open.is_none_or(|circuit| !circuit.is_open(self.origin.elapsed()));
        known.settle(node, sends);
    }

    /// Takes up what a node says of how busy it is, how fast, and how far from others.
    pub(crate) fn tell(&self, node: &NodeName, telemetry: &Telemetry) {
        let now = self.origin.elapsed();
        let mut known = self.known();
        known.view.tell(node, &telemetry.load, &telemetry.services, now);
        known.view.told_paths(node, &telemetry.paths);
    }

    /// Takes up what was measured on the way to a node.
    pub(crate) fn way(&self, node: &NodeName, figures: PathFigures) {
        if let Some(rtt) = figures.rtt {
            self.known().view.measured(node, rtt, figures.rate);
        }
    }

    /// The node where in-edge state of this node's clients is kept; `None` if none takes new sessions.
    pub(crate) fn nearest(&self) -> Option<NodeName> {
        let known = self.settled(|circuit, now| !circuit.is_open(now));
        dispatch::nearest(&known.view).cloned()
    }

    /// The node that should own a session of this node's clients; `None` if none takes new sessions.
    pub(crate) fn owner(&self, app: &Application) -> Option<NodeName> {
        let known = self.settled(|circuit, now| !circuit.is_open(now));
        dispatch::owner(&known.view, &LoadNet::default(), app).cloned()
    }

    /// The nodes that run functions and are to be sent something.
    pub(crate) fn ready(&self) -> Vec<NodeName> {
        let known = self.settled(|circuit, now| !circuit.is_open(now));
        let machines = known.view.map().machines().iter();
        let names = machines.map(|machine| &machine.name);
        names.filter(|name| known.view.is_up(name)).cloned().collect()
    }

    /// What is known now; `sends` says whether something is sent to a node that has not answered of late.
    fn settled(&self, sends: impl Fn(&mut Circuit, Duration) -> bool) -> MutexGuard<'_, Known> {
        let now = self.origin.elapsed();
        let mut known = self.known();
        let circuits = known.circuits.iter_mut();
        let changed: Vec<(NodeName, bool)> = circuits
            .map(|(node, circuit)| (node.clone(), sends(circuit, now)))
            .collect();
        for (node, sends) in changed {
            known.settle(&node, sends);
        }
        known
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes up what an answer to a job that was sent at `since` tells of a node. How long executions take is what the
    /// map says: times that only some nodes have been measured by are not compared with those of the others.
    pub(super) fn learn(&self, job: &Job, node: &NodeName, since: Instant) {
        if let Some(key) = key(job) {
            let (mut known, now) = (self.known(), self.origin.elapsed());
            known.view.answered(node, &key, since.elapsed(), now);
        }
    }

    /// Takes up that a node was sent a job, `again` if it was sent before.
    pub(super) fn send(&self, node: &NodeName, again: bool) -> Sent<'_> {
        let mut known = self.known();
        known.view.sent(node);
        if !again {
            known.retries.sent();
        }
        Sent {
            dispatcher: self,
            node: node.clone(),
        }
    }

    /// A node did not answer: for a while nothing is sent there.
    pub(super) fn unreached(&self, node: &NodeName) {
        let now = self.origin.elapsed();
        let mut known = self.known();
        known.circuits.entry(node.clone()).or_default().failed(now);
        known.settle(node, false);
    }

    /// A node answered.
    pub(super) fn reached(&self, node: &NodeName) {
        let mut known = self.known();
        if known.circuits.remove(node).is_some() {
            known.settle(node, true);
        }
    }

    /// Whether a job may be sent once more, after a node did not answer.
    pub(super) fn may_retry(&self) -> bool {
        self.known().retries.take()
    }

    /// The node that should execute a job, if not one of those that are `behind`.
    pub(super) fn place(
        &self,
        this: &NodeName,
        job: &Job,
        app: &Application,
        home: Option<&Home>,
        behind: &[NodeName],
    ) -> Result<NodeName, Fault> {
        if let Some(Home::InFunction(owner)) = home {
            return Ok(owner.clone());
        }
        let (Target::Function(name), Some(key)) = (&job.call.target, key(job)) else {
            return Ok(this.clone());
        };
        let mut known = self.settled(Circuit::admits);
        behind.iter().for_each(|node| known.settle(node, false));
        let view = &mut known.view;
        let (function, now) = (&app.functions[name], self.origin.elapsed());
        if let ([only], true) = (view.map().machines(), function.requires.is_empty()) {
            return Ok(only.name.clone());
        }
        let home_node = home.and_then(Home::node);
        let home_at = home_node.and_then(|node| view.map().place_of(node));
        let turn = view.next_turn(&key, job.call.seed);
        let request = Request {
            key: &key,
            app,
            function,
            input: model::Bytes(job.input.len() as u64),
            client: view.here(),
            home: home_at.unwrap_or(view.here()),
            model: home.map_or(app.model, Home::model),
            // A retry has the seed of the first attempt, and should not be bound to its nodes.
            draw: job.call.seed ^ turn.wrapping_mul(ODD),
            turn,
            now,
        };
        let chosen = dispatch::choose(view, app.placement, &request).map(|chosen| chosen.node.clone());
        for node in behind {
            // The next job may be of another application.
            let open = known.circuits.get(node);
            let sends = open.is_none_or(|circuit| !circuit.is_open(now));
            known.settle(node, sends);
        }
        chosen.ok_or_else(|| {
            Fault::new(
                Kind::Unavailable,
                format!(
                    "no node that answers can run {name}, which requires {}",
                    function.requires.join(", ")
                ),
                "add a node with that capability, or drop the requirement",
            )
        })
    }
}

impl Known {
    /// A node stands as is said of it if it has answered of late, or is to be tried: if something `sends` to it.
    fn settle(&mut self, node: &NodeName, sends: bool) {
        let said = self.standings.get(node).copied().unwrap_or_default();
        self.view.stand(node, if sends { said } else { Standing::Away });
    }
}

/// The function that a job invokes, if it invokes one.
pub(super) fn key(job: &Job) -> Option<FunctionKey> {
    let Target::Function(function) = &job.call.target else {
        return None;
    };
    Some(FunctionKey {
        tenant: job.call.tenant.clone(),
        app: job.call.app.clone(),
        function: function.clone(),
    })
}
