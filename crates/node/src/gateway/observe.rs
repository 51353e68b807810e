//! How a node is, for those who watch it.

use fogline_core::model::TenantName;
use fogline_protocol::headers;
use fogline_protocol::openapi;
use fogline_protocol::problem::Kind;
use http::StatusCode;

use super::answer::{self, Response};
use super::asked::Asked;
use crate::admit;
use crate::fault::Fault;
use crate::tokens::Operator;

const TEXT: &str = "text/plain; charset=utf-8";
const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

pub(super) async fn live(_: Asked<'_>) -> Result<Response, Fault> {
    Ok(answer::bytes(StatusCode::OK, TEXT, "live\n"))
}

pub(super) async fn ready(asked: Asked<'_>) -> Result<Response, Fault> {
    if asked.node.stopping.is_cancelled() {
        return Err(Fault::new(
            Kind::Unavailable,
            "the node is stopping",
            "ask another node",
        ));
    }
    Ok(answer::bytes(StatusCode::OK, TEXT, "ready\n"))
}

/// For operators, and for tenants: `fogline top` is for both. A tenant does not see what others do.
pub(super) async fn metrics(asked: Asked<'_>) -> Result<Response, Fault> {
    let node = asked.node;
    let authorization = admit::text(asked.headers, headers::AUTHORIZATION)?;
    let tenant = match (node.tenants.of(authorization), &node.operator) {
        (Ok(tenant), _) => Some(tenant),
        (Err(_), Operator::Token(_)) => {
            node.operator.check(authorization)?;
            None
        }
        (Err(fault), _) => return Err(fault),
    };
    let traffic = node
        .endpoint
        .as_ref()
        .map(|endpoint| endpoint.traffic())
        .unwrap_or_default();
    if let (Some(endpoint), Some(members)) = (&node.endpoint, node.members.seen()) {
        node.metrics.gossip(endpoint.gossiped(), &members);
    }
    for (tenant, usage) in node.quotas.all() {
        node.metrics.used(&tenant, usage);
    }
    let mut text = node.metrics.text(node.owner.len(), &traffic);
    if let Some(tenant) = tenant {
        text = without_others(&text, &tenant);
    }
    Ok(answer::bytes(StatusCode::OK, OPEN_METRICS, text))
}

/// Leaves out the samples of other tenants.
fn without_others(text: &str, tenant: &TenantName) -> String {
    let own = format!("tenant=\"{tenant}\"");
    let is_seen = |line: &&str| line.starts_with('#') || !line.contains("tenant=\"") || line.contains(&own);
    text.split_inclusive('\n').filter(is_seen).collect()
}

pub(super) async fn openapi(_: Asked<'_>) -> Result<Response, Fault> {
    Ok(answer::bytes(StatusCode::OK, answer::JSON, openapi::document()))
}
