//! What a node sends to another, and what comes back.

use std::time::Instant;

use bytes::Bytes;
use fogline_core::model::limits::DEFAULT_DEADLINE;
use fogline_core::model::{ExecutionModel, NodeName, SessionId};
use fogline_core::session::Home;
use fogline_protocol::peer::{self, Request, Response};
use fogline_protocol::problem::Kind;

use super::Job;
use crate::fault::Fault;
use crate::node::Node;
use crate::peers::Message;
use crate::trace;

/// Why there is no answer that was hoped for.
pub(crate) enum Failed {
    /// The node did not answer.
    Unreached(Fault),
    /// It answered that it cannot.
    Refused(Fault),
}

impl From<Failed> for Fault {
    fn from(failed: Failed) -> Self {
        match failed {
            Failed::Unreached(fault) | Failed::Refused(fault) => fault,
        }
    }
}

/// What comes back.
pub(crate) type Answered = (Response, Vec<Bytes>);

/// Sends a job to another node.
pub(crate) async fn ask(node: &Node, to: &NodeName, job: &Job) -> Result<Answered, Failed> {
    send(node, to, job, Request::Invoke).await
}

/// Sends a job to another node, which dispatches it.
pub(super) async fn relay(node: &Node, to: &NodeName, job: &Job) -> Result<Answered, Failed> {
    send(node, to, job, Request::Relay).await
}

async fn send(
    node: &Node,
    to: &NodeName,
    job: &Job,
    request: impl FnOnce(Box<peer::Invoke>) -> Request,
) -> Result<Answered, Failed> {
    let mut call = job.call.clone();
    let mut span = node.tracer.of(&mut call, trace::Kind::Client, "forward");
    if span.is_recorded() {
        span.is("faas.trigger", "other");
        span.is("fogline.node", to.to_string());
        span.is("fogline.hops", u64::from(call.hops));
    }
    call.envelopes = job.envelopes.keys().cloned().collect();
    let deadline = Instant::now() + call.deadline.since(node.clock.now());
    let mut body = vec![job.input.clone()];
    body.extend(job.envelopes.values().cloned());
    let answered = exchange(node, to, &request(call), body, deadline).await;
    if let Err(Failed::Unreached(fault) | Failed::Refused(fault)) = &answered {
        span.failed(fault.problem().kind.name(), &fault.problem().title);
    }
    answered
}

/// Sends a request without a body to another node.
pub(crate) async fn tell(node: &Node, to: &NodeName, request: Request) -> Result<(), Fault> {
    let request = trace::caused(request);
    exchange(node, to, &request, Vec::new(), Instant::now() + DEFAULT_DEADLINE).await?;
    Ok(())
}

/// Sends a request to another node.
pub(crate) async fn exchange(
    node: &Node,
    to: &NodeName,
    request: &Request,
    body: Vec<Bytes>,
    deadline: Instant,
) -> Result<Answered, Failed> {
    let message = Message {
        head: peer::encode(request).into(),
        body,
    };
    let sent = message.size();
    let peers = node.peers().map_err(Failed::Refused)?;
    let answer = peers.call(to, message, deadline).await;
    let answer = answer.map_err(|error| match error.is_silence() {
        true => Failed::Unreached(error.into()),
        false => Failed::Refused(error.into()),
    })?;
    let response = peer::decode(&answer.head).map_err(|error| {
        let title = format!("{to} answers with {error}");
        Failed::Refused(Fault::new(Kind::Unavailable, title, "update it"))
    })?;
    // Whatever it answers, it is there.
    node.dispatcher.reached(to);
    if let Some(model) = model_of(node, request, &response) {
        peers.carried(to, model, sent, answer.size());
    }
    match response {
        Response::Refused(problem, states) => {
            let envelopes = states.into_iter().zip(answer.body).collect();
            Err(Failed::Refused(Fault::with_envelopes(problem, envelopes)))
        }
        response => Ok((response, answer.body)),
    }
}

/// The model of the session that a request is for, if it is for one: that of what was worked on, or of what is shown of it, else
/// of its primary part as far as this node knows.
fn model_of(node: &Node, request: &Request, response: &Response) -> Option<ExecutionModel> {
    // Whatever else is known, states cross the network because a client holds them.
    let held = |states: usize| (states > 0).then_some(ExecutionModel::InClient);
    let home = |session: &SessionId| node.forwards.home(session, session.primary()).model();
    match response {
        Response::Invoked(invoked) if invoked.model.is_some() => return invoked.model,
        Response::Refused(_, states) if !states.is_empty() => return held(states.len()),
        _ => {}
    }
    match request {
        Request::Invoke(call) | Request::Relay(call) => held(call.envelopes.len())
            .or_else(|| call.home.as_ref().map(Home::model))
            .or_else(|| call.session.as_ref().map(home)),
        Request::Hop(hop) => {
            let known = held(hop.envelopes.len()).or_else(|| hop.shown.map(|shown| shown.model));
            Some(known.unwrap_or_else(|| home(&hop.session)))
        }
        // They do not name the session: what no step has shown is not known.
        Request::Arrive(arrival) | Request::Fail(arrival, _) => {
            held(arrival.envelopes.len()).or_else(|| arrival.shown.map(|shown| shown.model))
        }
        Request::Caused(_, request) => model_of(node, request, response),
        _ => None,
    }
}
