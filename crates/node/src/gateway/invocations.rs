//! Invocations, and the states by themselves.

use bytes::Bytes;
use fogline_core::model::limits::MAX_STATE;
use fogline_protocol::peer::Target;
use fogline_protocol::problem::Kind;
use http::HeaderMap;

use super::answer::{self, Response};
use super::asked::{Asked, named};
use super::body;
use crate::admit::{Scope, admit};
use crate::fault::Fault;
use crate::invoke::{Answer, Job, dispatch};

pub(super) async fn without_session(asked: Asked<'_>) -> Result<Response, Fault> {
    let [app, function] = asked.names()?;
    let scope = asked.scope(app, None)?;
    invoke(asked, &scope, Target::Function(named(function)?)).await
}

pub(super) fn in_session(asked: Asked<'_>) -> impl Future<Output = Result<Response, Fault>> {
    in_scope(asked, |function| named(function).map(Target::Function))
}

pub(super) fn get_state(asked: Asked<'_>) -> impl Future<Output = Result<Response, Fault>> {
    in_scope(asked, |state| named(state).map(Target::Get))
}

pub(super) fn put_state(asked: Asked<'_>) -> impl Future<Output = Result<Response, Fault>> {
    in_scope(asked, |state| named(state).map(Target::Put))
}

pub(super) fn remove_state(asked: Asked<'_>) -> impl Future<Output = Result<Response, Fault>> {
    in_scope(asked, |state| named(state).map(Target::Remove))
}

/// As [`get_state`], for a client that holds the state: it sends the envelope, and gets the bytes.
pub(super) async fn open_state(asked: Asked<'_>) -> Result<Response, Fault> {
    let [app, session, state] = asked.names()?;
    let scope = asked.scope(app, Some(session))?;
    let (node, headers) = (asked.node, asked.headers);
    let carried = body::carried(headers, asked.body).await?;
    let mut call = admit(node, &scope, Target::Get(named(state)?), b"", headers)?;
    call.trace = asked.trace;
    let job = Job {
        call,
        input: Bytes::new(),
        envelopes: carried.envelopes,
    };
    finish(Box::pin(dispatch(node, job)).await?, headers, false)
}

/// Invokes in a session what the last name of a path stands for.
async fn in_scope(
    asked: Asked<'_>,
    target: impl FnOnce(&str) -> Result<Target, Fault>,
) -> Result<Response, Fault> {
    let [app, session, name] = asked.names()?;
    let scope = asked.scope(app, Some(session))?;
    invoke(asked, &scope, target(name)?).await
}

async fn invoke(asked: Asked<'_>, scope: &Scope, target: Target) -> Result<Response, Fault> {
    let (node, headers) = (asked.node, asked.headers);
    let carried = body::carried(headers, asked.body).await?;
    if matches!(target, Target::Put(_)) && carried.input.len() as u64 > MAX_STATE.0 {
        let title = format!(
            "the state would have {} bytes, the most is {}",
            carried.input.len(),
            MAX_STATE.0
        );
        return Err(Fault::new(
            Kind::TooLarge,
            title,
            "split the state, or make it smaller",
        ));
    }
    let mut call = admit(node, scope, target, &carried.input, headers)?;
    call.trace = asked.trace;
    let job = Job {
        call,
        input: carried.input,
        envelopes: carried.envelopes,
    };
    // Boxed, because it is large, and what holds it is moved to where it is polled.
    finish(Box::pin(dispatch(node, job)).await?, headers, carried.in_parts)
}

fn finish(answer: Answer, headers: &HeaderMap, in_parts: bool) -> Result<Response, Fault> {
    match answer {
        Answer::Invoked(invoked, output, envelopes) => Ok(answer::invoked(
            headers,
            &(&invoked).into(),
            output,
            &envelopes,
            in_parts,
        )),
        Answer::Elsewhere(_) | Answer::TakeTurn(_) => {
            Err(Fault::internal("a dispatched invocation has no answer"))
        }
    }
}
