//! Where invocations would run.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::response::Response;
use fogline_protocol::peer::Target;
use http::{HeaderMap, StatusCode};

use super::extract::Path;
use super::{answer, body, named, respond, scope};
use crate::admit::admit;
use crate::invoke::{Job, explain};
use crate::node::Node;

pub(super) async fn without_session(
    State(node): State<Arc<Node>>,
    Path((app, function)): Path<(String, String)>,
    headers: HeaderMap,
    body: Body,
) -> Response {
    answered(&node, (&app, None, &function), &headers, body).await
}

pub(super) async fn in_session(
    State(node): State<Arc<Node>>,
    Path((app, session, function)): Path<(String, String, String)>,
    headers: HeaderMap,
    body: Body,
) -> Response {
    answered(&node, (&app, Some(&session), &function), &headers, body).await
}

async fn answered(
    node: &Arc<Node>,
    (app, session, function): (&str, Option<&str>, &str),
    headers: &HeaderMap,
    body: Body,
) -> Response {
    respond(node, headers, async {
        let scope = scope(node, headers, app, session)?;
        let carried = body::carried(headers, body).await?;
        let target = Target::Function(named(function)?);
        let job = Job {
            call: admit(node, &scope, target, &carried.input, headers)?,
            input: carried.input,
            envelopes: carried.envelopes,
        };
        Ok(answer::json(StatusCode::OK, &explain(node, &job).await?))
    })
    .await
}
