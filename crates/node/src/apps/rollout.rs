//! How an application comes to a node, and how it ends there.
//!
//! A deployment or deletion is written into this node's catalogue, and told to the others. Each of them then *follows*
//! its own catalogue: it gets the package from whoever has it and serves it, or ends the service. Whoever does not hear
//! of a change, or cannot follow it now, does so later by itself ([`keep`], and [`super::compare`]).

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use fogline_core::catalogue::{AppKey, Entry, Stamp};
use fogline_core::dispatch::pause_after;
use fogline_core::model::{Digest, NodeName, TenantName};
use fogline_protocol::peer::{self, Entries, Request};
use fogline_protocol::problem::Kind;
use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use tokio_util::task::TaskTracker;

use super::package::digest;
use super::sources::Sources;
use super::{Deployed, Package, no_application};
use crate::deletion;
use crate::fault::Fault;
use crate::invoke;
use crate::node::Node;

/// How often this node looks whether it has followed its catalogue, when nothing calls it.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// How long what cannot be served here is left alone: most of it never can be, and to find that out compiles it. But a node may
/// also have had too little room or time for it.
const REFUSED_PAUSE: Duration = Duration::from_secs(300);
/// Applications that are brought here at once.
const AT_ONCE: usize = 4;
/// How long a node that starts waits for an application before it serves others: a program may take long, or hang.
const RESTORE_PATIENCE: Duration = Duration::from_secs(2);
/// How long it waits for all of them.
const START_PATIENCE: Duration = Duration::from_secs(5);

/// Checks and compiles an application of a tenant, and counts how long that takes.
async fn prepare(
    node: &Node,
    tenant: &TenantName,
    package: &Package,
    digest: Digest,
) -> Result<Deployed, Fault> {
    let counts = node.metrics.of(tenant);
    node.apps.prepare(tenant, package, digest, counts).await
}

/// Deploys an application here, and tells all others until then: gives those that do not have it yet. What cannot read
/// what the version writes that it replaces is refused, unless that is `forced` (R19).
pub(crate) async fn deploy(
    node: &Arc<Node>,
    tenant: &TenantName,
    package: Package,
    forced: bool,
    until: Instant,
) -> Result<(Arc<Deployed>, Vec<NodeName>), Fault> {
    let listing = package.listing();
    let digest = digest(&listing.encode());
    let deployed = prepare(node, tenant, &package, digest).await?;
    let key = AppKey {
        tenant: tenant.clone(),
        app: deployed.spec.name.clone(),
    };
    if !forced {
        // It is compared with what is served here.
        let compared = follow(node, &key).await;
        compared.map_err(|fault| incomparable(&key, &fault))?;
    }
    let (it, of) = (Arc::clone(node), key.clone());
    let (app, entry) = unbroken(&node.tasks, async move {
        let (apps, key) = (&it.apps, of);
        let _turn = apps.changing.take(&key).await?;
        apps.check_reads(&key, &deployed, forced)?;
        let known = apps.catalogue.get(&key);
        let is_there = known.as_ref().and_then(Entry::package);
        apps.check_room(apps.catalogue.deployed() - usize::from(is_there.is_some()))?;
        if let Some(known) = &known
            && !apps.catalogue.is_emptied(&key, known)
        {
            deletion::remove_records(&it, &key, deletion::deleted_here(&it, known)).await?;
            apps.catalogue.empty(&key).await?;
        }
        let _held = apps.packages.hold().await;
        apps.packages.put(&package, &listing).await?;
        let entry = match known.filter(|_| is_there == Some(digest)) {
            Some(entry) => entry,
            None => {
                let change = |known: Option<&Entry>, stamp| Ok(Entry::deployed(known, digest, stamp));
                apps.catalogue.change(&key, it.clock.now(), change).await?
            }
        };
        Ok((apps.serve(key.tenant, deployed), entry))
    })
    .await?;
    let pending = tell(node, &key, entry, until).await?;
    Ok((app, pending))
}

/// Makes a change to its end, though its caller may leave: what is on the disk would not be in memory, and would come to life
/// with the node's next start.
async fn unbroken<T: Send + 'static>(
    tasks: &TaskTracker,
    change: impl Future<Output = Result<T, Fault>> + Send + 'static,
) -> Result<T, Fault> {
    let made = tasks.spawn(change).await;
    made.unwrap_or_else(|error| Err(Fault::internal(format!("changing an application: {error}"))))
}

/// Why it is not known whether a version can read what the one writes that it is to replace.
fn incomparable(key: &AppKey, fault: &Fault) -> Fault {
    let title = format!(
        "the version of {} that this one is to replace cannot be served here, so that nobody knows whether this one reads \
         what it writes: {}",
        key.app,
        fault.problem().title
    );
    let hint =
        "deploy it at another node; or force it, and sessions with states that it cannot read are refused";
    Fault::new(Kind::Conflict, title, hint)
}

