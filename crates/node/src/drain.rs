//! Emptying a node: its sessions go to others, so that it can be switched off.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use fogline_core::application::Guard;
use fogline_core::dispatch::Standing;
use fogline_core::model::{ExecutionModel, NodeName, TenantName};
use fogline_core::session::{RecordKey, Status};
use fogline_protocol::api::Drained;
use fogline_protocol::peer::Target;
use fogline_protocol::problem::Kind;
use fogline_state::Listed;

use crate::admit::{Scope, fresh};
use crate::fault::Fault;
use crate::invoke::Job;
use crate::invoke::resolve::home_of_model;
use crate::node::Node;
use crate::sessions;
use crate::trace;

/// How long one session has to move.
const PATIENCE: Duration = Duration::from_secs(10);
/// Between two looks at the runs that have not ended.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// Moves this node's sessions to others and waits for the runs that were left to it, until the time is over; from then on it
/// takes no new ones until it restarts. If there are sessions and none of them moves, the drain is given up: the node takes
/// work as before.
pub(crate) async fn drain(node: &Arc<Node>, time: Duration) -> Result<Drained, Fault> {
    let targets = targets(node)?;
    is_draining(node, true);
    let emptied = empty(node, &targets, time).await;
    if emptied.is_err() {
        is_draining(node, false);
    }
    emptied
}

fn is_draining(node: &Node, is: bool) {
    node.draining.store(is, Ordering::Relaxed);
    let standing = if is { Standing::Draining } else { Standing::Up };
    node.dispatcher.stand(&node.name, standing);
}

async fn empty(node: &Arc<Node>, targets: &[NodeName], time: Duration) -> Result<Drained, Fault> {
    let ends = tokio::time::Instant::now() + time;
    let mut drained = Drained::default();
    let mut stayed: Option<(RecordKey, Fault)> = None;
    for app in node.apps.catalogue.names() {
        let records = sessions::all(&**node.homes.local(), &app.tenant, &app.app).await?;
        for Listed { key, head } in records {
            let lives_here = match key.model {
                ExecutionModel::InFunction => true,
                // The other nodes of a site reach its records without this one.
                ExecutionModel::InEdge => node.homes.site().is_none(),
                _ => false,
            };
            let now = node.clock.now();
            // In memory it may have been used since.
            let has_ended = head.expires < now && !node.owner.holds_unexpired(&key, now);
            if !lives_here || head.status != Status::Live || has_ended {
                continue;
            }
            if tokio::time::Instant::now() >= ends {
                drained.left += 1;
                continue;
            }
            let to = &targets[drained.moved as usize % targets.len()];
            match migrate(node, &app.tenant, &key, to).await {
                Ok(()) => drained.moved += 1,
                Err(fault) => {
                    tracing::warn!(session = %key.session, problem = %fault.problem(), "not moved");
                    drained.left += 1;
                    stayed.get_or_insert((key, fault));
                }
            }
        }
    }
    if let Some((key, fault)) = stayed.filter(|_| drained.moved == 0) {
        return Err(given_up(node, drained.left, &key, &fault));
    }
    drained.runs = runs_left(node, ends).await;
    Ok(drained)
}

/// The runs that have not ended here by then.
async fn runs_left(node: &Node, ends: tokio::time::Instant) -> u64 {
    loop {
        let left = node.runs.accepted();
        if left == 0 || tokio::time::Instant::now() >= ends {
            return left as u64;
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

fn given_up(node: &Node, left: u64, key: &RecordKey, fault: &Fault) -> Fault {
    let title = format!(
        "{} is not emptied and takes work as before: of {left} sessions none could be moved, {} because {}",
        node.name,
        key.session,
        fault.problem().title
    );
    Fault::new(
        Kind::Unavailable,
        title,
        "the node's log names each of them; mend that, and drain it again",
    )
}

/// Who takes the sessions: the others that run functions and take anything new.
fn targets(node: &Node) -> Result<Vec<NodeName>, Fault> {
    let mut others = node.dispatcher.ready();
    others.retain(|other| *other != node.name);
    if others.is_empty() {
        return Err(Fault::new(
            Kind::Unavailable,
            format!("{} knows no other node that runs functions", node.name),
            "start one first",
        ));
    }
    Ok(others)
}

/// Moves a part of a session to a node.
pub(crate) async fn migrate(
    node: &Arc<Node>,
    tenant: &TenantName,
    key: &RecordKey,
    to: &NodeName,
) -> Result<(), Fault> {
    let scope = Scope {
        tenant: tenant.clone(),
        app: key.app.clone(),
        session: Some(key.session.clone()),
    };
    let mut call = fresh(node, &scope, Target::Migrate(key.part, to.clone()), PATIENCE);
    // Whatever is known here of where it was before.
    call.home = Some(home_of_model(key.model, &node.name, Guard::None)?);
    call.trace = trace::cause();
    let job = Job::bare(call);
    let moved = tokio::time::timeout(PATIENCE, sessions::migrate_part(node, &job, key.part, to)).await;
    moved.unwrap_or_else(|_| Err(Fault::deadline()))
}
