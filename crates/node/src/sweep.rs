//! Removing, from time to time, what has expired.

use std::sync::Arc;
use std::time::Duration;

use fogline_core::model::{AppName, TenantName};
use fogline_state::Listed;

use crate::fault::Fault;
use crate::node::Node;
use crate::sessions;

/// How often what has expired is looked for.
const SWEEP_EVERY: Duration = Duration::from_secs(60);

/// Removes what has expired; ends when the task that runs it does.
pub(crate) async fn sweep(node: &Arc<Node>) {
    loop {
        tokio::time::sleep(SWEEP_EVERY).await;
        for (tenant, app) in node.apps.all() {
            if let Err(fault) = sweep_app(node, &tenant, &app.spec.name).await {
                tracing::warn!(app = %app.spec.name, problem = %fault.problem(), "expired sessions not removed");
            }
        }
        if let Err(error) = node.requested.forget_old(node.clock.now()).await {
            tracing::warn!(%error, "conversions that nobody waits for any more not removed");
        }
    }
}

async fn sweep_app(node: &Node, tenant: &TenantName, app: &AppName) -> Result<(), Fault> {
    let now = node.clock.now();
    let store = node.homes.local();
    for Listed { key, head } in sessions::all(&**store, tenant, app).await? {
        // In memory it may have been used since.
        if head.expires < now && !node.owner.holds_unexpired(&key, now) {
            store.erase(&key).await?;
            node.owner.forget(&key);
        }
    }
    Ok(())
}