/// Deploys the version before the one that is deployed; otherwise as [`deploy`].
pub(crate) async fn roll_back(
    node: &Arc<Node>,
    key: &AppKey,
    forced: bool,
    until: Instant,
) -> Result<(Arc<Deployed>, Vec<NodeName>), Fault> {
    let apps = &node.apps;
    follow(node, key).await?;
    let known = apps.catalogue.get(key).filter(|known| known.package().is_some());
    let known = known.ok_or_else(|| no_application(&key.app))?;
    let before = known.packages().nth(1).ok_or_else(|| {
        let title = format!("no version of {} is kept but the one that is deployed", key.app);
        Fault::new(Kind::Conflict, title, "deploy the older version again")
    })?;
    let files = apps
        .packages
        .get(&before, &mut Sources::of(node, &known.stamp.node))
        .await?;
    let deployed = prepare(node, &key.tenant, &files, before).await?;
    let (it, of) = (Arc::clone(node), key.clone());
    let (app, entry) = unbroken(&node.tasks, async move {
        let (apps, key) = (&it.apps, of);
        let _turn = apps.changing.take(&key).await?;
        apps.check_reads(&key, &deployed, forced)?;
        let change = |now: Option<&Entry>, stamp| {
            let now = now.filter(|now| **now == known);
            now.and_then(|now| now.rolled_back(stamp)).ok_or_else(|| {
                let title = format!("{} was changed meanwhile", key.app);
                Fault::new(
                    Kind::Conflict,
                    title,
                    "look what is deployed now (`fogline describe`)",
                )
            })
        };
        let entry = apps.catalogue.change(&key, it.clock.now(), change).await?;
        Ok((apps.serve(key.tenant, deployed), entry))
    })
    .await?;
    let pending = tell(node, key, entry, until).await?;
    Ok((app, pending))
}

/// Ends an application here, and tells all others until then: gives those that have not heard of it. Its records go
/// in a task of the node.
pub(crate) async fn delete(node: &Arc<Node>, key: &AppKey, until: Instant) -> Result<Vec<NodeName>, Fault> {
    let (it, of) = (Arc::clone(node), key.clone());
    let entry = unbroken(&node.tasks, async move {
        let (apps, key) = (&it.apps, of);
        let _turn = apps.changing.take(&key).await?;
        let entry = match apps.catalogue.get(&key) {
            None => return Err(no_application(&key.app)),
            Some(entry) if entry.package().is_none() => entry,
            Some(_) => {
                let change = |_: Option<&Entry>, stamp| Ok(Entry::deleted(stamp));
                let entry = apps.catalogue.change(&key, it.clock.now(), change).await?;
                apps.end(&key);
                entry
            }
        };
        deletion::begin(&it, &key);
        Ok(entry)
    })
    .await?;
    tell(node, key, entry, until).await
}

/// Tells all others of a change, and waits until they have followed it; gives those that have not.
async fn tell(node: &Arc<Node>, key: &AppKey, entry: Entry, until: Instant) -> Result<Vec<NodeName>, Fault> {
    let entries: Entries = vec![(key.clone(), entry)];
    let body = bytes::Bytes::from(peer::encode(&entries));
    let others = node.others();
    let told = others.into_iter().map(async |other| {
        let told = invoke::exchange(node, &other, &Request::Adopt, vec![body.clone()], until).await;
        match told {
            Ok(_) => None,
            Err(failed) => {
                let fault = Fault::from(failed);
                tracing::info!(application = %key, node = %other, problem = %fault.problem(), "not there yet");
                Some(other)
            }
        }
    });
    let told = futures_util::future::join_all(told).await;
    Ok(told.into_iter().flatten().collect())
}

/// Takes in what another node knows, and follows it.
pub(crate) async fn adopt(node: &Arc<Node>, entries: Entries) -> Result<(), Fault> {
    let keys: Vec<AppKey> = entries.iter().map(|(key, _)| key.clone()).collect();
    for (key, entry) in entries {
        node.apps.catalogue.adopt(key, entry, node.clock.now()).await?;
    }
    for key in keys {
        follow(node, &key).await?;
    }
    Ok(())
}

/// Serves what the catalogue says of an application, or ends its service.
async fn follow(node: &Arc<Node>, key: &AppKey) -> Result<(), Fault> {
    let apps = &node.apps;
    let _one = apps.following.take(key).await?;
    while let Some(entry) = apps
        .catalogue
        .get(key)
        .filter(|entry| is_behind(node, key, entry))
    {
        let Some(package) = entry.package() else {
            let _turn = apps.changing.take(key).await?;
            if apps.catalogue.get(key).is_some_and(|now| now.package().is_none()) {
                apps.end(key);
                deletion::begin(node, key);
            }
            continue;
        };
        apps.check_room(apps.all().len() - usize::from(apps.package(key).is_some()))?;
        let mut sources = Sources::of(node, &entry.stamp.node);
        let files = apps.packages.get(&package, &mut sources).await?;
        let deployed = prepare(node, &key.tenant, &files, package).await?;
        let _turn = apps.changing.take(key).await?;
        if apps.catalogue.get(key).as_ref() != Some(&entry) {
            continue;
        }
        if !apps.catalogue.is_emptied(key, &entry) {
            // A deletion of which this node has not heard in its time.
            apps.end(key);
            deletion::remove_records(node, key, false).await?;
            apps.catalogue.empty(key).await?;
        }
        apps.serve(key.tenant.clone(), deployed);
        tracing::info!(application = %key, %package, "deployed");
    }
    Ok(())
}

