//! How a node is, for those who watch it.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use fogline_protocol::openapi;
use fogline_protocol::problem::Kind;
use http::StatusCode;

use super::answer;
use crate::fault::Fault;
use crate::node::Node;

const TEXT: &str = "text/plain; charset=utf-8";
const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

pub(super) async fn live() -> Response {
    answer::bytes(StatusCode::OK, TEXT, "live\n")
}

pub(super) async fn ready(State(node): State<Arc<Node>>) -> Response {
    if node.stopping.is_cancelled() {
        return answer::fault(&Fault::new(
            Kind::Unavailable,
            "the node is stopping",
            "ask another node",
        ));
    }
    answer::bytes(StatusCode::OK, TEXT, "ready\n")
}

pub(super) async fn metrics(State(node): State<Arc<Node>>) -> Response {
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
    answer::bytes(
        StatusCode::OK,
        OPEN_METRICS,
        node.metrics.text(node.owner.len(), &traffic),
    )
}

pub(super) async fn openapi() -> Response {
    answer::bytes(StatusCode::OK, "application/json", openapi::document())
}
