//! Steps that send their outputs on, from node to node, without coming back to the node that was asked for the run.
//!
//! A node that takes a step says so at once. It executes it, sends the output to the steps that need nothing else, and
//! to the record of the run what that needs ([`super::gather`]). What a client holds goes along; all other states stay
//! where they are. Nothing is promised: whoever loses a step is not missed, because the record fires it again.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use fogline_core::dispatch::pause_after;
use fogline_core::model::{NodeName, StateName, StepName};
use fogline_core::session::Refusal;
use fogline_core::workflow::{ReadyStep, Run};
use fogline_protocol::peer::{Arrival, Hop, Request, Response, Shown, Ticket};
use fogline_protocol::problem::{Kind, Problem};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};

use super::steps::{self, Common};
use crate::admit::Scope;
use crate::fault::Fault;
use crate::invoke::{send, whereto};
use crate::node::Node;
use crate::random;
use crate::trace;

/// Steps that are executed here, or wait for it.
const MAX_UNDER_WAY: usize = 1024;
/// Arrivals that a run has not taken up; whoever brings more waits.
const MAX_ARRIVALS: usize = 64;

/// What a node has to do with runs whose steps call each other.
pub(crate) struct Hops {
    room: Arc<Semaphore>,
    /// The runs that are recorded here, by number.
    records: Arc<Records>,
    /// The steps that are executed here: one that is fired again meanwhile is under way already.
    under_way: Mutex<HashSet<(u64, StepName)>>,
}

type Records = Mutex<HashMap<u64, mpsc::Sender<Arrived>>>;

/// What has come of a step.
pub(crate) struct Arrived {
    pub(super) step: StepName,
    /// Its output, or why there is none.
    pub(super) output: Result<Bytes, Problem>,
    /// The newest that was shown on the way.
    pub(super) shown: Option<Shown>,
    /// Envelopes that were made on the way, and by which step of the workflow.
    pub(super) envelopes: Vec<(StateName, u32, Bytes)>,
}

/// Where what arrives for a run is taken up, until this is dropped.
pub(super) struct Desk {
    pub(super) ticket: Ticket,
    pub(super) arrivals: mpsc::Receiver<Arrived>,
    records: Arc<Records>,
}

impl Drop for Desk {
    fn drop(&mut self) {
        lock(&self.records).remove(&self.ticket.number);
    }
}

impl Default for Hops {
    fn default() -> Self {
        Self {
            room: Arc::new(Semaphore::new(MAX_UNDER_WAY)),
            records: Arc::default(),
            under_way: Mutex::default(),
        }
    }
}

/// A step that is executed here, until this is dropped.
struct UnderWay<'a> {
    hops: &'a Hops,
    step: (u64, StepName),
}

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        self.hops.under_way().remove(&self.step);
    }
}

impl Hops {
    /// Begins with a step, unless it is under way.
    fn begin(&self, errand: &Errand) -> Option<UnderWay<'_>> {
        let step = (errand.ticket.number, errand.step.name.clone());
        let is_new = self.under_way().insert(step.clone());
        // Made only then: what is dropped ends the one that is under way.
        is_new.then(|| UnderWay { hops: self, step })
    }

    fn under_way(&self) -> MutexGuard<'_, HashSet<(u64, StepName)>> {
        self.under_way.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Opens a desk of this node.
    pub(super) fn open(&self, node: &NodeName) -> Desk {
        let (sender, arrivals) = mpsc::channel(MAX_ARRIVALS);
        // Random, so that what was sent to a run of before a restart comes to none.
        let number = u64::from_be_bytes(random::bytes());
        lock(&self.records).insert(number, sender);
        Desk {
            ticket: Ticket {
                node: node.clone(),
                number,
            },
            arrivals,
            records: Arc::clone(&self.records),
        }
    }

    /// Brings something to a run. One that has ended needs nothing any more.
    pub(crate) async fn deliver(&self, number: u64, arrived: Arrived) {
        let record = lock(&self.records).get(&number).cloned();
        if let Some(record) = record {
            // It may end meanwhile.
            let _ = record.send(arrived).await;
        }
    }
}

fn lock(records: &Records) -> MutexGuard<'_, HashMap<u64, mpsc::Sender<Arrived>>> {
    records.lock().unwrap_or_else(PoisonError::into_inner)
}

/// An envelope on its way, and the step that made it; none for what the client has sent.
#[derive(Clone)]
pub(super) struct Envelope {
    pub(super) sealed: Bytes,
    pub(super) by: Option<u32>,
}

/// A step on its way to a node.
#[derive(Clone)]
pub(super) struct Errand {
    pub(super) common: Common,
    pub(super) ticket: Ticket,
    /// The run without what is known to its record only.
    pub(super) plan: Arc<Run>,
    pub(super) step: ReadyStep,
    /// The newest that was shown by the steps before it.
    pub(super) shown: Option<Shown>,
    pub(super) envelopes: BTreeMap<StateName, Envelope>,
}

