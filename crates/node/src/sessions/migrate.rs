//! Moving what of a session is on nodes to one of them.

use std::sync::Arc;

use fogline_core::model::{Birth, NodeName};
use fogline_core::session::Refusal;
use fogline_protocol::peer::{Response, Target};
use fogline_protocol::problem::Kind;

use super::keeper::ask_keeper;
use crate::convert::{self, Converted, Goal};
use crate::fault::Fault;
use crate::invoke::Job;
use crate::node::Node;

/// Moves what the job's session has on nodes to one of them.
pub(crate) async fn migrate(node: &Arc<Node>, job: &Job, to: &NodeName) -> Result<(), Fault> {
    known(node, to)?;
    let session = job.call.session.as_ref().ok_or(Refusal::NoSession)?;
    let mut refused = None;
    let mut moved = false;
    for part in session.parts() {
        let mut job = job.clone();
        job.call.target = Target::Migrate(*part, to.clone());
        match migrate_part(node, &job, *part, to).await {
            Ok(()) => moved = true,
            // A part that is on no node stays where it is; a session of such parts only cannot be migrated.
            Err(fault) if fault.problem().kind == Kind::BadRequest => refused = Some(fault),
            Err(fault) => return Err(fault),
        }
    }
    match refused {
        Some(fault) if !moved => Err(fault),
        _ => Ok(()),
    }
}

/// Moves a part of the job's session to a node.
pub(crate) async fn migrate_part(
    node: &Arc<Node>,
    job: &Job,
    part: Birth,
    to: &NodeName,
) -> Result<(), Fault> {
    let app = node.apps.get(&job.call.tenant, &job.call.app)?;
    match convert::convert(node, job, &app, part, &Goal::Node(to.clone())).await? {
        Converted::There(home) => {
            convert::shorten(node, job, part, &home).await;
            Ok(())
        }
        Converted::Elsewhere(home) => match ask_keeper(node, part, &home, job).await? {
            (Response::Done, _) => Ok(()),
            (other, _) => Err(Fault::internal(format!(
                "{home} answers a migration with {other:?}"
            ))),
        },
        Converted::Handed(home, _) => Err(Fault::internal(format!(
            "a migration has handed a session to {home}"
        ))),
    }
}

/// Refuses a node that this one does not know.
pub(crate) fn known(node: &Node, name: &NodeName) -> Result<(), Fault> {
    if *name == node.name || node.others().contains(name) {
        return Ok(());
    }
    Err(Fault::not_found(
        format!("{} knows no node {name}", node.name),
        "name one of the network's nodes",
    ))
}
