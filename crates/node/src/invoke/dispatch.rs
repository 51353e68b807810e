//! From an admitted invocation to the node that executes it.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use fogline_core::application::Application;
use fogline_core::dispatch::{self, FunctionKey, Map, Request, View};
use fogline_core::model::limits::DEFAULT_DEADLINE;
use fogline_core::model::{self, NodeName};
use fogline_core::network::VertexId;
use fogline_core::policy::LoadNet;
use fogline_core::session::Home;
use fogline_protocol::peer::{self, Response, Target};
use fogline_protocol::problem::Kind;

use super::parts::Parts;
use super::{Answer, Job, Task, execute};
use crate::fault::Fault;
use crate::node::Node;
use crate::peers::Message;

/// How often an invocation may be forwarded.
const MAX_HOPS: u8 = 8;

/// Spreads turns over all bits of a draw: 2^64 over the golden ratio.
const ODD: u64 = 0x9E37_79B9_7F4A_7C15;

/// Chooses nodes by the map and by what this node has seen of them.
pub(crate) struct Dispatcher {
    map: Arc<Map>,
    /// Where requests of this node's clients enter the network.
    here: VertexId,
    view: Mutex<View>,
    /// What times in the view count from.
    origin: Instant,
}

/// One execution that was sent to a node and that this node has not heard of yet.
struct Sent<'a> {
    dispatcher: &'a Dispatcher,
    node: NodeName,
}

impl Drop for Sent<'_> {
    fn drop(&mut self) {
        self.dispatcher.view().heard_of(&self.node);
    }
}

impl Dispatcher {
    pub(crate) fn new(map: Arc<Map>, here: VertexId) -> Self {
        Self {
            view: Mutex::new(View::new(map.clone(), here)),
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

    fn view(&self) -> MutexGuard<'_, View> {
        self.view.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes up what an answer to a job that was sent at `since` tells of a node.
    fn learn(&self, job: &Job, node: &NodeName, since: Instant, execution_us: u64) {
        if let Some(key) = key(job) {
            let (mut view, now) = (self.view(), self.origin.elapsed());
            view.answered(node, &key, since.elapsed(), now);
            view.executed(node, &key, Duration::from_micros(execution_us), now);
        }
    }

    fn send(&self, node: &NodeName) -> Sent<'_> {
        self.view().sent(node);
        Sent {
            dispatcher: self,
            node: node.clone(),
        }
    }

    fn place(
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
        let mut view = self.view();
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
            now: self.origin.elapsed(),
        };
        let chosen = dispatch::choose(&mut view, app.placement, &request);
        chosen.map(|chosen| chosen.node.clone()).ok_or_else(|| {
            Fault::new(
                Kind::Unavailable,
                format!(
                    "no node can run {name}, which requires {}",
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

/// Has a job executed where it belongs.
pub(crate) async fn dispatch(node: &Arc<Node>, mut job: Job) -> Result<Answer, Fault> {
    let app = node.apps.get(&job.call.tenant, &job.call.app)?;
    let (reads, writes) = Task::of(&app, &job.call.target)?.states();
    let main = job.call.session.as_ref().and_then(|session| {
        let (part, states) = Parts::of(&app.spec, &reads, &writes, session).main?;
        let held = states.iter().any(|state| job.envelopes.contains_key(state));
        Some((session.clone(), part, held))
    });
    let home = |node: &Node| match &main {
        Some((_, _, true)) => Some(Home::InClient(None)),
        Some((session, part, false)) => Some(node.forwards.home(session, *part)),
        None => None,
    };
    let mut target = node
        .dispatcher
        .place(&node.name, &job, &app.spec, home(node).as_ref())?;
    while job.call.hops < MAX_HOPS {
        let (since, sent) = (Instant::now(), node.dispatcher.send(&target));
        let answer = if target == node.name {
            execute(node, &job).await?
        } else {
            job.call.hops += 1;
            forward(node, &target, &job).await?
        };
        drop(sent);
        target = match answer {
            Answer::Invoked(ref invoked, ..) => {
                // A reply that was kept says nothing of how long an execution takes.
                if !invoked.replayed {
                    node.dispatcher
                        .learn(&job, &invoked.node, since, invoked.execution_us);
                }
                return Ok(answer);
            }
            Answer::Elsewhere(home) => {
                if let Some((session, part, _)) = &main {
                    node.forwards.learn(session, *part, &home);
                }
                node.dispatcher.place(&node.name, &job, &app.spec, Some(&home))?
            }
            Answer::TakeTurn(at) => {
                job.call.turn = true;
                at
            }
        };
    }
    Err(Fault::overloaded("the invocation was forwarded too often"))
}

/// Has a job executed on another node.
async fn forward(node: &Node, to: &NodeName, job: &Job) -> Result<Answer, Fault> {
    let (response, body) = ask(node, to, job).await?;
    let mut body = body.into_iter();
    match response {
        Response::Invoked(invoked) => {
            let output = body.next().unwrap_or_default();
            let envelopes = invoked.envelopes.iter().cloned().zip(body).collect();
            Ok(Answer::Invoked(*invoked, output, envelopes))
        }
        Response::Elsewhere(home) => Ok(Answer::Elsewhere(home)),
        Response::TakeTurn(at) => Ok(Answer::TakeTurn(at)),
        other => Err(Fault::internal(format!(
            "{to} answers an invocation with {other:?}"
        ))),
    }
}

/// Sends a job to another node.
pub(crate) async fn ask(node: &Node, to: &NodeName, job: &Job) -> Result<(Response, Vec<Bytes>), Fault> {
    let mut call = job.call.clone();
    call.envelopes = job.envelopes.keys().cloned().collect();
    let deadline = Instant::now() + call.deadline.since(node.clock.now());
    let mut body = vec![job.input.clone()];
    body.extend(job.envelopes.values().cloned());
    exchange(node, to, &peer::Request::Invoke(Box::new(call)), body, deadline).await
}

/// Sends a request without a body to another node.
pub(crate) async fn tell(node: &Node, to: &NodeName, request: &peer::Request) -> Result<(), Fault> {
    exchange(node, to, request, Vec::new(), Instant::now() + DEFAULT_DEADLINE)
        .await
        .map(drop)
}

/// Sends a request to another node; a refusal is a fault.
pub(crate) async fn exchange(
    node: &Node,
    to: &NodeName,
    request: &peer::Request,
    body: Vec<Bytes>,
    deadline: Instant,
) -> Result<(Response, Vec<Bytes>), Fault> {
    let message = Message {
        head: peer::encode(request).into(),
        body,
    };
    let answer = node.peers()?.call(to, message, deadline).await?;
    let response = peer::decode(&answer.head).map_err(|error| {
        Fault::new(
            Kind::Unavailable,
            format!("{to} answers with {error}"),
            "update it",
        )
    })?;
    match response {
        Response::Refused(problem, states) => Err(Fault::with_envelopes(
            problem,
            states.into_iter().zip(answer.body).collect(),
        )),
        response => Ok((response, answer.body)),
    }
}
