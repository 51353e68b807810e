//! Applications that are deleted: what this node keeps of them goes too, and their sessions in the cloud.
//!
//! What is to be done is on the disk before anything is done, and stays there for as long as a request that was
//! under way could yet leave something behind; so it is finished also by a node that stopped meanwhile.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use fogline_core::model::limits::MAX_DEADLINE;
use fogline_core::model::{AppName, NodeName, TenantName, Timestamp};
use fogline_core::session::RecordKey;
use fogline_protocol::peer::Request;
use fogline_protocol::problem::Kind;
use fogline_state::{EmbeddedStore, Store, StoreError};
use serde::{Deserialize, Serialize};

use crate::apps::{Deployed, Package};
use crate::fault::Fault;
use crate::invoke;
use crate::node::Node;
use crate::runs;

const TABLE: &str = "deleted";
/// How long records may appear after the deletion, of requests that had begun before it.
const TERM: Duration = MAX_DEADLINE;
/// Records that are removed at once.
const BATCH: usize = 256;
/// Deletions that are read at once.
const PAGE: usize = 1000;

/// A deletion that is under way.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Deletion {
    at: Timestamp,
    /// Whether this node was asked for it: then it removes the sessions in the cloud too.
    asked: bool,
    /// Nodes that do not know of it yet.
    untold: BTreeSet<NodeName>,
}

/// The applications, as `TENANT/APP`, whose deletion has begun and that are not deployed again.
pub(crate) fn names(store: &EmbeddedStore) -> Result<BTreeSet<String>, StoreError> {
    let mut names = BTreeSet::new();
    let mut after: Option<Bytes> = None;
    loop {
        let page = store.meta_list(TABLE, after.as_deref(), PAGE)?;
        names.extend(
            page.iter()
                .map(|(key, _)| String::from_utf8_lossy(key).into_owned()),
        );
        if page.len() < PAGE {
            return Ok(names);
        }
        after = page.last().map(|(key, _)| key.clone());
    }
}

/// Deletes an application on this node, and on all others if this one was `asked`; its records go in a task of the
/// node.
///
/// # Errors
/// When there is no such application, or another node does not answer: it is told later, and the same request
/// tells it at once.
pub(crate) async fn delete(
    node: &Arc<Node>,
    tenant: &TenantName,
    app: &AppName,
    asked: bool,
) -> Result<(), Fault> {
    let name = format!("{tenant}/{app}");
    {
        let _turn = node.deploying.take(&name).await?;
        let begun = read(node, &name)?;
        if asked && begun.is_none() {
            node.apps.get(tenant, app)?;
        }
        let mut deletion = begun.unwrap_or_default();
        deletion.at = node.clock.now();
        if asked {
            deletion.asked = true;
            deletion.untold = node.others().into_iter().collect();
        }
        write(node, &name, &deletion).await?;
        node.apps.undeploy(tenant, app).await?;
    }
    let told = tell(node, tenant, app).await;
    let (it, name) = (Arc::clone(node), (tenant.clone(), app.clone()));
    let stopping = node.stopping.clone();
    node.tasks.spawn(stopping.run_until_cancelled_owned(async move {
        if let Err(fault) = remove(&it, &name.0, &name.1).await {
            log(&name.0, &name.1, &fault);
        }
    }));
    told
}

/// Deploys an application on this node, after what is left of one of its name is removed.
pub(crate) async fn deploy(
    node: &Arc<Node>,
    tenant: &TenantName,
    package: &Package,
) -> Result<Arc<Deployed>, Fault> {
    let deployed = node.apps.prepare(tenant, package).await?;
    let app = deployed.spec.name.clone();
    let name = format!("{tenant}/{app}");
    // They may have records of the old one.
    tell(node, tenant, &app).await?;
    let _turn = node.deploying.take(&name).await?;
    if let Some(deletion) = read(node, &name)? {
        remove_records(node, tenant, &app, &deletion).await?;
        node.store.meta_delete(TABLE, name.as_bytes()).await?;
    }
    node.apps.keep(tenant, package, deployed).await
}

