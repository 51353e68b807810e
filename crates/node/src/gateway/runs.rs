//! Runs.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::response::Response;
use fogline_protocol::api::RunBy;
use fogline_protocol::headers;
use fogline_protocol::problem::Kind;
use http::header::LOCATION;
use http::{HeaderMap, HeaderValue, StatusCode};

use super::extract::Path;
use super::{answer, body, named, respond, scope, traced};
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
    let route = "POST /v1/apps/{app}/sessions/{session}/runs";
    traced(&node, &headers, route, async |trace| {
        let scope = scope(&node, &headers, &app, Some(&session))?;
        let carried = body::carried(&headers, body).await?;
        let seen = admit::seen(&headers)?;
        let asked = Asked {
            key: admit::key(&headers)?.map(str::to_owned),
            input: carried.input,
            envelopes: carried.envelopes,
            seen,
            holder: admit::client(&headers)?,
            by: run_by(&headers)?,
            timeout: admit::timeout(&headers)?,
            trace,
            scope,
        };
        if prefers_async(&headers) {
            return accepted(&node, &app, &session, asked).await;
        }
        let (result, envelopes) = runs::run(&node, asked).await?;
        Ok(answer::invoked(
            &headers,
            None,
            result,
            &envelopes,
            carried.in_parts,
        ))
    })
    .await
}

/// Who is to run the workflow.
fn run_by(headers: &HeaderMap) -> Result<RunBy, Fault> {
    let Some(wanted) = admit::text(headers, headers::RUN_BY)? else {
        return Ok(RunBy::default());
    };
    let known = RunBy::ALL.into_iter().find(|by| by.name() == wanted);
    known.ok_or_else(|| {
        let title = format!("header {}: nobody is called \"{wanted}\"", headers::RUN_BY);
        Fault::new(Kind::BadRequest, title, "say node or hops")
    })
}

/// Whether one of the preferences is `respond-async`; those that are not known are ignored (RFC 7240).
fn prefers_async(headers: &HeaderMap) -> bool {
    let preferences = headers
        .get_all(headers::PREFER)
        .iter()
        .filter_map(|prefer| prefer.to_str().ok());
    let mut names = preferences.flat_map(|prefer| prefer.split(',')).map(str::trim);
    names.any(|name| name.eq_ignore_ascii_case("respond-async"))
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
        Ok(answer::json(
            StatusCode::OK,
            &runs::describe(&node, &scope, named(&run)?)?,
        ))
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
        let (result, envelopes) = runs::result(&node, &scope, named(&run)?)?;
        Ok(answer::invoked(&headers, None, result, &envelopes, false))
    })
    .await
}
