//! From an admitted invocation to the node that executes it.

use std::sync::Arc;
use std::time::Instant;

use fogline_core::model::{Birth, NodeName};
use fogline_core::session::Home;
use fogline_protocol::peer::Response;
use fogline_protocol::problem;

use super::exchange::{Failed, ask};
use super::parts::Parts;
use super::{Answer, Job, Task, execute};
use crate::fault::Fault;
use crate::locate::locate;
use crate::node::Node;
use crate::trace::Kind;

/// How often an invocation may be forwarded.
pub(crate) const MAX_HOPS: u8 = 8;

/// Has a job executed where it belongs.
pub(crate) async fn dispatch(node: &Arc<Node>, mut job: Job) -> Result<Answer, Fault> {
    let mut span = node.tracer.of(&mut job.call, Kind::Internal, "dispatch");
    let answer = find_and_execute(node, job).await;
    span.gave(&answer);
    answer
}

async fn find_and_execute(node: &Arc<Node>, mut job: Job) -> Result<Answer, Fault> {
    let app = node.apps.get(&job.call.tenant, &job.call.app)?;
    let (reads, writes) = Task::of(&app, &job.call.target)?.states();
    let main = job.call.session.as_ref().and_then(|session| {
        let (part, states) = Parts::of(&app.spec, &reads, &writes, session).main?;
        // Whoever sends envelopes holds the session.
        let held = states.iter().any(|state| job.envelopes.contains_key(state));
        let home = if held {
            Home::InClient(None)
        } else {
            node.forwards.home(session, part)
        };
        Some((part, held, home))
    });
    let mut search = Search {
        node,
        // What is with the client cannot be anywhere else.
        part: main.as_ref().and_then(|(part, held, _)| (!held).then_some(*part)),
        home: main.map(|(_, _, home)| home),
        turn_at: None,
        located: false,
        behind: Vec::new(),
    };
    let mut failed = None;
    while job.call.hops < MAX_HOPS {
        let target = match search.turn_at.take() {
            Some(at) => at,
            None => {
                match node
                    .dispatcher
                    .place(&node.name, &job, &app.spec, search.home.as_ref(), &search.behind)
                {
                    Ok(target) => target,
                    Err(fault) => return Err(failed.unwrap_or(fault)),
                }
            }
        };
        // A client's envelopes say where it is better than this node does.
        job.call.home = search.part.and(search.home.clone());
        let since = Instant::now();
        let sent = node.dispatcher.send(&target, failed.is_some());
        let answer = if target == node.name {
            execute(node, &job).await.map_err(Failed::Refused)
        } else {
            job.call.hops += 1;
            forward(node, &target, &job).await
        };
        drop(sent);
        match answer {
            Ok(Answer::Invoked(invoked, output, envelopes)) => {
                node.dispatcher.reached(&target);
                // A reply that was kept says nothing of how long an execution takes.
                if !invoked.replayed {
                    node.dispatcher.learn(&job, &invoked.node, since);
                }
                return Ok(Answer::Invoked(invoked, output, envelopes));
            }
            Ok(Answer::Elsewhere(home)) => search.is_at(&job, home),
            Ok(Answer::TakeTurn(at)) => {
                job.call.turn = true;
                search.turn_at = Some(at);
            }
            Err(failure) => failed = Some(search.after(&job, &target, failure).await?),
        }
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
    /// The node at which the invocation waits for its turn.
    turn_at: Option<NodeName>,
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
        let gone = fault.problem().kind == problem::Kind::Unavailable;
        if let Some(part) = self.part.filter(|_| gone && !self.located) {
            self.located = true;
            // If the session has left whoever does not answer, another node has it.
            let found = locate(self.node, &job.call, part).await;
            if let Some(found) = found.filter(|found| Some(found) != self.home.as_ref()) {
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

/// Has a job executed on another node.
async fn forward(node: &Node, to: &NodeName, job: &Job) -> Result<Answer, Failed> {
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
        other => Err(Failed::Refused(Fault::internal(format!(
            "{to} answers an invocation with {other:?}"
        )))),
    }
}