/// Goes on with all deletions.
pub(crate) async fn go_on(node: &Arc<Node>) -> Result<(), Fault> {
    for name in names(&node.store)? {
        let parts = name.split_once('/');
        let parts = parts.and_then(|(tenant, app)| Some((tenant.parse().ok()?, app.parse().ok()?)));
        let Some((tenant, app)) = parts else {
            tracing::error!(application = name, "the record of its deletion is damaged");
            continue;
        };
        let gone_on = async {
            tell(node, &tenant, &app).await?;
            remove(node, &tenant, &app).await
        };
        if let Err(fault) = gone_on.await {
            log(&tenant, &app, &fault);
        }
    }
    Ok(())
}

fn log(tenant: &TenantName, app: &AppName, fault: &Fault) {
    tracing::warn!(%tenant, %app, problem = %fault.problem(), "its records are not all removed yet");
}

/// Tells the nodes that do not know yet; gives the first fault.
async fn tell(node: &Arc<Node>, tenant: &TenantName, app: &AppName) -> Result<(), Fault> {
    let name = format!("{tenant}/{app}");
    let Some(deletion) = read(node, &name)? else {
        return Ok(());
    };
    let request = Request::Undeploy(tenant.clone(), app.clone());
    let telling = deletion.untold.iter().map(async |other| {
        let told = invoke::tell(node, other, &request).await;
        (other, told)
    });
    let (mut told, mut failed) = (BTreeSet::new(), Ok(()));
    for (other, outcome) in futures_util::future::join_all(telling).await {
        match outcome {
            Ok(()) => drop(told.insert(other.clone())),
            Err(fault) => failed = failed.and(Err(fault)),
        }
    }
    // Nobody waits for a turn here while others are told: they may be telling this node.
    let _turn = node.deploying.take(&name).await?;
    if !told.is_empty()
        && let Some(mut deletion) = read(node, &name)?
    {
        deletion.untold.retain(|other| !told.contains(other));
        write(node, &name, &deletion).await?;
    }
    failed
}

/// Removes what is left of a deleted application, and forgets its deletion when nothing can appear any more.
async fn remove(node: &Arc<Node>, tenant: &TenantName, app: &AppName) -> Result<(), Fault> {
    let name = format!("{tenant}/{app}");
    let _turn = node.deploying.take(&name).await?;
    let Some(deletion) = read(node, &name)? else {
        return Ok(());
    };
    node.apps.undeploy(tenant, app).await?;
    remove_records(node, tenant, app, &deletion).await?;
    if deletion.untold.is_empty() && node.clock.now().since(deletion.at) > TERM {
        node.store.meta_delete(TABLE, name.as_bytes()).await?;
    }
    Ok(())
}

async fn remove_records(
    node: &Arc<Node>,
    tenant: &TenantName,
    app: &AppName,
    deletion: &Deletion,
) -> Result<(), Fault> {
    erase_all(&**node.homes.local(), tenant, app, |key| node.owner.forget(key)).await?;
    runs::forget_app(&node.store, tenant, app).await?;
    if deletion.asked
        && let Ok(external) = node.homes.external()
    {
        erase_all(&**external, tenant, app, |_| ()).await?;
    }
    Ok(())
}

async fn erase_all(
    store: &dyn Store,
    tenant: &TenantName,
    app: &AppName,
    gone: impl Fn(&RecordKey),
) -> Result<(), StoreError> {
    let mut after = None;
    loop {
        let page = store.list(tenant, app, after.as_ref(), BATCH).await?;
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

fn read(node: &Node, name: &str) -> Result<Option<Deletion>, Fault> {
    let bytes = node.store.meta_get(TABLE, name.as_bytes())?;
    let read = |bytes: Bytes| {
        postcard::from_bytes(&bytes).map_err(|error| {
            let title = format!("the record of the deletion of {name} is damaged: {error}");
            Fault::new(Kind::Unavailable, title, "restore the node's store")
        })
    };
    bytes.map(read).transpose()
}

async fn write(node: &Node, name: &str, deletion: &Deletion) -> Result<(), Fault> {
    let bytes = postcard::to_stdvec(deletion)
        .map_err(|error| Fault::internal(format!("writing the deletion of {name}: {error}")))?;
    Ok(node.store.meta_put(TABLE, name.as_bytes(), bytes.into()).await?)
}