/// Has a step executed where it belongs. Nobody waits for it: what comes of it arrives at the run's record.
pub(super) fn fire(node: &Arc<Node>, errand: Errand) {
    let it = Arc::clone(node);
    until_deadline(
        node,
        &errand.common.clone(),
        async move { errand.bring(&it).await },
    );
}

/// Takes a step that another node has sent.
pub(crate) fn take(node: &Arc<Node>, hop: Hop, mut body: impl Iterator<Item = Bytes>) -> Result<(), Fault> {
    let room = Arc::clone(&node.runs.hops.room).try_acquire_owned();
    let room = room.map_err(|_| Fault::overloaded(format!("{MAX_UNDER_WAY} steps are under way here")))?;
    node.apps.get(&hop.tenant, &hop.app)?;
    let plan = Run::decode(&body.next().unwrap_or_default())
        .map_err(|error| Fault::new(Kind::BadRequest, error.to_string(), "update the older node"))?;
    let input = body.next().unwrap_or_default();
    let step = plan.step(&hop.step, input).ok_or_else(|| {
        let title = format!("a run without the step {} was sent", hop.step);
        Fault::new(Kind::BadRequest, title, "please report this")
    })?;
    let envelopes = hop.envelopes.into_iter().zip(body);
    let errand = Errand {
        common: Common {
            scope: Scope {
                tenant: hop.tenant,
                app: hop.app,
                session: Some(hop.session),
            },
            seen: hop.seen,
            holder: hop.holder,
            deadline: hop.deadline,
            as_of: hop.as_of,
            timeout: hop.timeout,
            trace: hop.trace,
        },
        ticket: hop.ticket,
        plan: Arc::new(plan),
        step,
        shown: hop.shown,
        envelopes: envelopes
            .map(|((state, by), sealed)| (state, Envelope { sealed, by }))
            .collect(),
    };
    let it = Arc::clone(node);
    until_deadline(node, &errand.common.clone(), async move {
        errand.perform(&it, room).await;
    });
    Ok(())
}

/// Takes what another node brings to a run.
pub(crate) async fn arrive(
    node: &Node,
    arrival: Arrival,
    problem: Option<Problem>,
    mut body: impl Iterator<Item = Bytes>,
) -> (Response, Vec<Bytes>) {
    let output = body.next().unwrap_or_default();
    let envelopes = arrival.envelopes.into_iter().zip(body);
    let arrived = Arrived {
        step: arrival.step,
        output: problem.map_or(Ok(output), Err),
        shown: arrival.shown,
        envelopes: envelopes
            .map(|((state, by), sealed)| (state, by, sealed))
            .collect(),
    };
    node.runs.hops.deliver(arrival.number, arrived).await;
    (Response::Done, Vec::new())
}

fn until_deadline(node: &Node, common: &Common, work: impl Future<Output = ()> + Send + 'static) {
    let left = common.deadline.since(node.clock.now());
    let (stopping, trace) = (node.stopping.clone(), common.trace.clone());
    node.tasks.spawn(async move {
        tokio::select! {
            // Too late for whoever asked for the run.
            _ = tokio::time::timeout(left, trace::within(trace, work)) => {}
            () = stopping.cancelled() => {}
        }
    });
}

impl Errand {
    /// Brings the step to the node that should execute it, which may be this one.
    async fn bring(self, node: &Arc<Node>) {
        let mut behind = Vec::new();
        for failures in 1.. {
            let fault = match self.to_node(node, &mut behind).await {
                Ok(None) => return,
                Ok(Some(room)) => return self.perform(node, room).await,
                Err(fault) => fault,
            };
            let pause = pause_after(failures);
            // Why it was not executed says more than that the time is over.
            let in_time = node.clock.now().after(pause) < self.common.deadline;
            if !(fault.problem().kind.retriable() && in_time) {
                return self.fail(node, fault).await;
            }
            tokio::time::sleep(pause).await;
        }
    }

    /// Another node takes the step, or there is room for it here.
    async fn to_node(
        &self,
        node: &Arc<Node>,
        behind: &mut Vec<NodeName>,
    ) -> Result<Option<OwnedSemaphorePermit>, Fault> {
        let at = match whereto(node, &self.job(node)?, behind) {
            Ok(at) => at,
            Err(fault) => {
                // They may not be behind for ever.
                behind.clear();
                return Err(fault);
            }
        };
        if at == node.name {
            let room = Arc::clone(&node.runs.hops.room).acquire_owned().await;
            return Ok(Some(room.map_err(|_| Fault::overloaded("the node stops"))?));
        }
        let mut body = vec![Bytes::from(self.plan.encode()), self.step.input.clone()];
        body.extend(self.envelopes.values().map(|envelope| envelope.sealed.clone()));
        let scope = &self.common.scope;
        let envelopes = self.envelopes.iter();
        let hop = Hop {
            tenant: scope.tenant.clone(),
            app: scope.app.clone(),
            session: scope.session.clone().ok_or(Refusal::NoSession)?,
            step: self.step.name.clone(),
            ticket: self.ticket.clone(),
            deadline: self.common.deadline,
            as_of: self.common.as_of,
            timeout: self.common.timeout,
            trace: self.common.trace.clone(),
            seen: self.common.seen,
            shown: self.shown,
            holder: self.common.holder,
            envelopes: envelopes
                .map(|(state, envelope)| (state.clone(), envelope.by))
                .collect(),
        };
        let request = Request::Hop(Box::new(hop));
        let sent = send(node, &at, &request, body, self.common.deadline).await;
        if let Err(fault) = &sent
            && fault.problem().kind == Kind::RollingOut
        {
            // It does not have the application yet, or not this version.
            behind.push(at);
        }
        sent?;
        Ok(None)
    }

