//! The nodes, and what operators do with them.

use std::time::{Duration, Instant};

use fogline_core::model::NodeName;
use fogline_protocol::api::{Drained, Nodes};
use fogline_protocol::headers;
use fogline_protocol::peer::{self, Request};
use http::StatusCode;

use super::answer::{self, Response};
use super::asked::{Asked, named};
use super::before_answer;
use crate::admit;
use crate::drain;
use crate::fault::Fault;
use crate::invoke::exchange;
use crate::members;
use crate::node::Node;
use crate::trace;

pub(super) async fn list(asked: Asked<'_>) -> Result<Response, Fault> {
    asked.tenant()?;
    let nodes = members::describe(asked.node);
    Ok(answer::json(
        StatusCode::OK,
        &Nodes {
            here: asked.node.name.clone(),
            nodes,
        },
    ))
}

/// Whoever has used up the rate may see that.
pub(super) async fn quota(asked: Asked<'_>) -> Result<Response, Fault> {
    let node = asked.node;
    let tenant = node
        .tenants
        .of(admit::text(asked.headers, headers::AUTHORIZATION)?)?;
    Ok(answer::json(
        StatusCode::OK,
        &node.quotas.describe(&node.name, &tenant),
    ))
}

pub(super) async fn drain(asked: Asked<'_>) -> Result<Response, Fault> {
    let node = asked.node;
    node.operator
        .check(admit::text(asked.headers, headers::AUTHORIZATION)?)?;
    let [name] = asked.names()?;
    let name: NodeName = named(name)?;
    let patience = admit::timeout(asked.headers)?;
    let time = before_answer(patience);
    let drained = if name == node.name {
        drain::drain(node, time).await?
    } else {
        ask(node, &name, time, Instant::now() + patience).await?
    };
    Ok(answer::json(StatusCode::OK, &drained))
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
        (peer::Response::Drained(drained), _) => Ok(drained),
        (other, _) => Err(Fault::internal(format!("{name} answers a drain with {other:?}"))),
    }
}
