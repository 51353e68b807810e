//! Runs.

use fogline_core::model::RunId;
use fogline_protocol::api::{self, RunBy};
use fogline_protocol::headers;
use fogline_protocol::problem::Kind;
use http::header::LOCATION;
use http::{HeaderMap, HeaderValue, StatusCode};

use super::answer::{self, About, Response};
use super::asked::{Asked, named};
use super::body;
use crate::admit::{self, Scope};
use crate::fault::Fault;
use crate::node::Node;
use crate::runs::{self, Ran};

pub(super) async fn start(asked: Asked<'_>) -> Result<Response, Fault> {
    let [app, session] = asked.names()?;
    let scope = asked.scope(app, Some(session))?;
    let (node, headers) = (asked.node, asked.headers);
    if headers.contains_key(headers::SEQUENCE) {
        let title = format!("header {}: a run is not known by a number", headers::SEQUENCE);
        return Err(Fault::new(
            Kind::BadRequest,
            title,
            "name the run by an Idempotency-Key",
        ));
    }
    let carried = body::carried(headers, asked.body).await?;
    let whose = scope.clone();
    let wanted = runs::Asked {
        key: admit::key(headers)?.map(str::to_owned),
        input: carried.input,
        envelopes: carried.envelopes,
        seen: admit::seen(headers)?,
        holder: admit::client(headers)?,
        by: run_by(headers)?,
        timeout: admit::timeout(headers)?,
        trace: asked.trace,
        scope,
    };
    if prefers_async(headers) {
        let run = runs::accept_run(node, wanted).await?;
        return Ok(accepted(app, session, &run));
    }
    let run = wanted.id();
    let ran = runs::run(node, run, wanted).await;
    let ran = ran.map_err(|fault| fault.of_run(run))?;
    Ok(ended(node, (&whose, run), headers, ran, carried.in_parts))
}

/// The answer to a run, with what its client is told of the session as with any other answer.
fn ended(
    node: &Node,
    (scope, run): (&Scope, RunId),
    headers: &HeaderMap,
    ran: Ran,
    in_parts: bool,
) -> Response {
    let wish = |session| node.requested.of(&scope.tenant, &scope.app, session);
    let about = About {
        node: &node.name,
        run: Some(run),
        execution_us: None,
        seen: ran.shown.map(|shown| shown.seen),
        replayed: ran.replayed,
        // Since one that had ended before, the session may have moved.
        model: ran.shown.filter(|_| !ran.replayed).map(|shown| shown.model),
        convert: scope.session.as_ref().and_then(wish),
    };
    answer::invoked(headers, &about, ran.output, &ran.envelopes, in_parts)
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

fn accepted(app: &str, session: &str, run: &api::Run) -> Response {
    let mut response = answer::json(StatusCode::ACCEPTED, run);
    let location = format!("/v1/apps/{app}/sessions/{session}/runs/{}", run.run);
    if let Ok(location) = HeaderValue::from_str(&location) {
        response.headers_mut().insert(LOCATION, location);
    }
    response
}

pub(super) async fn describe(asked: Asked<'_>) -> Result<Response, Fault> {
    let [app, session, run] = asked.names()?;
    let scope = asked.scope(app, Some(session))?;
    runs::check_not_gone(asked.node, &scope).await?;
    let described = runs::describe(asked.node, &scope, named(run)?)?;
    Ok(answer::json(StatusCode::OK, &described))
}

pub(super) async fn result(asked: Asked<'_>) -> Result<Response, Fault> {
    let [app, session, run] = asked.names()?;
    let scope = asked.scope(app, Some(session))?;
    runs::check_not_gone(asked.node, &scope).await?;
    let run = named(run)?;
    let ran = runs::result(asked.node, &scope, run).map_err(|fault| fault.of_run(run))?;
    Ok(ended(asked.node, (&scope, run), asked.headers, ran, false))
}
