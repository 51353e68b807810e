//! Invocations, and the states by themselves.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::response::Response;
use fogline_core::model::limits::MAX_STATE;
use fogline_protocol::peer::Target;
use fogline_protocol::problem::Kind;
use fogline_protocol::trace::TraceContext;
use http::HeaderMap;

use super::extract::Path;
use super::{answer, body, named, scope, traced};
use crate::admit::{Scope, admit};
use crate::fault::Fault;
use crate::invoke::{Answer, Job, dispatch};
use crate::node::Node;

type Node_ = State<Arc<Node>>;
type InSession = Path<(String, String, String)>;

pub(super) async fn without_session(
    State(node): Node_,
    Path((app, function)): Path<(String, String)>,
    headers: HeaderMap,
    body: Body,
) -> Response {
    answered(
        &node,
        "POST /v1/apps/{app}/functions/{function}",
        &app,
        None,
        named(&function).map(Target::Function),
        &headers,
        body,
    )
    .await
}

pub(super) async fn in_session(
    State(node): Node_,
    Path((app, session, function)): InSession,
    headers: HeaderMap,
    body: Body,
) -> Response {
    answered(
        &node,
        "POST /v1/apps/{app}/sessions/{session}/functions/{function}",
        &app,
        Some(&session),
        named(&function).map(Target::Function),
        &headers,
        body,
    )
    .await
}

pub(super) async fn get_state(
    State(node): Node_,
    Path((app, session, state)): InSession,
    headers: HeaderMap,
) -> Response {
    answered(
        &node,
        "GET /v1/apps/{app}/sessions/{session}/states/{state}",
        &app,
        Some(&session),
        named(&state).map(Target::Get),
        &headers,
        Body::empty(),
    )
    .await
}

/// As [`get_state`], for a client that holds the state: it sends the envelope, and gets the bytes.
pub(super) async fn open_state(
    State(node): Node_,
    Path((app, session, state)): InSession,
    headers: HeaderMap,
    body: Body,
) -> Response {
    let route = "POST /v1/apps/{app}/sessions/{session}/states/{state}/open";
    traced(&node, &headers, route, async |trace| {
        let scope = scope(&node, &headers, &app, Some(&session))?;
        let carried = body::carried(&headers, body).await?;
        let mut call = admit(&node, &scope, Target::Get(named(&state)?), b"", &headers)?;
        call.trace = trace;
        let job = Job {
            call,
            input: bytes::Bytes::new(),
            envelopes: carried.envelopes,
        };
        finish(&node, job, &headers, false).await
    })
    .await
}

pub(super) async fn put_state(
    State(node): Node_,
    Path((app, session, state)): InSession,
    headers: HeaderMap,
    body: Body,
) -> Response {
    answered(
        &node,
        "PUT /v1/apps/{app}/sessions/{session}/states/{state}",
        &app,
        Some(&session),
        named(&state).map(Target::Put),
        &headers,
        body,
    )
    .await
}

pub(super) async fn remove_state(
    State(node): Node_,
    Path((app, session, state)): InSession,
    headers: HeaderMap,
    body: Body,
) -> Response {
    answered(
        &node,
        "DELETE /v1/apps/{app}/sessions/{session}/states/{state}",
        &app,
        Some(&session),
        named(&state).map(Target::Remove),
        &headers,
        body,
    )
    .await
}

/// Answers with what an invocation gives, in a session or in none.
async fn answered(
    node: &Arc<Node>,
    route: &'static str,
    app: &str,
    session: Option<&str>,
    target: Result<Target, Fault>,
    headers: &HeaderMap,
    body: Body,
) -> Response {
    traced(node, headers, route, async |trace| {
        // Who asks is proven before anything else is said.
        let scope = scope(node, headers, app, session)?;
        invoke(node, &scope, target?, headers, body, trace).await
    })
    .await
}

async fn invoke(
    node: &Arc<Node>,
    scope: &Scope,
    target: Target,
    headers: &HeaderMap,
    body: Body,
    trace: Option<TraceContext>,
) -> Result<Response, Fault> {
    let carried = body::carried(headers, body).await?;
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
    call.trace = trace;
    let job = Job {
        call,
        input: carried.input,
        envelopes: carried.envelopes,
    };
    finish(node, job, headers, carried.in_parts).await
}

async fn finish(node: &Arc<Node>, job: Job, headers: &HeaderMap, in_parts: bool) -> Result<Response, Fault> {
    // Boxed, because axum moves the futures of its handlers several times, and this one is large.
    match Box::pin(dispatch(node, job)).await? {
        Answer::Invoked(invoked, output, envelopes) => Ok(answer::invoked(
            headers,
            Some(&invoked),
            output,
            &envelopes,
            in_parts,
        )),
        Answer::Elsewhere(_) | Answer::TakeTurn(_) => {
            Err(Fault::internal("a dispatched invocation has no answer"))
        }
    }
}
