//! Taking a session whose owner does not answer: a move that its owner has no part in (R9, R11).

use std::collections::BTreeSet;
use std::sync::Arc;

use fogline_core::model::{Birth, NodeName};
use fogline_core::session::{Home, Refusal, Status};
use fogline_protocol::problem::Kind;

use crate::convert;
use crate::fault::Fault;
use crate::invoke::Job;
use crate::invoke::parts::record_key;
use crate::node::Node;
use crate::site::Site;

/// Where a part of the job's session is, whose owner does not answer; it is taken from that owner, once the owner's
/// life is over. `None` if nobody but the owner can say: it is of no site, or of another one.
///
/// # Errors
/// When the owner lives, as far as others of its site can tell, or the session is no more.
pub(crate) async fn take(
    node: &Arc<Node>,
    job: &Job,
    part: Birth,
    home: &Home,
) -> Result<Option<Home>, Fault> {
    let (Home::InFunction(owner), Some(site)) = (home, node.homes.site()) else {
        return Ok(None);
    };
    let Some(records) = site.find(owner).await else {
        return Ok(None);
    };
    let call = &job.call;
    let session = call.session.as_ref().ok_or(Refusal::NoSession)?;
    let key = record_key(&call.tenant, &call.app, session, part, home);
    let found = records.load(&key, &BTreeSet::new()).await?;
    match found.map(|found| found.head.status) {
        None => Err(Refusal::NoSession.into()),
        Some(Status::Deleted) => Err(Refusal::Gone.into()),
        Some(Status::Moved(there) | Status::Abandoned(there)) => Ok(Some(there)),
        Some(Status::Live | Status::Moving(_)) => {
            site.contest(owner).await?;
            let to = Home::InFunction(heir(node, site, owner)?);
            let there = convert::take(node, job, part, home, to).await?;
            tracing::warn!(%session, %owner, home = %there, "taken from an owner that is silent");
            node.metrics.failed_over();
            Ok(Some(there))
        }
    }
}

/// Who takes the sessions of an owner that is lost: this node, if it takes any; else another one of the site.
fn heir(node: &Node, site: &Site, lost: &NodeName) -> Result<NodeName, Fault> {
    let ready = node.dispatcher.ready();
    let of_site = |it: &&NodeName| **it != *lost && site.of(it).is_some();
    if ready.contains(&node.name) && !node.is_draining() {
        return Ok(node.name.clone());
    }
    ready.iter().find(of_site).cloned().ok_or_else(|| {
        Fault::new(
            Kind::Unavailable,
            format!("no node of the site of {lost} runs functions now"),
            "start one of them; the sessions of the one that is lost wait for it",
        )
    })
}
