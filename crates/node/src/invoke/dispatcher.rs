//! The choice of a node, by what this node knows of the others.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use fogline_core::application::Application;
use fogline_core::dispatch::{
    self, Choice, Circuit, Decision, Map, Offer, Request, RetryBudget, Standing, View,
};
use fogline_core::model::{Birth, Bytes, ExecutionModel, NodeName, Seconds, SessionId, StateName};
use fogline_core::network::VertexId;
use fogline_core::policy::{LoadNet, Placement};
use fogline_core::session::Home;
use fogline_core::telemetry::{FunctionKey, PathFigures, Telemetry};
use fogline_protocol::api::Because;
use fogline_protocol::peer::Target;
use fogline_protocol::problem::Kind;

use super::Job;
use crate::decisions::Decisions;
use crate::fault::Fault;

/// Spreads turns over all bits of a draw: 2^64 over the golden ratio.
const ODD: u64 = 0x9E37_79B9_7F4A_7C15;
/// Sessions whose states' sizes are remembered; beyond it all are forgotten, and learnt from their next answers.
const MAX_SESSIONS: usize = 65_536;

/// Chooses nodes by the map, by what they say of themselves, and by what this node has seen of them.
pub(crate) struct Dispatcher {
    known: Mutex<Known>,
    /// What times in the view count from.
    origin: Instant,
    /// What gets each decision, if something does.
    log: Option<Decisions>,
}

struct Known {
    view: View,
    /// Of nodes that are away or draining, by what is said of them.
    standings: BTreeMap<NodeName, Standing>,
    /// Of nodes that did not answer lately.
    circuits: BTreeMap<NodeName, Circuit>,
    retries: RetryBudget,
    /// How large the states of sessions were, when they were last heard of.
    sizes: HashMap<SessionId, BTreeMap<Birth, Sizes>>,
}

/// Sizes of states that are set.
pub(crate) type Sizes = BTreeMap<StateName, Bytes>;

/// An invocation that needs a node.
pub(super) struct Wanted<'a> {
    pub(super) job: &'a Job,
    pub(super) app: &'a Application,
    /// The part that it works on, if it has states.
    pub(super) part: Option<Birth>,
    /// Where that is.
    pub(super) home: Option<&'a Home>,
    /// Nodes that cannot execute it yet.
    pub(super) behind: &'a [NodeName],
}

/// One execution that was sent to a node and that this node has not heard of yet.
pub(super) struct Sent<'a> {
    dispatcher: &'a Dispatcher,
    pub(super) node: NodeName,
    since: Instant,
    /// Whether the node has answered.
    answered: bool,
}

impl Sent<'_> {
    /// Takes up that the node has answered, and, if it was executed now, what that tells of the node that did: how long
    /// executions take is what the map says, as times that only some nodes have been measured by are not compared with
    /// those of the others.
    pub(super) fn answered(mut self, job: &Job, executed_by: Option<&NodeName>) {
        self.answered = true;
        let now = Instant::now();
        let (took, at) = (now - self.since, now - self.dispatcher.origin);
        let mut known = self.dispatcher.known();
        known.view.heard_of(&self.node);
        known.reached(&self.node);
        if let Some((by, key)) = executed_by.zip(key(job)) {
            known.view.answered(by, &key, took, at);
        }
    }
}

impl Drop for Sent<'_> {
    fn drop(&mut self) {
        if !self.answered {
            self.dispatcher.known().view.heard_of(&self.node);
        }
    }
}

