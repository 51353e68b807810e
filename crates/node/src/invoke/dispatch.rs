//! From an admitted invocation to the node that executes it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use fogline_core::model::{Birth, NodeName, Timestamp};
use fogline_core::session::Home;
use fogline_protocol::peer::{Request, Response};
use fogline_protocol::problem;
use futures_util::future::select_ok;

use super::dispatcher::Wanted;
use super::exchange::{Answered, Failed, ask, exchange, relay};
use super::parts::{Parts, record_key};
use super::{Answer, ClientPlace, Job, execute};
use crate::apps::Deployed;
use crate::failover;
use crate::fault::Fault;
use crate::follow;
use crate::locate::{PATIENCE, locate};
use crate::node::Node;
use crate::trace::Kind;

/// How often an invocation may be forwarded.
pub(crate) const MAX_HOPS: u8 = 8;
/// An owner that has not answered for so long is watched: a round trip and a short execution take less.
const WATCHED_AFTER: Duration = Duration::from_millis(50);
/// Between two looks at the life of an owner that lived, or of which nothing could be learnt.
const WATCHED_AGAIN: Duration = Duration::from_millis(200);

/// Has a job executed where it belongs.
pub(crate) fn dispatch(node: &Arc<Node>, job: Job) -> impl Future<Output = Result<Answer, Fault>> {
    dispatch_to(node, job, None)
}

/// Has a job executed at a node, or, if its session is elsewhere, there.
pub(crate) fn dispatch_at(
    node: &Arc<Node>,
    job: Job,
    at: &NodeName,
) -> impl Future<Output = Result<Answer, Fault>> {
    dispatch_to(node, job, Some(at.clone()))
}

/// The node that should execute a job, if not one of those that are `behind`.
pub(crate) fn whereto(node: &Node, job: &Job, behind: &[NodeName]) -> Result<NodeName, Fault> {
    let app = node.apps.get(&job.call.tenant, &job.call.app)?;
    let main = Main::of(node, &app, job)?;
    let wanted = Wanted {
        job,
        app: &app.spec,
        part: main.as_ref().map(|main| main.part),
        home: main.as_ref().map(|main| &main.home),
        behind,
    };
    node.dispatcher.place(&node.name, &wanted)
}

/// Sends a node something that it answers by saying that it has it.
pub(crate) async fn send(
    node: &Node,
    to: &NodeName,
    request: &Request,
    body: Vec<Bytes>,
    deadline: Timestamp,
) -> Result<(), Fault> {
    let deadline = Instant::now() + deadline.since(node.clock.now());
    match exchange(node, to, request, body, deadline).await {
        Ok((Response::Done, _)) => Ok(()),
        Ok((other, _)) => Err(Fault::internal(format!("{to} answers {other:?}"))),
        Err(Failed::Refused(fault)) => Err(fault),
        Err(Failed::Unreached(fault)) => {
            node.dispatcher.unreached(to);
            Err(fault)
        }
    }
}

/// The part of its session on which a job works.
struct Main {
    part: Birth,
    /// Whether the client has sent it.
    held: bool,
    /// Where it is, as far as this node knows.
    home: Home,
}

impl Main {
    fn of(node: &Node, app: &Deployed, job: &Job) -> Result<Option<Self>, Fault> {
        let main = Parts::main_of(app, job)?.zip(job.call.session.as_ref());
        Ok(main.map(|((part, _), session)| {
            // Whoever sends envelopes holds the session.
            let held = ClientPlace::is_held(app, job, part);
            let home = if held {
                Home::InClient(None)
            } else {
                node.forwards.home(session, part)
            };
            Self { part, held, home }
        }))
    }
}

async fn dispatch_to(node: &Arc<Node>, mut job: Job, first: Option<NodeName>) -> Result<Answer, Fault> {
    let mut span = node.tracer.of(&mut job.call, Kind::Internal, "dispatch");
    let answer = find_and_execute(node, job, first).await;
    span.gave(&answer);
    answer
}

