//! Asking whoever has a part of a session.

use std::sync::Arc;

use bytes::Bytes;
use fogline_core::model::Birth;
use fogline_core::session::Home;
use fogline_protocol::peer::Response;
use fogline_protocol::problem::Kind;

use crate::failover;
use crate::fault::Fault;
use crate::invoke::{self, Job};
use crate::node::Node;

/// Learns where a part is whose owner has failed to answer; the failure, if that cannot be told.
pub(super) async fn learn_taken(
    node: &Arc<Node>,
    job: &Job,
    part: Birth,
    home: &Home,
    failure: Fault,
) -> Result<(), Fault> {
    if failure.problem().kind == Kind::Unavailable
        && let Some(session) = &job.call.session
        && let Some(there) = failover::take(node, job, part, home).await?
    {
        node.forwards.learn(session, part, &there);
        return Ok(());
    }
    Err(failure)
}

/// Has a job done by the node that keeps the record of a home.
pub(super) async fn ask_keeper(
    node: &Arc<Node>,
    part: Birth,
    home: &Home,
    job: &Job,
) -> Result<(Response, Vec<Bytes>), Fault> {
    let keeper = home
        .node()
        .ok_or_else(|| Fault::internal(format!("{home} is no node's")))?;
    let mut job = job.clone();
    job.call.home = Some(home.clone());
    job.call.hops += 1;
    if job.call.hops > invoke::MAX_HOPS {
        return Err(Fault::overloaded("the session keeps moving"));
    }
    match invoke::ask(node, keeper, &job).await.map_err(Fault::from) {
        Err(fault) => {
            learn_taken(node, &job, part, home, fault).await?;
            Err(Fault::overloaded(format!(
                "the session was just taken from {keeper}, which is silent"
            )))
        }
        answered => answered,
    }
}