    fn job(&self, node: &Node) -> Result<crate::invoke::Job, Fault> {
        let envelopes = self.envelopes.iter();
        let envelopes = envelopes.map(|(state, envelope)| (state, &envelope.sealed));
        steps::job(node, &self.common, &self.plan, &self.step, envelopes)
    }

    /// All envelopes that it carries.
    fn sealed(&self) -> BTreeMap<StateName, Bytes> {
        let envelopes = self.envelopes.iter();
        envelopes
            .map(|(state, envelope)| (state.clone(), envelope.sealed.clone()))
            .collect()
    }

    /// Executes the step here, or wherever its session has gone meanwhile, and sends its output on.
    async fn perform(mut self, node: &Arc<Node>, room: OwnedSemaphorePermit) {
        let Some(_under_way) = node.runs.hops.begin(&self) else {
            return;
        };
        let ran = match self.job(node) {
            Ok(job) => steps::execute(node, job, self.sealed(), &self.step.name, Some(&node.name)).await,
            Err(fault) => Err(fault),
        };
        drop(room);
        let ran = match ran {
            Ok(ran) => ran,
            Err(fault) => return self.fail(node, fault).await,
        };
        self.keep(ran.envelopes);
        self.shown = Shown::newest(self.shown, ran.shown);
        let output = ran.output;
        let onward = self.plan.onward(&self.step.name, &output);
        for next in onward.next {
            match self.onto(node, next) {
                Ok(errand) => fire(node, errand),
                Err(fault) => return self.fail(node, fault).await,
            }
        }
        if onward.to_record {
            self.report(node, Ok(output)).await;
        }
    }

    /// Keeps the envelopes that this step has made.
    fn keep(&mut self, made: Vec<(StateName, Bytes)>) {
        let by = self.plan.position(&self.step.name);
        let made = made.into_iter();
        self.envelopes
            .extend(made.map(|(state, sealed)| (state, Envelope { sealed, by })));
    }

    /// The next step, with the envelopes that are new, and those that it or what follows it declares.
    pub(super) fn onto(&self, node: &Node, step: ReadyStep) -> Result<Self, Fault> {
        let app = node.apps.get(&self.common.scope.tenant, &self.common.scope.app)?;
        let functions = self.plan.from_here_on(&step.name).into_iter();
        let functions = functions.filter_map(|name| app.spec.functions.get(name));
        let declared: BTreeSet<&StateName> = functions
            .flat_map(|function| function.reads.union(&function.writes))
            .collect();
        let mut next = self.clone();
        next.envelopes
            .retain(|state, envelope| envelope.by.is_some() || declared.contains(state));
        next.step = step;
        Ok(next)
    }

    /// The step cannot be executed, for good.
    async fn fail(mut self, node: &Arc<Node>, fault: Fault) {
        self.keep(fault.envelopes().to_vec());
        let problem = fault.in_step(&self.step.name).problem().clone();
        self.report(node, Err(problem)).await;
    }

    /// Tells the run's record what has come of the step, until it has heard it.
    async fn report(&self, node: &Arc<Node>, output: Result<Bytes, Problem>) {
        let made = self.envelopes.iter();
        let made =
            made.filter_map(|(state, envelope)| Some((state.clone(), envelope.by?, envelope.sealed.clone())));
        let arrived = Arrived {
            step: self.step.name.clone(),
            output,
            shown: self.shown,
            envelopes: made.collect(),
        };
        if self.ticket.node == node.name {
            return node.runs.hops.deliver(self.ticket.number, arrived).await;
        }
        let arrival = Box::new(Arrival {
            number: self.ticket.number,
            step: arrived.step,
            shown: arrived.shown,
            envelopes: arrived
                .envelopes
                .iter()
                .map(|(state, by, _)| (state.clone(), *by))
                .collect(),
        });
        let (request, output) = match arrived.output {
            Ok(output) => (Request::Arrive(arrival), output),
            Err(problem) => (Request::Fail(arrival, problem), Bytes::new()),
        };
        let mut body = vec![output];
        body.extend(arrived.envelopes.into_iter().map(|(.., sealed)| sealed));
        for failures in 1.. {
            let sent = send(
                node,
                &self.ticket.node,
                &request,
                body.clone(),
                self.common.deadline,
            )
            .await;
            let Err(fault) = sent else { return };
            tracing::debug!(to = %self.ticket.node, problem = %fault.problem(), "a run does not hear of a step");
            tokio::time::sleep(pause_after(failures)).await;
        }
    }
}
