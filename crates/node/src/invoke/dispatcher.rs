//! The choice of a node, by what this node knows of the others.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use fogline_core::application::Application;
use fogline_core::dispatch::{self, Circuit, Map, Request, RetryBudget, Standing, View};
use fogline_core::model::{self, NodeName};
use fogline_core::network::VertexId;
use fogline_core::policy::LoadNet;
use fogline_core::session::Home;
use fogline_core::telemetry::FunctionKey;
use fogline_protocol::peer::Target;
use fogline_protocol::problem::Kind;

use super::Job;
use crate::fault::Fault;

/// Spreads turns over all bits of a draw: 2^64 over the golden ratio.
const ODD: u64 = 0x9E37_79B9_7F4A_7C15;

/// Chooses nodes by the map and by what this node has seen of them.
pub(crate) struct Dispatcher {
    map: Arc<Map>,
    /// Where requests of this node's clients enter the network.
    here: VertexId,
    known: Mutex<Known>,
    /// What times in the view count from.
    origin: Instant,
}

struct Known {
    view: View,
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
    pub(crate) fn new(map: Arc<Map>, here: VertexId) -> Self {
        let known = Known {
            view: View::new(Arc::clone(&map), here),
            circuits: BTreeMap::new(),
            retries: RetryBudget::default(),
        };
        Self {
            known: Mutex::new(known),
            map,
            here,
            origin: Instant::now(),
        }
    }

    /// The node where in-edge state of this node's clients is kept.
    pub(crate) fn nearest(&self) -> &NodeName {
        dispatch::nearest(&self.map, self.here)
    }

    /// The node that should own a session of this node's clients.
    pub(crate) fn owner(&self, app: &Application) -> &NodeName {
        dispatch::owner(&self.map, &LoadNet::default(), app, self.here)
    }

    /// Whether a node runs functions, as far as the map says.
    pub(crate) fn runs_functions(&self, node: &NodeName) -> bool {
        self.map.machines().iter().any(|machine| machine.name == *node)
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
        known.view.stand(node, Standing::Away);
    }

    /// A node answered.
    pub(super) fn reached(&self, node: &NodeName) {
        let mut known = self.known();
        if known.circuits.remove(node).is_some() {
            known.view.stand(node, Standing::Up);
        }
    }

    /// Whether a job may be sent once more, after a node did not answer.
    pub(super) fn may_retry(&self) -> bool {
        self.known().retries.take()
    }

    /// The node that should execute a job.
    pub(super) fn place(
        &self,
        this: &NodeName,
        job: &Job,
        app: &Application,
        home: Option<&Home>,
    ) -> Result<NodeName, Fault> {
        if let Some(Home::InFunction(owner)) = home {
            return Ok(owner.clone());
        }
        let (Target::Function(name), Some(key)) = (&job.call.target, key(job)) else {
            return Ok(this.clone());
        };
        if let [only] = self.map.machines() {
            return Ok(only.name.clone());
        }
        let function = &app.functions[name];
        let home_node = home.and_then(Home::node).and_then(|node| self.map.place_of(node));
        let now = self.origin.elapsed();
        let mut known = self.known();
        let Known { view, circuits, .. } = &mut *known;
        for (node, circuit) in circuits {
            let standing = if circuit.admits(now) {
                Standing::Up
            } else {
                Standing::Away
            };
            view.stand(node, standing);
        }
        let turn = view.next_turn(&key, job.call.seed);
        let request = Request {
            key: &key,
            app,
            function,
            input: model::Bytes(job.input.len() as u64),
            client: self.here,
            home: home_node.unwrap_or(self.here),
            model: home.map_or(app.model, Home::model),
            // A retry has the seed of the first attempt, and should not be bound to its nodes.
            draw: job.call.seed ^ turn.wrapping_mul(ODD),
            turn,
            now,
        };
        let chosen = dispatch::choose(view, app.placement, &request);
        chosen.map(|chosen| chosen.node.clone()).ok_or_else(|| {
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

/// The function that a job invokes, if it invokes one.
fn key(job: &Job) -> Option<FunctionKey> {
    let Target::Function(function) = &job.call.target else {
        return None;
    };
    Some(FunctionKey {
        tenant: job.call.tenant.clone(),
        app: job.call.app.clone(),
        function: function.clone(),
    })
}
