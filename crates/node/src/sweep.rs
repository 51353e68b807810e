//! Removing, from time to time, what has expired, and what belongs to applications that were deleted.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use fogline_core::model::{AppName, CommitId, ExecutionModel, TenantName};
use fogline_core::quota::Usage;
use fogline_core::session::{Commit, Expect, Head, Home, RecordKey, Status};
use fogline_protocol::problem::Kind;
use fogline_state::{Committed, Listed, Store, StoreError};
use futures_util::FutureExt;
use futures_util::future::try_join_all;

use crate::deletion;
use crate::fault::Fault;
use crate::node::Node;
use crate::quotas::usage_of;
use crate::random;
use crate::runs;
use crate::sessions;

/// How long a session to which a record leads is looked for.
const PATIENCE: Duration = Duration::from_secs(5);

/// Records that are removed at once, so that a store that writes in groups writes few.
const AT_ONCE: usize = 256;

/// Homes that have not answered in time during this sweep.
type Silent = BTreeSet<Home>;

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
        let mut silent = Silent::new();
        if let Err(fault) = note_losses(node).await {
            tracing::warn!(problem = %fault.problem(), "not every session says yet what a crash has taken from it");
        }
        for (tenant, app) in node.apps.all() {
            let usage = used.entry(tenant.clone()).or_default();
            if let Err(fault) = sweep_app(node, &tenant, &app.spec.name, &mut silent, usage).await {
                tracing::warn!(app = %app.spec.name, problem = %fault.problem(), "expired sessions not removed");
            }
            if let Err(fault) = sweep_external(node, &tenant, &app.spec.name, &mut silent).await {
                tracing::warn!(app = %app.spec.name, problem = %fault.problem(), "old forwards not removed");
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

/// Has every session of this node say what a crash has taken from it, also those that nobody uses (R12).
async fn note_losses(node: &Node) -> Result<(), Fault> {
    let Some(crashes) = node.owner.crashes() else {
        return Ok(());
    };
    // Those too that cannot be served yet: when they can be, nobody looks again.
    for key in node.apps.catalogue.names() {
        let mut records = sessions::all(&**node.homes.local(), &key.tenant, &key.app).await?;
        records.retain(|listed| {
            listed.key.model == ExecutionModel::InFunction && listed.head.status == Status::Live
        });
        for some in records.chunks(AT_ONCE) {
            try_join_all(some.iter().map(|listed| note_losses_of(node, &listed.key))).await?;
        }
    }
    node.owner.has_noted(crashes);
    Ok(())
}

async fn note_losses_of(node: &Node, key: &RecordKey) -> Result<(), Fault> {
    let _turn = node.turns.take(key).await?;
    if node.owner.usage(key).is_none() {
        node.owner.note_losses_of(key).await?;
        node.owner.release(key).await?;
    }
    Ok(())
}

/// Forgets deletions of long ago, and packages that the catalogue does not name any more.
async fn forget_apps(node: &Node) -> Result<(), StoreError> {
    let (catalogue, packages) = (&node.apps.catalogue, &node.apps.packages);
    catalogue.forget_old(node.clock.now()).await?;
    packages.keep_only(|| catalogue.packages()).await
}

/// Removes what has expired of an application, and adds up what the rest uses.
async fn sweep_app(
    node: &Node,
    tenant: &TenantName,
    app: &AppName,
    silent: &mut Silent,
    used: &mut Usage,
) -> Result<(), Fault> {
    let (mut ended, mut leading) = (Vec::new(), Vec::new());
    for listed in sessions::all(&**node.homes.local(), tenant, app).await? {
        let Listed { key, head } = &listed;
        let now = node.clock.now();
        // In memory it may have been used since.
        if head.expires >= now || node.owner.holds_unexpired(key, now) {
            let usage = node.owner.usage(key).unwrap_or_else(|| usage_of(key, head));
            used.change(Usage::default(), usage);
        } else if matches!(head.status, Status::Live | Status::Deleted) {
            ended.push(listed);
        } else {
            leading.push(listed);
        }
    }
    for some in ended.chunks(AT_ONCE) {
        try_join_all(some.iter().map(|listed| remove(node, listed))).await?;
    }
    for listed in leading {
        if !leads_on(node, &**node.homes.local(), &listed, silent).await? {
            remove(node, &listed).await?;
        }
    }
    Ok(())
}

/// Ends forwards in a store that drops by itself what has ended, with what they still hold of sessions whose clients
/// never came for it. Each node does this: the store has none of its own.
async fn sweep_external(
    node: &Node,
    tenant: &TenantName,
    app: &AppName,
    silent: &mut Silent,
) -> Result<(), Fault> {
    let Ok(store) = node.homes.external() else {
        return Ok(());
    };
    let now = node.clock.now();
    for key in store.old_forwards(tenant, app, now).await? {
        let Some(found) = store.load(&key, &BTreeSet::new()).await? else {
            continue;
        };
        let head = found.head;
        // Another node was faster, or somebody has used it.
        if head.expires >= now || matches!(head.status, Status::Live | Status::Deleted) {
            continue;
        }
        let listed = Listed { key, head };
        if !leads_on(node, &**store, &listed, silent).await? {
            store.commit(&listed.key, sessions::deletion(listed.head)).await?;
        }
    }
    Ok(())
}

/// Removes a record, unless it has changed since it was listed: its time was not over then for whoever has used it
/// meanwhile.
async fn remove(node: &Node, Listed { key, head }: &Listed) -> Result<(), Fault> {
    // Nothing is committed to memory meanwhile. Who has the turn now may do so: that is seen by the next sweep.
    let taken = tokio::task::unconstrained(node.turns.take(key)).now_or_never();
    let Some(Ok(_turn)) = taken else {
        return Ok(());
    };
    if node.owner.holds_unexpired(key, node.clock.now()) {
        return Ok(());
    }
    let store = node.homes.local();
    // Nobody commits to what is deleted.
    if head.status != Status::Deleted
        && store.commit(key, sessions::deletion(head.clone())).await? != Committed::Done
    {
        return Ok(());
    }
    store.erase(key).await?;
    node.owner.forget(key);
    Ok(())
}

/// Whether a session is where it was to go.
async fn arrived(node: &Node, key: &RecordKey, moving: &Head, to: &Home) -> Result<bool, Fault> {
    let there = RecordKey {
        model: to.model(),
        ..key.clone()
    };
    let Some(store) = node.homes.record(to)? else {
        return Ok(false);
    };
    let found = store.load(&there, &BTreeSet::new()).await?;
    Ok(found.is_some_and(|found| found.head.epoch > moving.epoch))
}

/// Whether a record leads to a session that lives on elsewhere: then it does so for as long as that does (R10).
async fn leads_on(
    node: &Node,
    store: &dyn Store,
    Listed { key, head }: &Listed,
    silent: &mut Silent,
) -> Result<bool, Fault> {
    let (Status::Moving(to) | Status::Moved(to)) = &head.status else {
        return Ok(false);
    };
    // The move may have come to its target and its source not been told.
    if let Status::Moving(to) = &head.status
        && to.model() != ExecutionModel::InClient
    {
        match arrived(node, key, head, to).await {
            Ok(true) => node.forwards.learn(&key.session, key.part, to),
            Ok(false) => {}
            Err(_) => return Ok(true),
        }
    }
    let last_known = || node.forwards.home(&key.session, key.part);
    if silent.contains(to) || silent.contains(&last_known()) {
        return Ok(true);
    }
    let looking = sessions::find(node, &key.tenant, &key.app, &key.session, key.part);
    let there = match tokio::time::timeout(PATIENCE, looking).await {
        Ok(Ok((_, there))) => there,
        Ok(Err(fault)) if matches!(fault.problem().kind, Kind::NotFound | Kind::Gone) => None,
        // Where it is cannot be asked now.
        Ok(Err(_)) => return Ok(true),
        Err(_) => {
            silent.insert(last_known());
            return Ok(true);
        }
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
    store.commit(key, commit).await?;
    Ok(true)
}
