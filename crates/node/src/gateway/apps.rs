//! Applications.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use axum::body::Body;
use axum::extract::State;
use axum::response::Response;
use fogline_core::catalogue::AppKey;
use fogline_core::model::NodeName;
use fogline_protocol::problem::Kind;
use fogline_protocol::{api, headers, multipart};
use http::{HeaderMap, HeaderValue, StatusCode};
use serde::Deserialize;

use super::extract::{Path, Query};
use super::{answer, before_answer, body, respond, scope, tenant};
use crate::admit::{self, Scope};
use crate::apps::{Deployed, Package, rollout};
use crate::fault::Fault;
use crate::node::Node;

pub(super) async fn list(State(node): State<Arc<Node>>, headers: HeaderMap) -> Response {
    respond(&node, &headers, async {
        let tenant = tenant(&node, &headers)?;
        let all = node.apps.all().into_iter().filter(|(of, _)| *of == tenant);
        let apps = all.map(|(_, app)| app.describe()).collect();
        Ok(answer::json(StatusCode::OK, &api::Apps { apps }))
    })
    .await
}

pub(super) async fn describe(
    State(node): State<Arc<Node>>,
    Path(app): Path<String>,
    headers: HeaderMap,
) -> Response {
    respond(&node, &headers, async {
        let scope = scope(&node, &headers, &app, None)?;
        let app = node.apps.get(&scope.tenant, &scope.app)?;
        Ok(answer::json(StatusCode::OK, &app.describe()))
    })
    .await
}

/// Deploys here and on all nodes that can be told now: it is there when this answers, which names the others.
pub(super) async fn deploy(
    State(node): State<Arc<Node>>,
    Query(how): Query<How>,
    headers: HeaderMap,
    body: Body,
) -> Response {
    respond(&node, &headers, async {
        let tenant = tenant(&node, &headers)?;
        let package = package(&headers, body).await?;
        let deployed = rollout::deploy(&node, &tenant, &package, how.force, until(&headers)?).await?;
        Ok(answered(deployed))
    })
    .await
}

/// Deploys the version before.
pub(super) async fn roll_back(
    State(node): State<Arc<Node>>,
    Path(app): Path<String>,
    Query(how): Query<How>,
    headers: HeaderMap,
) -> Response {
    respond(&node, &headers, async {
        let key = key(scope(&node, &headers, &app, None)?);
        let deployed = rollout::roll_back(&node, &key, how.force, until(&headers)?).await?;
        Ok(answered(deployed))
    })
    .await
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct How {
    #[serde(default)]
    force: bool,
}

fn answered((app, pending): (Arc<Deployed>, Vec<NodeName>)) -> Response {
    let app = api::App {
        pending,
        ..app.describe()
    };
    answer::json(StatusCode::OK, &app)
}

fn key(scope: Scope) -> AppKey {
    AppKey {
        tenant: scope.tenant,
        app: scope.app,
    }
}

pub(super) async fn delete(
    State(node): State<Arc<Node>>,
    Path(app): Path<String>,
    headers: HeaderMap,
) -> Response {
    respond(&node, &headers, async {
        let key = key(scope(&node, &headers, &app, None)?);
        let pending = rollout::delete(&node, &key, until(&headers)?).await?;
        let mut answer = answer::done();
        if !pending.is_empty() {
            let names: Vec<&str> = pending.iter().map(NodeName::as_str).collect();
            if let Ok(names) = HeaderValue::from_str(&names.join(", ")) {
                answer.headers_mut().insert(headers::PENDING, names);
            }
        }
        Ok(answer)
    })
    .await
}

/// Until when other nodes are waited for, so that the caller is still told in time what came of it.
fn until(headers: &HeaderMap) -> Result<Instant, Fault> {
    Ok(Instant::now() + before_answer(admit::timeout(headers)?))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Since {
    after: Option<u64>,
}

pub(super) async fn logs(
    State(node): State<Arc<Node>>,
    Path(app): Path<String>,
    Query(since): Query<Since>,
    headers: HeaderMap,
) -> Response {
    respond(&node, &headers, async {
        let scope = scope(&node, &headers, &app, None)?;
        node.apps.get(&scope.tenant, &scope.app)?;
        let logs = node
            .logs
            .read(&scope.tenant, &scope.app, since.after.unwrap_or(0));
        Ok(answer::json(StatusCode::OK, &logs))
    })
    .await
}

async fn package(headers: &HeaderMap, body: Body) -> Result<Package, Fault> {
    let body = body::whole(headers, body).await?;
    let mut manifest = None;
    let mut files = BTreeMap::new();
    for part in body::parts(headers, body).await? {
        if part.name == multipart::MANIFEST {
            manifest = Some(part.bytes);
        } else {
            files.insert(part.name, part.bytes);
        }
    }
    let hint =
        "`fogline deploy` sends fogline.toml as the part manifest, and each other file as a part of its path";
    let missing = || Fault::new(Kind::BadRequest, "there is no part \"manifest\"", hint);
    let manifest = String::from_utf8(manifest.ok_or_else(missing)?.into()).map_err(|_| {
        Fault::new(
            Kind::NotDeployable,
            "the manifest is not UTF-8",
            "save it as UTF-8 text",
        )
    })?;
    Ok(Package { manifest, files })
}