async fn find_and_execute(node: &Arc<Node>, mut job: Job, first: Option<NodeName>) -> Result<Answer, Fault> {
    let mut app = node.apps.get(&job.call.tenant, &job.call.app)?;
    let main = Main::of(node, &app, &job)?;
    let main_part = main.as_ref().map(|main| main.part);
    let mut search = Search {
        node,
        // What is with the client cannot be anywhere else.
        part: main.as_ref().and_then(|main| (!main.held).then_some(main.part)),
        home: main.map(|main| main.home),
        at: first,
        located: false,
        behind: Vec::new(),
    };
    let mut failed = None;
    while job.call.hops < MAX_HOPS {
        let again = failed.is_some();
        let sent = match search.at.take() {
            Some(at) => node.dispatcher.send(at, again),
            None => {
                let wanted = Wanted {
                    job: &job,
                    app: &app.spec,
                    part: main_part,
                    home: search.home.as_ref(),
                    behind: &search.behind,
                };
                let sent = node.dispatcher.send_to_best(&node.name, &wanted, again);
                sent.map_err(|fault| failed.take().unwrap_or(fault))?
            }
        };
        // A client's envelopes say where it is better than this node does.
        job.call.home = search.part.and(search.home.clone());
        let here = sent.node == node.name;
        let answer = if here {
            execute(node, &app, &job).await.map_err(Failed::Refused)
        } else {
            job.call.hops += 1;
            // Boxed like all that most invocations do without: they need not carry it.
            Box::pin(search.forward(&sent.node, &job)).await
        };
        match answer {
            Ok(Answer::Invoked(mut invoked, output, envelopes)) => {
                // A reply that was kept says nothing of how long an execution takes, nor of how states are now.
                sent.answered(&job, (!invoked.replayed).then_some(&invoked.node));
                if here {
                    follow::asked(node, &job, &invoked, &node.name);
                }
                if let (false, Some(session), Some(part)) = (invoked.replayed, &job.call.session, main_part) {
                    let sizes = std::mem::take(&mut invoked.states).into_iter().collect();
                    node.dispatcher.measured(session, part, sizes);
                }
                return Ok(Answer::Invoked(invoked, output, envelopes));
            }
            Ok(Answer::Elsewhere(home)) => search.is_at(&job, home),
            Ok(Answer::TakeTurn(at)) => {
                job.call.turn = true;
                search.at = Some(at);
            }
            Err(failure) => {
                let target = sent.node.clone();
                drop(sent);
                match Box::pin(search.after(&job, &target, failure)).await {
                    Ok(fault) => failed = Some(fault),
                    Err(fault) => return Box::pin(search.relayed(&job)).await.unwrap_or(Err(fault)),
                }
            }
        }
        // Another version may have come meanwhile.
        app = node.apps.get(&job.call.tenant, &job.call.app)?;
    }
    Err(failed.unwrap_or_else(|| Fault::overloaded("the invocation was forwarded too often")))
}

/// Where an invocation is to go.
struct Search<'a> {
    node: &'a Arc<Node>,
    /// The part whose home decides, unless its client holds it.
    part: Option<Birth>,
    /// Where that is, as far as is known.
    home: Option<Home>,
    /// The node that must be asked next, whatever would be chosen.
    at: Option<NodeName>,
    /// Whether all nodes have been asked for the session.
    located: bool,
    /// Nodes that do not have the application yet, or not the version that the session needs.
    behind: Vec<NodeName>,
}

