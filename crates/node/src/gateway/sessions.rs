//! Sessions.

use data_encoding::BASE64;
use fogline_core::application::Guard;
use fogline_core::model::SessionId;
use fogline_core::model::limits::MAX_LISTED;
use fogline_core::session::Refusal;
use fogline_protocol::multipart::{self, Part};
use fogline_protocol::peer::Target;
use fogline_protocol::problem::Kind;
use fogline_protocol::{api, headers};
use http::StatusCode;
use serde::Deserialize;

use super::answer::{self, Response};
use super::asked::{Asked, named};
use super::body;
use crate::admit::{Scope, admit, timeout};
use crate::fault::Fault;
use crate::invoke::Job;
use crate::invoke::resolve::home_of_model;
use crate::sessions;

/// Sessions in one answer, unless the caller asks for fewer.
const PAGE: u32 = 100;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Listing {
    after: Option<String>,
    limit: Option<u32>,
}

pub(super) async fn create(asked: Asked<'_>) -> Result<Response, Fault> {
    let [app] = asked.names()?;
    let scope = asked.scope(app, None)?;
    let node = asked.node;
    let body = body::whole(asked.headers, asked.body).await?;
    let wanted: api::NewSession = if body.is_empty() {
        api::NewSession::default()
    } else {
        serde_json::from_slice(&body).map_err(|error| not_json(&error))?
    };
    let app = node.apps.get(&scope.tenant, &scope.app)?;
    let (mut session, envelopes) = sessions::create(node, &scope.tenant, &app, wanted.model).await?;
    session.envelopes = envelopes
        .into_iter()
        .map(|(state, sealed)| (state, BASE64.encode(&sealed)))
        .collect();
    Ok(answer::json(StatusCode::CREATED, &session))
}

pub(super) async fn list(asked: Asked<'_>) -> Result<Response, Fault> {
    let listing: Listing = asked.query()?;
    let [app] = asked.names()?;
    let scope = asked.scope(app, None)?;
    let node = asked.node;
    node.apps.get(&scope.tenant, &scope.app)?;
    let after: Option<SessionId> = listing.after.as_deref().map(named).transpose()?;
    let limit = listing.limit.unwrap_or(PAGE);
    if !(1..=MAX_LISTED).contains(&limit) {
        let title = format!("limit is {limit}, expected 1 to {MAX_LISTED}");
        return Err(Fault::new(
            Kind::BadRequest,
            title,
            "ask for the next ones with `after`",
        ));
    }
    let page = (after.as_ref(), limit as usize);
    // The other half of the caller's time is for what those have said that do answer.
    let patience = timeout(asked.headers)? / 2;
    let found = sessions::list(node, &scope.tenant, &scope.app, page, patience).await?;
    Ok(answer::json(StatusCode::OK, &found))
}

/// The application and the session that a path names.
fn in_session(asked: &Asked<'_>) -> Result<Scope, Fault> {
    let [app, session] = asked.names()?;
    asked.scope(app, Some(session))
}

async fn found(asked: &Asked<'_>) -> Result<api::Session, Fault> {
    let (scope, node) = (in_session(asked)?, asked.node);
    node.apps.get(&scope.tenant, &scope.app)?;
    let session = scope.session.ok_or(Refusal::NoSession)?;
    sessions::describe(node, &scope.tenant, &scope.app, &session).await
}

pub(super) async fn describe(asked: Asked<'_>) -> Result<Response, Fault> {
    Ok(answer::json(StatusCode::OK, &found(&asked).await?))
}

pub(super) async fn states(asked: Asked<'_>) -> Result<Response, Fault> {
    let session = found(&asked).await?;
    let states = session.parts.into_iter().flat_map(|part| part.states).collect();
    Ok(answer::json(StatusCode::OK, &api::States { states }))
}

/// As [`states`], for a client that holds them: it sends their envelopes.
pub(super) async fn held_states(asked: Asked<'_>) -> Result<Response, Fault> {
    let (scope, node) = (in_session(&asked)?, asked.node);
    let carried = body::carried(asked.headers, asked.body).await?;
    let job = Job {
        call: admit(node, &scope, Target::List, b"", asked.headers)?,
        input: bytes::Bytes::new(),
        envelopes: carried.envelopes,
    };
    Ok(answer::json(StatusCode::OK, &sessions::held(node, &job).await?))
}

pub(super) async fn delete(asked: Asked<'_>) -> Result<Response, Fault> {
    let (scope, node) = (in_session(&asked)?, asked.node);
    node.apps.get(&scope.tenant, &scope.app)?;
    let mut call = admit(node, &scope, Target::Delete, b"", asked.headers)?;
    call.trace = asked.trace;
    sessions::delete(node, &Job::bare(call)).await?;
    Ok(answer::done())
}

pub(super) async fn convert(asked: Asked<'_>) -> Result<Response, Fault> {
    let scope = in_session(&asked)?;
    let (node, headers) = (asked.node, asked.headers);
    let carried = body::carried(headers, asked.body).await?;
    let wanted: api::Convert = serde_json::from_slice(&carried.input).map_err(|error| not_json(&error))?;
    // Before anybody is asked to: a client could not do it either.
    let session = scope.session.as_ref().ok_or(Refusal::NoSession)?;
    home_of_model(wanted.to, session.node(), Guard::None)?;
    let mut call = admit(node, &scope, Target::Convert(wanted.to), &carried.input, headers)?;
    call.trace = asked.trace;
    let job = Job {
        call,
        input: carried.input,
        envelopes: carried.envelopes,
    };
    let (_, envelopes) = sessions::convert(node, &job, wanted.to).await?;
    let mut described = sessions::describe(node, &scope.tenant, &scope.app, session).await?;
    if envelopes.is_empty() || answer::wants_json(headers) {
        let encoded = envelopes
            .into_iter()
            .map(|(state, sealed)| (state, BASE64.encode(&sealed)));
        described.envelopes = encoded.collect();
        return Ok(answer::json(StatusCode::OK, &described));
    }
    let text = serde_json::to_vec(&described)
        .map_err(|error| Fault::internal(format!("writing {}: {error}", headers::MODEL)))?;
    Ok(answer::mixed(
        StatusCode::OK,
        Part::json(multipart::SESSION, text),
        &envelopes,
    ))
}

pub(super) async fn migrate(asked: Asked<'_>) -> Result<Response, Fault> {
    let (scope, node) = (in_session(&asked)?, asked.node);
    let body = body::whole(asked.headers, asked.body).await?;
    let wanted: api::Migrate = serde_json::from_slice(&body).map_err(|error| not_json(&error))?;
    let session = scope.session.as_ref().ok_or(Refusal::NoSession)?;
    let target = Target::Migrate(session.primary(), wanted.node.clone());
    let mut call = admit(node, &scope, target, &body, asked.headers)?;
    call.trace = asked.trace;
    sessions::migrate(node, &Job::bare(call), &wanted.node).await?;
    let session = sessions::describe(node, &scope.tenant, &scope.app, session).await?;
    Ok(answer::json(StatusCode::OK, &session))
}

fn not_json(error: &serde_json::Error) -> Fault {
    Fault::new(
        Kind::BadRequest,
        format!("the body is not what is expected: {error}"),
        "see /openapi.json",
    )
}
