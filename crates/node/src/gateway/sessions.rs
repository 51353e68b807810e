//! Sessions.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::response::Response;
use data_encoding::BASE64;
use fogline_core::application::Guard;
use fogline_core::model::SessionId;
use fogline_core::model::limits::MAX_LISTED;
use fogline_core::session::Refusal;
use fogline_protocol::multipart::{self, Part};
use fogline_protocol::peer::Target;
use fogline_protocol::problem::Kind;
use fogline_protocol::{api, headers};
use http::{HeaderMap, StatusCode};
use serde::Deserialize;

use super::extract::{Path, Query};
use super::{answer, body, respond, scope, traced};
use crate::admit::{admit, timeout};
use crate::fault::Fault;
use crate::invoke::Job;
use crate::invoke::resolve::home_of_model;
use crate::node::Node;
use crate::sessions;

/// Sessions in one answer, unless the caller asks for fewer.
const PAGE: u32 = 100;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Listing {
    after: Option<String>,
    limit: Option<u32>,
}

type Named = Path<(String, String)>;

pub(super) async fn create(
    State(node): State<Arc<Node>>,
    Path(app): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> Response {
    traced(&node, &headers, "POST /v1/apps/{app}/sessions", async |_trace| {
        let scope = scope(&node, &headers, &app, None)?;
        let body = body::whole(&headers, body).await?;
        let wanted: api::NewSession = if body.is_empty() {
            api::NewSession::default()
        } else {
            serde_json::from_slice(&body).map_err(|error| not_json(&error))?
        };
        let app = node.apps.get(&scope.tenant, &scope.app)?;
        let (mut session, envelopes) = sessions::create(&node, &scope.tenant, &app, wanted.model).await?;
        session.envelopes = envelopes
            .into_iter()
            .map(|(state, sealed)| (state, BASE64.encode(&sealed)))
            .collect();
        Ok(answer::json(StatusCode::CREATED, &session))
    })
    .await
}

pub(super) async fn list(
    State(node): State<Arc<Node>>,
    Path(app): Path<String>,
    Query(listing): Query<Listing>,
    headers: HeaderMap,
) -> Response {
    respond(&node, &headers, async {
        let scope = scope(&node, &headers, &app, None)?;
        node.apps.get(&scope.tenant, &scope.app)?;
        let after: Option<SessionId> = listing.after.as_deref().map(super::named).transpose()?;
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
        let patience = timeout(&headers)? / 2;
        let found = sessions::list(&node, &scope.tenant, &scope.app, page, patience).await?;
        Ok(answer::json(StatusCode::OK, &found))
    })
    .await
}

async fn found(node: &Node, headers: &HeaderMap, app: &str, session: &str) -> Result<api::Session, Fault> {
    let scope = scope(node, headers, app, Some(session))?;
    node.apps.get(&scope.tenant, &scope.app)?;
    let session = scope.session.ok_or(Refusal::NoSession)?;
    sessions::describe(node, &scope.tenant, &scope.app, &session).await
}

pub(super) async fn describe(
    State(node): State<Arc<Node>>,
    Path((app, session)): Named,
    headers: HeaderMap,
) -> Response {
    respond(&node, &headers, async {
        Ok(answer::json(
            StatusCode::OK,
            &found(&node, &headers, &app, &session).await?,
        ))
    })
    .await
}

pub(super) async fn states(
    State(node): State<Arc<Node>>,
    Path((app, session)): Named,
    headers: HeaderMap,
) -> Response {
    respond(&node, &headers, async {
        let session = found(&node, &headers, &app, &session).await?;
        let states = session.parts.into_iter().flat_map(|part| part.states).collect();
        Ok(answer::json(StatusCode::OK, &api::States { states }))
    })
    .await
}

/// As [`states`], for a client that holds them: it sends their envelopes.
pub(super) async fn held_states(
    State(node): State<Arc<Node>>,
    Path((app, session)): Named,
    headers: HeaderMap,
    body: Body,
) -> Response {
    respond(&node, &headers, async {
        let scope = scope(&node, &headers, &app, Some(&session))?;
        let carried = body::carried(&headers, body).await?;
        let call = admit(&node, &scope, Target::List, b"", &headers)?;
        let job = Job {
            call,
            input: bytes::Bytes::new(),
            envelopes: carried.envelopes,
        };
        Ok(answer::json(StatusCode::OK, &sessions::held(&node, &job).await?))
    })
    .await
}

pub(super) async fn delete(
    State(node): State<Arc<Node>>,
    Path((app, session)): Named,
    headers: HeaderMap,
) -> Response {
    traced(
        &node,
        &headers,
        "DELETE /v1/apps/{app}/sessions/{session}",
        async |trace| {
            let scope = scope(&node, &headers, &app, Some(&session))?;
            node.apps.get(&scope.tenant, &scope.app)?;
            let mut call = admit(&node, &scope, Target::Delete, b"", &headers)?;
            call.trace = trace;
            let job = Job::bare(call);
            sessions::delete(&node, &job).await?;
            Ok(answer::done())
        },
    )
    .await
}

pub(super) async fn convert(
    State(node): State<Arc<Node>>,
    Path((app, session)): Named,
    headers: HeaderMap,
    body: Body,
) -> Response {
    traced(
        &node,
        &headers,
        "POST /v1/apps/{app}/sessions/{session}/convert",
        async |trace| {
            let scope = scope(&node, &headers, &app, Some(&session))?;
            let carried = body::carried(&headers, body).await?;
            let wanted: api::Convert =
                serde_json::from_slice(&carried.input).map_err(|error| not_json(&error))?;
            // Before anybody is asked to: a client could not do it either.
            let session = scope.session.as_ref().ok_or(Refusal::NoSession)?;
            home_of_model(wanted.to, session.node(), Guard::None)?;
            let mut call = admit(
                &node,
                &scope,
                Target::Convert(wanted.to),
                &carried.input,
                &headers,
            )?;
            call.trace = trace;
            let job = Job {
                call,
                input: carried.input,
                envelopes: carried.envelopes,
            };
            let (_, envelopes) = sessions::convert(&node, &job, wanted.to).await?;
            let id = job.call.session.as_ref().ok_or(Refusal::NoSession)?;
            let mut session = sessions::describe(&node, &scope.tenant, &scope.app, id).await?;
            if envelopes.is_empty() || answer::wants_json(&headers) {
                let encoded = envelopes
                    .into_iter()
                    .map(|(state, sealed)| (state, BASE64.encode(&sealed)));
                session.envelopes = encoded.collect();
                return Ok(answer::json(StatusCode::OK, &session));
            }
            let text = serde_json::to_vec(&session)
                .map_err(|error| Fault::internal(format!("writing {}: {error}", headers::MODEL)))?;
            Ok(answer::mixed(
                StatusCode::OK,
                Part::json(multipart::SESSION, text),
                &envelopes,
            ))
        },
    )
    .await
}

pub(super) async fn migrate(
    State(node): State<Arc<Node>>,
    Path((app, session)): Named,
    headers: HeaderMap,
    body: Body,
) -> Response {
    traced(
        &node,
        &headers,
        "POST /v1/apps/{app}/sessions/{session}/migrate",
        async |trace| {
            let scope = scope(&node, &headers, &app, Some(&session))?;
            let body = body::whole(&headers, body).await?;
            let wanted: api::Migrate = serde_json::from_slice(&body).map_err(|error| not_json(&error))?;
            let session = scope.session.as_ref().ok_or(Refusal::NoSession)?;
            let target = Target::Migrate(session.primary(), wanted.node.clone());
            let mut call = admit(&node, &scope, target, &body, &headers)?;
            call.trace = trace;
            let job = Job::bare(call);
            sessions::migrate(&node, &job, &wanted.node).await?;
            let id = job.call.session.as_ref().ok_or(Refusal::NoSession)?;
            let session = sessions::describe(&node, &scope.tenant, &scope.app, id).await?;
            Ok(answer::json(StatusCode::OK, &session))
        },
    )
    .await
}

fn not_json(error: &serde_json::Error) -> Fault {
    Fault::new(
        Kind::BadRequest,
        format!("the body is not what is expected: {error}"),
        "see /openapi.json",
    )
}