impl Search<'_> {
    fn is_at(&mut self, job: &Job, home: Home) {
        if let (Some(session), Some(part)) = (&job.call.session, self.part) {
            self.node.forwards.learn(session, part, &home);
        }
        self.home = Some(home);
    }

    /// Has a job executed on another node. An owner of this node's site is waited for while it lives, and no longer.
    async fn forward(&self, target: &NodeName, job: &Job) -> Result<Answer, Failed> {
        let owned = self.home == Some(Home::InFunction(target.clone()));
        tokio::select! {
            answer = forward(self.node, target, job) => answer,
            fault = outlived(self.node, target), if owned => Err(Failed::Unreached(fault)),
        }
    }

    /// What a node answers that reaches the session's records, when this one does not; `None` if there is no such node.
    async fn relayed(&self, job: &Job) -> Option<Result<Answer, Fault>> {
        let keeper = self.home.as_ref()?.node().filter(|_| self.located)?;
        if *keeper == self.node.name
            || self
                .node
                .homes
                .site()
                .is_some_and(|site| site.of(keeper).is_some())
        {
            return None;
        }
        let by = reaches(self.node, keeper).await?;
        let mut job = job.clone();
        job.call.home.clone_from(&self.home);
        job.call.hops += 1;
        let answered = relay(self.node, &by, &job).await;
        let answer = answered.and_then(|answered| read(&by, answered));
        Some(answer.map_err(Fault::from))
    }

    /// Where the session is now, if it was with an owner of this site that is lost.
    async fn taken(&self, job: &Job, part: Birth) -> Result<Option<Home>, Fault> {
        match &self.home {
            Some(home) => failover::take(self.node, job, part, home).await,
            None => Ok(None),
        }
    }

    /// Where the session is, if not where it was thought to be and nobody answers.
    async fn found_elsewhere(&self, job: &Job, part: Birth) -> Option<Home> {
        let (call, home) = (&job.call, self.home.as_ref()?);
        let key = record_key(&call.tenant, &call.app, call.session.as_ref()?, part, home);
        locate(self.node, &key).await.filter(|found| found != home)
    }

    /// What to do after a failure: go on, if this returns what failed.
    async fn after(&mut self, job: &Job, target: &NodeName, failure: Failed) -> Result<Fault, Fault> {
        let (fault, unreached) = match failure {
            Failed::Unreached(fault) => (fault, true),
            Failed::Refused(fault) => (fault, false),
        };
        if unreached {
            self.node.dispatcher.unreached(target);
        }
        let bound = matches!(self.home, Some(Home::InFunction(_)));
        if fault.problem().kind == problem::Kind::RollingOut && !bound && !self.behind.contains(target) {
            self.behind.push(target.clone());
            return Ok(fault);
        }
        let gone = unreached || fault.problem().kind == problem::Kind::Unavailable;
        let cut_off = |home: &Home| self.node.homes.is_cut_off_from(home);
        let gone = gone && !self.home.as_ref().is_some_and(cut_off);
        if let Some(part) = self.part.filter(|_| gone && !self.located) {
            self.located = true;
            if let Some(found) = self
                .taken(job, part)
                .await
                .map_err(|why| if unreached { why } else { fault.clone() })?
            {
                self.is_at(job, found);
                return Ok(fault);
            }
            // If the session has left whoever does not answer, another node has it.
            if let Some(found) = self.found_elsewhere(job, part).await {
                self.is_at(job, found);
                return Ok(fault);
            }
        }
        if unreached && !bound && self.node.dispatcher.may_retry() {
            return Ok(fault);
        }
        Err(fault)
    }
}

/// A node of the site of one that does not answer.
async fn reaches(node: &Node, keeper: &NodeName) -> Option<NodeName> {
    let request = Request::Reaches(keeper.clone());
    let others = node.others().into_iter().filter(|other| other != keeper);
    let asked = others.map(|other| {
        let request = &request;
        Box::pin(async move {
            let until = Instant::now() + PATIENCE;
            match exchange(node, &other, request, Vec::new(), until).await {
                Ok((Response::Done, _)) => Ok(other),
                _ => Err(()),
            }
        })
    });
    let asked: Vec<_> = asked.collect();
    if asked.is_empty() {
        return None;
    }
    select_ok(asked).await.ok().map(|(other, _)| other)
}

/// Waits until the life of an owner is over, for as long as it takes; if it is of another site, for ever.
pub(crate) async fn outlived(node: &Node, owner: &NodeName) -> Fault {
    let Some(site) = node.homes.site() else {
        return std::future::pending().await;
    };
    tokio::time::sleep(WATCHED_AFTER).await;
    // One that has joined a moment ago is of the site too.
    while site.find(owner).await.is_none() || site.contest(owner).await.is_err() {
        tokio::time::sleep(WATCHED_AGAIN).await;
    }
    Fault::new(
        problem::Kind::Unavailable,
        format!("{owner}, which owned the session, is silent"),
        "send the request again under the same key: if it was executed, its reply is kept",
    )
}

/// Has a job executed on another node.
async fn forward(node: &Node, to: &NodeName, job: &Job) -> Result<Answer, Failed> {
    read(to, ask(node, to, job).await?)
}

/// What a node has answered to a job.
fn read(from: &NodeName, (response, body): Answered) -> Result<Answer, Failed> {
    let mut body = body.into_iter();
    match response {
        Response::Invoked(invoked) => {
            let output = body.next().unwrap_or_default();
            let envelopes = invoked.envelopes.iter().cloned().zip(body).collect();
            Ok(Answer::Invoked(*invoked, output, envelopes))
        }
        Response::Elsewhere(home) => Ok(Answer::Elsewhere(home)),
        Response::TakeTurn(at) => Ok(Answer::TakeTurn(at)),
        other => Err(Failed::Refused(Fault::internal(format!(
            "{from} answers an invocation with {other:?}"
        )))),
    }
}
