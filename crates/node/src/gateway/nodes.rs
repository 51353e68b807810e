//! The nodes, and what operators do with them.

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::extract::State;
use axum::response::Response;
use fogline_core::model::NodeName;
use fogline_protocol::api::{Drained, Nodes};
use fogline_protocol::headers;
use fogline_protocol::peer::{self, Request};
use http::{HeaderMap, StatusCode};

use super::extract::Path;
use super::{answer, before_answer, named, respond, tenant, traced};
use crate::admit;
use crate::drain;
use crate::fault::Fault;
use crate::invoke::exchange;
use crate::members;
use crate::node::Node;
use crate::trace;

pub(super) async fn list(State(node): State<Arc<Node>>, headers: HeaderMap) -> Response {
    respond(&node, &headers, async {
        tenant(&node, &headers)?;
        let nodes = members::describe(&node);
        Ok(answer::json(
            StatusCode::OK,
            &Nodes {
                here: node.name.clone(),
                nodes,
            },
        ))
    })
    .await
}

/// Whoever has used up the rate may see that.
pub(super) async fn quota(State(node): State<Arc<Node>>, headers: HeaderMap) -> Response {
    respond(&node, &headers, async {
        let tenant = node.tenants.of(admit::text(&headers, headers::AUTHORIZATION)?)?;
        Ok(answer::json(
            StatusCode::OK,
            &node.quotas.describe(&node.name, &tenant),
        ))
    })
    .await
}

pub(super) async fn drain(
    State(node): State<Arc<Node>>,
    Path(name): Path<String>,
    headers: HeaderMap,
) -> Response {
    traced(&node, &headers, "POST /v1/nodes/{node}/drain", async |_trace| {
        node.operator
            .check(admit::text(&headers, headers::AUTHORIZATION)?)?;
        let name: NodeName = named(&name)?;
        let patience = admit::timeout(&headers)?;
        let time = before_answer(patience);
        let drained = if name == node.name {
            drain::drain(&node, time).await?
        } else {
            ask(&node, &name, time, Instant::now() + patience).await?
        };
        Ok(answer::json(StatusCode::OK, &drained))
    })
    .await
}

async fn ask(node: &Node, name: &NodeName, time: Duration, deadline: Instant) -> Result<Drained, Fault> {
    crate::sessions::known(node, name)?;
    let request = trace::caused(Request::Drain(
        u64::try_from(time.as_millis()).unwrap_or(u64::MAX),
    ));
    match exchange(node, name, &request, Vec::new(), deadline)
        .await
        .map_err(Fault::from)?
    {
        (peer::Response::Drained(moved, left), _) => Ok(Drained { moved, left }),
        (other, _) => Err(Fault::internal(format!("{name} answers a drain with {other:?}"))),
    }
}