impl Dispatcher {
    /// `here` is where requests of this node's clients enter the network.
    pub(crate) fn new(map: Arc<Map>, here: VertexId, log: Option<Decisions>) -> Self {
        let known = Known {
            view: View::new(map, here),
            standings: BTreeMap::new(),
            circuits: BTreeMap::new(),
            retries: RetryBudget::default(),
            sizes: HashMap::new(),
        };
        Self {
            known: Mutex::new(known),
            origin: Instant::now(),
            log,
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
        known.settle_as_before(node, self.origin.elapsed());
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
        let known = self.settled(is_closed);
        dispatch::nearest(&known.view).cloned()
    }

    /// The node that should own a session of this node's clients; `None` if none takes new sessions.
    pub(crate) fn owner(&self, app: &Application) -> Option<NodeName> {
        let known = self.settled(is_closed);
        dispatch::owner(&known.view, &LoadNet::default(), app).cloned()
    }

    /// The nodes that run functions and are to be sent something.
    pub(crate) fn ready(&self) -> Vec<NodeName> {
        let known = self.settled(is_closed);
        let machines = known.view.map().machines().iter();
        let names = machines.map(|machine| &machine.name);
        names.filter(|name| known.view.is_up(name)).cloned().collect()
    }

    /// What is known now; `sends` says whether something is sent to a node that has not answered of late.
    fn settled(&self, sends: impl Fn(&mut Circuit, Duration) -> bool) -> MutexGuard<'_, Known> {
        let mut known = self.known();
        if known.circuits.is_empty() {
            return known;
        }
        let now = self.origin.elapsed();
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

    /// Takes up that a node is sent a job, `again` if it was sent before.
    pub(super) fn send(&self, node: NodeName, again: bool) -> Sent<'_> {
        self.sent(self.known(), node, again)
    }

