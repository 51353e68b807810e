//! Runs.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Path, State};
use axum::response::Response;
use fogline_core::session::Seen;
use fogline_protocol::headers;
use http::header::LOCATION;
use http::{HeaderMap, HeaderValue, StatusCode};

use super::{answer, body, named, respond, scope};
use crate::admit;
use crate::fault::Fault;
use crate::node::Node;
use crate::runs::{self, Asked};

pub(super) async fn start(
    State(node): State<Arc<Node>>,
    Path((app, session)): Path<(String, String)>,
    headers: HeaderMap,
    body: Body,
) -> Response {
    respond(&node, &headers, async {
        let scope = scope(&node, &headers, &app, Some(&session))?;
        let carried = body::carried(&headers, body).await?;
        let seen = admit::text(&headers, headers::SEEN)?.and_then(|seen| seen.parse::<Seen>().ok());
        let asked = Asked {
            key: admit::text(&headers, headers::IDEMPOTENCY_KEY)?.map(str::to_owned),
            input: carried.input,
            envelopes: carried.envelopes,
            seen,
            holder: admit::client(&headers)?,
            timeout: admit::timeout(&headers)?,
            scope,
        };
        if admit::text(&headers, headers::PREFER)? == Some("respond-async") {
            return accepted(&node, &app, &session, asked).await;
        }
        let (result, envelopes) = runs::run(&node, asked).await?;
        Ok(answer::invoked(&headers, None, result, &envelopes, carried.in_parts))
    })
    .await
}

async fn accepted(node: &Arc<Node>, app: &str, session: &str, asked: Asked) -> Result<Response, Fault> {
    let run = runs::accept_run(node, asked).await?;
    let mut response = answer::json(StatusCode::ACCEPTED, &run);
    let location = format!("/v1/apps/{app}/sessions/{session}/runs/{}", run.run);
    if let Ok(location) = HeaderValue::from_str(&location) {
        response.headers_mut().insert(LOCATION, location);
    }
    Ok(response)
}

pub(super) async fn describe(
    State(node): State<Arc<Node>>,
    Path((app, session, run)): Path<(String, String, String)>,
    headers: HeaderMap,
) -> Response {
    respond(&node, &headers, async {
        let scope = scope(&node, &headers, &app, Some(&session))?;
        let id = named(&run)?;
        if runs::tenant_of(&node, id)?.is_some_and(|tenant| tenant != scope.tenant) {
            return Err(Fault::not_found("there is no such run", "ask where it was accepted"));
        }
        Ok(answer::json(StatusCode::OK, &runs::describe(&node, id)?))
    })
    .await
}

pub(super) async fn result(
    State(node): State<Arc<Node>>,
    Path((app, session, run)): Path<(String, String, String)>,
    headers: HeaderMap,
) -> Response {
    respond(&node, &headers, async {
        let scope = scope(&node, &headers, &app, Some(&session))?;
        let result = runs::result(&node, &scope.tenant, named(&run)?)?;
        Ok(answer::bytes(StatusCode::OK, "application/octet-stream", result))
    })
    .await
}
