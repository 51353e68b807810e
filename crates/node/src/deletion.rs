//! What a deleted application leaves behind: this node removes what it keeps of its sessions, runs and log, and the node
//! at which it was deleted its sessions in the cloud too.
//!
//! The catalogue remembers the deletion, so what is to be removed is removed also by a node that stops meanwhile, or
//! hears of it late; and as long as it remembers, whatever requests that were under way leave behind goes too.

use std::sync::Arc;
use std::time::Duration;

use fogline_core::catalogue::{AppKey, Entry};
use fogline_core::model::limits::MAX_DEADLINE;
use fogline_core::session::RecordKey;
use fogline_state::{Store, StoreError};

use crate::fault::Fault;
use crate::node::Node;
use crate::runs;

/// How long records may appear in the cloud after the deletion, of requests that had begun before it.
const TERM: Duration = MAX_DEADLINE;
/// Records that are removed at once.
const BATCH: usize = 256;

/// Removes, in a task of the node, what an application has left that was deleted.
pub(crate) fn begin(node: &Arc<Node>, key: &AppKey) {
    let (it, key) = (Arc::clone(node), key.clone());
    let stopping = node.stopping.clone();
    node.tasks.spawn(stopping.run_until_cancelled_owned(async move {
        go_on_with(&it, &key, true).await;
    }));
}

/// Goes on with all deletions; `again`, if it has done so since the node started.
pub(crate) async fn go_on(node: &Arc<Node>, again: bool) {
    for (key, entry) in node.apps.catalogue.all() {
        if entry.package().is_none() {
            let heard = node.apps.catalogue.heard(&key);
            let lately = heard.is_some_and(|heard| node.clock.now().since(heard) <= TERM);
            go_on_with(node, &key, lately || !again).await;
        }
    }
}

async fn go_on_with(node: &Arc<Node>, key: &AppKey, in_cloud: bool) {
    let removed = async {
        let _turn = node.apps.changing.take(key).await?;
        match node.apps.catalogue.get(key) {
            Some(entry) if entry.package().is_none() => {
                remove_records(node, key, in_cloud && deleted_here(node, &entry)).await
            }
            _ => Ok(()),
        }
    };
    if let Err(fault) = removed.await {
        tracing::warn!(application = %key, problem = %fault.problem(), "its records are not all removed yet");
    }
}

/// Whether it is a deletion for which this node was asked: then its sessions in the cloud are for this node to remove.
pub(crate) fn deleted_here(node: &Node, entry: &Entry) -> bool {
    entry.package().is_none() && entry.stamp.node == node.name
}

/// Removes what there is of an application of before its deletion; the caller has its turn.
pub(crate) async fn remove_records(node: &Arc<Node>, key: &AppKey, in_cloud: bool) -> Result<(), Fault> {
    erase_all(&**node.homes.local(), key, |record| node.owner.forget(record)).await?;
    runs::forget_app(&node.store, &key.tenant, &key.app).await?;
    node.logs.forget(&key.tenant, &key.app);
    if in_cloud && let Ok(external) = node.homes.external() {
        erase_all(&**external, key, |_| ()).await?;
    }
    Ok(())
}

async fn erase_all(store: &dyn Store, key: &AppKey, gone: impl Fn(&RecordKey)) -> Result<(), StoreError> {
    let mut after = None;
    loop {
        let page = store.list(&key.tenant, &key.app, after.as_ref(), BATCH).await?;
        // Together, so that a store that writes in groups writes one.
        let erased = page.iter().map(|listed| store.erase(&listed.key));
        futures_util::future::try_join_all(erased).await?;
        page.iter().for_each(|listed| gone(&listed.key));
        if page.len() < BATCH {
            return Ok(());
        }
        after = page.into_iter().next_back().map(|listed| listed.key);
    }
}