    /// Takes up that the node that should execute a job is sent it.
    pub(super) fn send_to_best(
        &self,
        this: &NodeName,
        wanted: &Wanted<'_>,
        again: bool,
    ) -> Result<Sent<'_>, Fault> {
        if let Some(node) = given(this, wanted) {
            return Ok(self.send(node, again));
        }
        let mut known = self.settled(Circuit::admits);
        let node = self.best(&mut known, this, wanted)?;
        Ok(self.sent(known, node, again))
    }

    fn sent(&self, mut known: MutexGuard<'_, Known>, node: NodeName, again: bool) -> Sent<'_> {
        known.view.sent(&node);
        if !again {
            known.retries.sent();
        }
        Sent {
            dispatcher: self,
            node,
            since: Instant::now(),
            answered: false,
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
        self.known().reached(node);
    }

    /// Whether a job may be sent once more, after a node did not answer.
    pub(super) fn may_retry(&self) -> bool {
        self.known().retries.take()
    }

    /// Takes up how large a session's states are.
    pub(super) fn measured(&self, session: &SessionId, part: Birth, sizes: Sizes) {
        let mut known = self.known();
        if let Some(parts) = known.sizes.get_mut(session) {
            parts.insert(part, sizes);
            return;
        }
        if known.view.map().machines().len() < 2 {
            return;
        }
        if known.sizes.len() >= MAX_SESSIONS {
            known.sizes.clear();
        }
        known
            .sizes
            .insert(session.clone(), BTreeMap::from([(part, sizes)]));
    }

    /// Whether several nodes run functions. If not, nothing depends on how large states are.
    pub(super) fn has_choice(&self) -> bool {
        self.known().view.map().machines().len() > 1
    }

    /// The node that should execute a job.
    pub(super) fn place(&self, this: &NodeName, wanted: &Wanted<'_>) -> Result<NodeName, Fault> {
        match given(this, wanted) {
            Some(node) => Ok(node),
            None => self.best(&mut self.settled(Circuit::admits), this, wanted),
        }
    }

    fn best(&self, known: &mut Known, this: &NodeName, wanted: &Wanted<'_>) -> Result<NodeName, Fault> {
        let key = key(wanted.job).ok_or_else(|| Fault::internal("only invocations are placed"))?;
        if let Some((node, _)) = bound(&known.view, wanted, &key) {
            return Ok(node);
        }
        wanted.behind.iter().for_each(|node| known.settle(node, false));
        let mut chosen = self.choose(known, wanted, &key);
        if chosen.is_none() && known.is_draining(this) {
            chosen = self.though_draining(known, this, |known| self.choose(known, wanted, &key));
        }
        for node in wanted.behind {
            // The next job may be of another application.
            known.settle_as_before(node, self.origin.elapsed());
        }
        chosen.ok_or_else(|| nobody(wanted))
    }

    fn choose(&self, known: &mut Known, wanted: &Wanted<'_>, key: &FunctionKey) -> Option<NodeName> {
        let placement = wanted.app.placement;
        let chosen = self.decide(known, wanted, key, |view, request| {
            let turn = view.next_turn(key, request.turn);
            let request = drawn(Request { turn, ..*request });
            let record = self
                .log
                .as_ref()
                .and_then(|_| dispatch::record(view, placement, &request));
            let chosen = dispatch::choose(view, placement, &request).map(|chosen| Choice {
                node: chosen.node.clone(),
                score_seconds: chosen.score,
            });
            if let (Some(log), Some(record)) = (&self.log, record) {
                log.log(wanted.job.call.now, record, chosen.clone());
            }
            chosen.map(|chosen| chosen.node)
        });
        chosen.flatten()
    }

    /// What [`Self::place`] would do next, and why. Nothing changes by it.
    pub(super) fn explain(&self, this: &NodeName, wanted: &Wanted<'_>) -> Result<(Because, Decision), Fault> {
        let key = key(wanted.job).ok_or_else(|| Fault::internal("only invocations are explained"))?;
        let mut known = self.settled(is_closed);
        let bound = bound(&known.view, wanted, &key);
        let mut decision = self.weigh(&mut known, wanted, &key)?;
        let Some((node, because)) = bound else {
            if decision.chosen.is_none() && known.is_draining(this) {
                decision = self.though_draining(&mut known, this, |known| self.weigh(known, wanted, &key))?;
            }
            return Ok((Because::Policy, decision));
        };
        decision.chosen = Some(node);
        Ok((because, decision))
    }

    /// Decides with this node among those that take something new: what nobody else can do, it does until it stops, as
    /// refusing it would help nobody.
    fn though_draining<T>(
        &self,
        known: &mut Known,
        this: &NodeName,
        decide: impl FnOnce(&mut Known) -> T,
    ) -> T {
        known.view.stand(this, Standing::Up);
        let decided = decide(known);
        known.settle_as_before(this, self.origin.elapsed());
        decided
    }

    fn weigh(&self, known: &mut Known, wanted: &Wanted<'_>, key: &FunctionKey) -> Result<Decision, Fault> {
        let decision = self.decide(known, wanted, key, |view, request| {
            let turn = view.coming_turn(key, request.turn);
            let request = drawn(Request { turn, ..*request });
            dispatch::place(view, wanted.app.placement, &request)
        });
        decision.flatten().ok_or_else(|| nobody(wanted))
    }

    /// What a session's invocations, were they as this one, are reckoned to take at each node: a mean over where they
    /// come in, which `shares` says. The session's states are taken to be at whichever node that is.
    pub(crate) fn offers(&self, job: &Job, app: &Application, shares: &[(NodeName, f64)]) -> Vec<Offer> {
        let Some(key) = key(job) else {
            return Vec::new();
        };
        let wanted = Wanted {
            job,
            app,
            part: None,
            home: None,
            behind: &[],
        };
        let mut known = self.settled(is_closed);
        let decisions = self.decide(&mut known, &wanted, &key, |view, request| {
            let mut of = |(entry, share): &(NodeName, f64)| {
                let client = view.map().place_of(entry)?;
                let model = ExecutionModel::InFunction;
                let request = Request {
                    client,
                    model,
                    ..*request
                };
                Some((*share, dispatch::place(view, Placement::ModelAware, &request)?))
            };
            shares.iter().filter_map(&mut of).collect::<Vec<_>>()
        });
        dispatch::offers(&decisions.unwrap_or_default())
    }

    /// How long it takes to bring a session of this size from here to a node: three calls, one of which carries it.
    pub(crate) fn bringing(&self, bytes: Bytes, to: &NodeName) -> Seconds {
        const CALLS: u32 = 3;
        let known = self.known();
        let (map, here) = (known.view.map(), known.view.here());
        let Some(at) = map.place_of(to) else {
            return Seconds::ZERO;
        };
        let (there, back) = (map.routes().path(here, at), map.routes().path(at, here));
        there.time(CALLS, bytes) + back.time(CALLS, Bytes::ZERO)
    }

    /// Has something decided on a job, by what is known; `None` for a function that is not there. Draw and turn of the
    /// request are those of a first invocation.
    fn decide<T>(
        &self,
        known: &mut Known,
        wanted: &Wanted<'_>,
        key: &FunctionKey,
        decide: impl FnOnce(&mut View, &Request<'_>) -> T,
    ) -> Option<T> {
        let Wanted {
            job, app, part, home, ..
        } = wanted;
        let function = app.functions.get(&key.function)?;
        let Known { view, sizes, .. } = known;
        let sizes = part.and_then(|part| sizes.get(job.call.session.as_ref()?)?.get(&part));
        let home_node = home.and_then(Home::node);
        let home_at = home_node.and_then(|node| view.map().place_of(node));
        let request = Request {
            key,
            app,
            function,
            input: Bytes(job.input.len() as u64),
            states: sizes.unwrap_or(&UNKNOWN),
            client: view.here(),
            home: home_at.unwrap_or(view.here()),
            model: home.map_or(app.model, Home::model),
            draw: job.call.seed,
            turn: job.call.seed,
            now: self.origin.elapsed(),
        };
        Some(decide(view, &request))
    }
}

/// Whether something is sent to a node as a matter of course; nothing changes by asking.
fn is_closed(circuit: &mut Circuit, now: Duration) -> bool {
    !circuit.is_open(now)
}

/// Sizes of a session of which nothing was heard.
static UNKNOWN: Sizes = BTreeMap::new();

/// The node that executes a job whatever is known of nodes, if there is one.
fn given(this: &NodeName, wanted: &Wanted<'_>) -> Option<NodeName> {
    match (wanted.home, &wanted.job.call.target) {
        (Some(Home::InFunction(owner)), _) => Some(owner.clone()),
        (_, Target::Function(_)) => None,
        _ => Some(this.clone()),
    }
}

/// The node that executes a job whatever the policy says, if there is one.
fn bound(view: &View, wanted: &Wanted<'_>, key: &FunctionKey) -> Option<(NodeName, Because)> {
    if let Some(Home::InFunction(owner)) = wanted.home {
        return Some((owner.clone(), Because::Owner));
    }
    let function = wanted.app.functions.get(&key.function)?;
    match view.map().machines() {
        [only] if function.requires.is_empty() => Some((only.name.clone(), Because::OnlyNode)),
        _ => None,
    }
}

/// A retry has the seed of the first attempt, and should not be bound to its nodes.
fn drawn(request: Request<'_>) -> Request<'_> {
    Request {
        draw: request.draw ^ request.turn.wrapping_mul(ODD),
        ..request
    }
}

fn nobody(wanted: &Wanted<'_>) -> Fault {
    let target = &wanted.job.call.target;
    let function = match target {
        Target::Function(name) => wanted.app.functions.get(name),
        _ => None,
    };
    let mut required = function.map_or_else(Vec::new, |function| function.requires.clone());
    required.extend(function.map(|function| format!("{} of memory", function.limits.memory)));
    Fault::new(
        Kind::Unavailable,
        format!(
            "no node that answers can run {target}, which requires {}",
            required.join(", ")
        ),
        "add a node that has it, or require less",
    )
}

impl Known {
    fn reached(&mut self, node: &NodeName) {
        if self.circuits.remove(node).is_some() {
            self.settle(node, true);
        }
    }

    fn is_draining(&self, node: &NodeName) -> bool {
        self.standings.get(node) == Some(&Standing::Draining)
    }

    /// A node stands as is said of it and of its circuit, which is asked for nothing.
    fn settle_as_before(&mut self, node: &NodeName, now: Duration) {
        let sends = self
            .circuits
            .get_mut(node)
            .is_none_or(|circuit| is_closed(circuit, now));
        self.settle(node, sends);
    }

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
