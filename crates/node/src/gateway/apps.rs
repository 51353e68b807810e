//! Applications.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use fogline_core::catalogue::AppKey;
use fogline_core::model::NodeName;
use fogline_protocol::problem::Kind;
use fogline_protocol::{api, headers, multipart};
use http::{HeaderMap, HeaderValue, StatusCode};
use serde::Deserialize;

use super::answer::{self, Response};
use super::asked::Asked;
use super::received::Received;
use super::{before_answer, body};
use crate::admit::{self, Scope};
use crate::apps::{Deployed, Package, rollout};
use crate::fault::Fault;

pub(super) async fn list(asked: Asked<'_>) -> Result<Response, Fault> {
    let tenant = asked.tenant()?;
    let all = asked.node.apps.all().into_iter();
    let of_tenant = all.filter(|(of, _)| *of == tenant);
    let apps = of_tenant.map(|(_, app)| app.describe()).collect();
    Ok(answer::json(StatusCode::OK, &api::Apps { apps }))
}

pub(super) async fn describe(asked: Asked<'_>) -> Result<Response, Fault> {
    let AppKey { tenant, app } = key(&asked)?;
    let app = asked.node.apps.get(&tenant, &app)?;
    Ok(answer::json(StatusCode::OK, &app.describe()))
}

/// Deploys here and on all nodes that can be told now: it is there when this answers, which names the others.
pub(super) async fn deploy(asked: Asked<'_>) -> Result<Response, Fault> {
    let How { force } = asked.query()?;
    let tenant = asked.tenant()?;
    let Asked {
        node, headers, body, ..
    } = asked;
    let package = package(headers, body).await?;
    let deployed = rollout::deploy(node, &tenant, package, force, until(headers)?).await?;
    Ok(answered(deployed))
}

/// Deploys the version before.
pub(super) async fn roll_back(asked: Asked<'_>) -> Result<Response, Fault> {
    let How { force } = asked.query()?;
    let key = key(&asked)?;
    let deployed = rollout::roll_back(asked.node, &key, force, until(asked.headers)?).await?;
    Ok(answered(deployed))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct How {
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

/// The application that a path names.
fn key(asked: &Asked<'_>) -> Result<AppKey, Fault> {
    let [app] = asked.names()?;
    let Scope { tenant, app, .. } = asked.scope(app, None)?;
    Ok(AppKey { tenant, app })
}

pub(super) async fn delete(asked: Asked<'_>) -> Result<Response, Fault> {
    let key = key(&asked)?;
    let pending = rollout::delete(asked.node, &key, until(asked.headers)?).await?;
    let mut answer = answer::done();
    if !pending.is_empty() {
        let names: Vec<&str> = pending.iter().map(NodeName::as_str).collect();
        if let Ok(names) = HeaderValue::from_str(&names.join(", ")) {
            answer.headers_mut().insert(headers::PENDING, names);
        }
    }
    Ok(answer)
}

/// Until when other nodes are waited for, so that the caller is still told in time what came of it.
fn until(headers: &HeaderMap) -> Result<Instant, Fault> {
    Ok(Instant::now() + before_answer(admit::timeout(headers)?))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Since {
    after: Option<u64>,
}

pub(super) async fn logs(asked: Asked<'_>) -> Result<Response, Fault> {
    let Since { after } = asked.query()?;
    let AppKey { tenant, app } = key(&asked)?;
    asked.node.apps.get(&tenant, &app)?;
    let logs = asked.node.logs.read(&tenant, &app, after.unwrap_or(0));
    Ok(answer::json(StatusCode::OK, &logs))
}

async fn package(headers: &HeaderMap, body: &mut Received) -> Result<Package, Fault> {
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
