//! Removing, from time to time, what has expired, and what belongs to applications that were deleted.

use std::collections::BTreeMap;
use std::sync::Arc;

use fogline_core::model::{AppName, CommitId, TenantName};
use fogline_core::quota::Usage;
use fogline_core::session::{Commit, Expect, Head, RecordKey, Status};
use fogline_protocol::problem::Kind;
use fogline_state::{Listed, StoreError};

use crate::deletion;
use crate::fault::Fault;
use crate::node::Node;
use crate::quotas::usage_of;
use crate::random;
use crate::runs;
use crate::sessions;

/// Removes what is to go; ends when the task that runs it does.
pub(crate) async fn sweep(node: &Arc<Node>) {
    let mut again = false;
    loop {
        // First of all what was under way when the node stopped.
        deletion::go_on(node, again).await;
        again = true;
        if let Err(error) = forget_apps(node).await {
            tracing::warn!(%error, "packages that nobody needs not removed");
        }
        if let Err(error) = node.apps.remove_folders().await {
            tracing::warn!(%error, "files of programs that have ended not removed");
        }
        let mut used: BTreeMap<TenantName, Usage> = BTreeMap::new();
        for (tenant, app) in node.apps.all() {
            let usage = used.entry(tenant.clone()).or_default();
            if let Err(fault) = sweep_app(node, &tenant, &app.spec.name, usage).await {
                tracing::warn!(app = %app.spec.name, problem = %fault.problem(), "expired sessions not removed");
            }
        }
        node.quotas.counted(used);
        if let Err(fault) = runs::forget_old(&node.store, node.clock.now()).await {
            tracing::warn!(problem = %fault.problem(), "old runs not removed");
        }
        if let Err(error) = node.requested.forget_old(node.clock.now()).await {
            tracing::warn!(%error, "conversions that nobody waits for any more not removed");
        }
        if let Err(error) = node.staged.forget_old().await {
            tracing::warn!(%error, "parts of sessions that did not come not removed");
        }
        tokio::time::sleep(node.sweep_every).await;
    }
}

/// Forgets deletions of long ago, and packages that the catalogue does not name any more.
async fn forget_apps(node: &Node) -> Result<(), StoreError> {
    let (catalogue, packages) = (&node.apps.catalogue, &node.apps.packages);
    catalogue.forget_old(node.clock.now()).await?;
    packages.keep_only(|| catalogue.packages()).await
}

/// Removes what has expired of an application, and adds up what the rest uses.
async fn sweep_app(node: &Node, tenant: &TenantName, app: &AppName, used: &mut Usage) -> Result<(), Fault> {
    let store = node.homes.local();
    for Listed { key, head } in sessions::all(&**store, tenant, app).await? {
        let now = node.clock.now();
        // In memory it may have been used since.
        if head.expires >= now || node.owner.holds_unexpired(&key, now) {
            used.change(Usage::default(), usage_of(&key, &head));
            continue;
        }
        if leads_on(node, &key, &head).await? {
            continue;
        }
        store.erase(&key).await?;
        node.owner.forget(&key);
    }
    Ok(())
}

/// Whether a record leads to a session that lives on elsewhere: then it does so for as long as that does (R10).
async fn leads_on(node: &Node, key: &RecordKey, head: &Head) -> Result<bool, Fault> {
    if matches!(head.status, Status::Live | Status::Deleted) {
        return Ok(false);
    }
    let there = match sessions::find(node, &key.tenant, &key.app, &key.session, key.part).await {
        Ok((_, there)) => there,
        Err(fault) if matches!(fault.problem().kind, Kind::NotFound | Kind::Gone) => None,
        // Where it is cannot be asked now.
        Err(_) => return Ok(true),
    };
    let Some(there) = there.filter(|there| there.expires > head.expires) else {
        return Ok(false);
    };
    let commit = Commit {
        expect: Expect::Commit(head.commit),
        head: Head {
            commit: CommitId(random::bytes()),
            expires: there.expires,
            ..head.clone()
        },
        blobs: BTreeMap::new(),
    };
    // Whatever else it has become, it is not what had expired.
    node.homes.local().commit(key, commit).await?;
    Ok(true)
}