/// Whether what is served here of an application is not what the catalogue says.
fn is_behind(node: &Node, key: &AppKey, entry: &Entry) -> bool {
    let served = node.apps.package(key);
    served != entry.package() || (served.is_some() && !node.apps.catalogue.is_emptied(key, entry))
}

/// What came of following a change.
struct Tried {
    stamp: Stamp,
    failures: u32,
    again: Instant,
}

/// Follows the catalogue, wherever that has not been done when something was heard of; ends when the task that runs it
/// does.
pub(crate) async fn keep(node: &Arc<Node>) {
    let mut tried: BTreeMap<AppKey, Tried> = BTreeMap::new();
    let (mut under_way, mut following) = (FuturesUnordered::new(), BTreeSet::new());
    loop {
        let all = node.apps.catalogue.all();
        let mut behind: BTreeMap<AppKey, Entry> = all.into_iter().collect();
        behind.retain(|key, entry| is_behind(node, key, entry));
        tried.retain(|key, tried| behind.get(key).is_some_and(|entry| entry.stamp == tried.stamp));
        let now = Instant::now();
        let due = |key: &AppKey| !following.contains(key) && tried.get(key).is_none_or(|it| it.again <= now);
        let room = AT_ONCE - following.len();
        let due = behind.into_iter().filter(|(key, _)| due(key)).take(room);
        for (key, entry) in due.collect::<Vec<_>>() {
            following.insert(key.clone());
            under_way.push(async move { (follow(node, &key).await, key, entry.stamp) });
        }
        tokio::select! {
            Some((outcome, key, stamp)) = under_way.next() => {
                following.remove(&key);
                if let Err(fault) = outcome {
                    failed(&mut tried, key, stamp, &fault);
                }
            }
            () = node.apps.catalogue.news.notified() => {}
            () = tokio::time::sleep(LOOK_EVERY) => {}
        }
    }
}

/// Notes when what could not be followed is tried again.
fn failed(tried: &mut BTreeMap<AppKey, Tried>, key: AppKey, stamp: Stamp, fault: &Fault) {
    tracing::warn!(application = %key, problem = %fault.problem(), "not served as deployed");
    let failures = tried.get(&key).map_or(1, |tried| tried.failures + 1);
    let pause = match fault.problem().kind {
        Kind::NotDeployable => REFUSED_PAUSE,
        _ => pause_after(failures),
    };
    let it = Tried {
        stamp,
        failures,
        again: Instant::now() + pause,
    };
    tried.insert(key, it);
}

/// Serves what was deployed before the node stopped. What takes long, and what can no longer be served, is left to [`keep`].
pub(crate) async fn restore(node: &Arc<Node>) {
    let all = node.apps.catalogue.all().into_iter();
    let whole = all.filter(|(key, entry)| node.apps.catalogue.is_emptied(key, entry));
    let restored = futures_util::stream::iter(whole)
        .map(async |(key, entry)| {
            match tokio::time::timeout(RESTORE_PATIENCE, restore_one(node, &key, &entry)).await {
                Ok(Ok(())) => {}
                Ok(Err(fault)) => {
                    tracing::warn!(application = %key, problem = %fault.problem(), "not restored");
                }
                Err(_) => tracing::info!(application = %key, "not restored before the node serves"),
            }
        })
        .buffer_unordered(AT_ONCE)
        .collect::<()>();
    if tokio::time::timeout(START_PATIENCE, restored).await.is_err() {
        tracing::info!("not all applications are restored before the node serves");
    }
}

/// Serves the version that is deployed, or, if it had not arrived whole, the last one that had. An older one does not take the
/// place of one that cannot be served now.
async fn restore_one(node: &Arc<Node>, key: &AppKey, entry: &Entry) -> Result<(), Fault> {
    let mut last = Ok(());
    for package in entry.packages() {
        match node.apps.packages.get(&package, &mut Sources::none(node)).await {
            Ok(files) => {
                let deployed = prepare(node, &key.tenant, &files, package).await?;
                node.apps.serve(key.tenant.clone(), deployed);
                return last;
            }
            Err(fault) => last = Err(fault),
        }
    }
    last
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};

    use tokio::sync::Notify;

    use super::*;

    #[tokio::test]
    async fn a_change_is_made_to_its_end_though_its_caller_leaves() {
        let tasks = TaskTracker::new();
        let written = Arc::new(Notify::new());
        let (waits, made) = (Arc::clone(&written), Arc::new(AtomicBool::new(false)));
        let says = Arc::clone(&made);
        let mut asked = Box::pin(unbroken(&tasks, async move {
            waits.notified().await;
            says.store(true, Ordering::Relaxed);
            Ok(())
        }));
        assert!(futures_util::poll!(&mut asked).is_pending());
        drop(asked);
        written.notify_one();
        tasks.close();
        tasks.wait().await;
        assert!(made.load(Ordering::Relaxed));
    }
}
