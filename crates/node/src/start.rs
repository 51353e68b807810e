//! Starting and stopping a node.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use fogline_core::dispatch::Map;
use fogline_core::model::{NodeName, TenantName};
use fogline_core::network::{NetworkError, VertexId};
use fogline_membership::Membership;
use fogline_runtime::Runtime;
use fogline_state::seal::{Keyring, Sealer};
use fogline_state::{EmbeddedOptions, EmbeddedStore, EtcdStore, OpenError, Store, StoreError};
use http::Request;
use thiserror::Error;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::apps::{Apps, compare, rollout};
use crate::calls::Calls;
use crate::clock::Clock;
use crate::decisions::Decisions;
use crate::gateway::{self, Body, Response};
use crate::homes::{Homes, Owner, RemoteStore, Turns};
use crate::incarnation;
use crate::invoke::Dispatcher;
use crate::limits::Limits;
use crate::logs::Logs;
use crate::members::{self, GossipError, Life, Members, Others};
use crate::metrics::Metrics;
use crate::node::Node;
use crate::peers::{Endpoint, Traffic};
use crate::quotas::Quotas;
use crate::runs;
use crate::site::Site;
use crate::slots::Slots;
use crate::sweep;
use crate::tokens::{Operator, Tenants};
use crate::trace::{self, TraceOptions};

/// How long a node that stops waits for what is under way.
const GRACE: Duration = Duration::from_secs(10);

/// What a node is.
pub struct Options {
    /// Its name.
    pub name: NodeName,
    /// The folder of its store, and of what it has compiled; made if it is not there.
    pub data: PathBuf,
    /// Where clients reach it; port 0 stands for any free one.
    pub http: SocketAddr,
    /// Whose applications and sessions it serves.
    pub tenants: Tenants,
    /// Who may do what concerns all tenants.
    pub operator: Operator,
    /// The keys with which states that are with clients are sealed, by tenant.
    pub keyrings: BTreeMap<TenantName, Keyring>,
    /// The store behind the model `external`.
    pub external: External,
    /// The store of session records that this node shares with others of its site; without one they are in its own.
    pub quorum: Option<Quorum>,
    /// Executions at once.
    pub slots: usize,
    /// What it takes at once.
    pub limits: Limits,
    /// The transport to other nodes.
    pub peers: Option<Endpoint>,
    /// Who the other nodes are, and what is between them.
    pub others: Others,
    /// Where traces go; nowhere if there is nothing here.
    pub traces: Option<TraceOptions>,
    /// The file that gets a line for each decision.
    pub decisions: Option<PathBuf>,
    /// What executes functions.
    pub runtime: Arc<dyn Runtime>,
}

/// The store behind the model `external`.
pub enum External {
    /// There is none.
    None,
    /// That of a node, this one or a peer.
    Node(NodeName),
    /// Another.
    Store(Arc<dyn Store>),
}

/// The store of session records of a site.
pub struct Quorum {
    /// Where all nodes of the site have their records.
    pub etcd: EtcdStore,
    /// How long the node may go on by itself without renewing its lease there; [`fogline_core::lease::TERM`] by default.
    pub term: Duration,
}

/// Why a node did not start.
#[derive(Debug, Error)]
pub enum StartError {
    /// Its data folder cannot be used.
    #[error("preparing the data folder {path}\nhint: check that it may be written and has room")]
    Data {
        /// The folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Its store cannot be opened.
    #[error("opening the node's store")]
    Open(#[from] OpenError),
    /// Its store cannot be read.
    #[error("reading the node's store")]
    Store(#[from] StoreError),
    /// Its address cannot be listened on.
    #[error("listening on {address}\nhint: choose another port, or 0 for any free one")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
    /// It is not on its own map.
    #[error("the node {0} is not on the map of its network\nhint: name it in the network file")]
    NotOnMap(NodeName),
    /// It takes no part in gossip.
    #[error("finding the other nodes")]
    Gossip(#[from] GossipError),
    /// Its map cannot be drawn.
    #[error("drawing the map of the network")]
    Map(#[from] NetworkError),
}

/// A node that runs.
pub struct Handle {
    node: Arc<Node>,
    http: SocketAddr,
    /// The task that keeps the node's lease, and what ends it: later than all others.
    keeping: TaskTracker,
    leaving: CancellationToken,
}

/// Starts a node. It is ready when this returns.
///
/// # Errors
/// When its data cannot be used, or its address is taken.
pub async fn start(options: Options) -> Result<Handle, StartError> {
    start_with(options, |store| store).await
}

/// As [`start`], where `records` says what stands between the node and stores of session records.
///
/// # Errors
/// As [`start`].
pub async fn start_with(
    options: Options,
    records: impl Fn(Arc<dyn Store>) -> Arc<dyn Store> + Send + Sync + 'static,
) -> Result<Handle, StartError> {
    let store = open(&options.data).await?;
    let begun = incarnation::begin(&store).await?;
    tracing::info!(node = %options.name, incarnation = begun.number, "starts");
    let (listener, http) = listen(options.http).await?;
    let (map, members, gossip) = surroundings(&options, http, begun.number).await?;
    let here = place(&map, &options.name)?;
    let allowed = allowed(&options.tenants, &options.limits);
    let quotas = Arc::new(Quotas::new(options.limits.quotas));
    let (local, site) = home(&options.name, &store, &quotas, options.quorum, records);
    let external = external(options.external, &options.name, &local, options.peers.as_ref());
    let lease = site.as_ref().map(|site| Arc::clone(&site.lease));
    let (counting, clock) = (Arc::clone(&quotas), Clock::open(&store)?);
    let (tasks, stopping) = (TaskTracker::new(), CancellationToken::new());
    let metrics = Metrics::new(options.tenants.names().into_iter());
    let (tracer, exporter) = trace::start(options.traces.as_ref(), &options.name, &metrics.spans());
    let logging = (metrics.decisions_lost.clone(), &tasks, &stopping);
    let decisions = Decisions::start(options.decisions, &options.name, logging);
    let (name, peers) = (options.name.clone(), options.peers.clone());
    let homes = Homes::new(name, Arc::clone(&local), external, peers, site.clone());
    let owner = Owner::new(local, lease, counting, tasks.clone(), begun.after_crash);
    let node = Arc::new(Node {
        apps: Apps::open(&options.name, &store, options.runtime, options.data, allowed)?,
        sweep_every: options.limits.sweep_every,
        write_patience: options.limits.write_patience,
        bodies: Arc::new(gateway::Room::new(gateway::MAX_BODIES)),
        homes: homes.traced(&tracer),
        owner: Arc::new(owner),
        turns: Turns::new(options.limits.session_queue),
        forwards: crate::forwards::Forwards::default(),
        followed: crate::follow::Followed::default(),
        staged: crate::staged::Staged::new(site.is_none().then(|| Arc::clone(&store))),
        requested: crate::requested::Requested::open(Arc::clone(&store))?,
        dispatcher: Dispatcher::new(map, here, decisions),
        slots: Slots::new(options.slots, options.limits.waiting),
        runs: runs::Runs::new(options.limits.fire_again_after),
        sealers: options.keyrings.into_iter().map(sealer).collect(),
        logs: Logs::new(options.name.clone(), clock.now()),
        clock,
        metrics,
        tracer,
        endpoint: options.peers,
        members,
        draining: AtomicBool::new(false),
        operator: options.operator,
        tenants: options.tenants,
        quotas,
        name: options.name,
        stopping,
        store,
        tasks,
    });
    rollout::restore(&node).await;
    spawn(&node, listener);
    exporter.map(|exporter| node.tasks.spawn(exporter.run(node.stopping.clone())));
    if let Some((life, membership)) = gossip {
        // It ends by itself, with a goodbye.
        node.tasks
            .spawn(members::take_part(Arc::clone(&node), life, membership));
    }
    let (keeping, leaving) = (TaskTracker::new(), CancellationToken::new());
    if let Some(site) = site {
        belong(&node, site, &keeping, leaving.clone()).await;
    }
    Ok(Handle {
        node,
        http,
        keeping,
        leaving,
    })
}

/// How many applications a node keeps, and whose functions may be programs.
fn allowed(tenants: &Tenants, limits: &Limits) -> (usize, BTreeSet<TenantName>) {
    (limits.apps, tenants.with_processes(&limits.processes))
}

/// Where a node is on its map.
fn place(map: &Map, node: &NodeName) -> Result<VertexId, StartError> {
    let place = map.place_of(node);
    place.ok_or_else(|| StartError::NotOnMap(node.clone()))
}

/// The store of a node's records, and its site, if others share it.
fn home(
    name: &NodeName,
    store: &Arc<EmbeddedStore>,
    quotas: &Arc<Quotas>,
    quorum: Option<Quorum>,
    records: impl Fn(Arc<dyn Store>) -> Arc<dyn Store> + Send + Sync + 'static,
) -> (Arc<dyn Store>, Option<Arc<Site>>) {
    let Some(Quorum { etcd, term }) = quorum else {
        return (quotas.between(records(Arc::clone(store) as Arc<dyn Store>)), None);
    };
    let site = Site::new(name.clone(), etcd, term, Box::new(records));
    (quotas.between(site.own()), Some(Arc::new(site)))
}

/// The store behind the model `external`, if there is one.
fn external(
    external: External,
    this: &NodeName,
    local: &Arc<dyn Store>,
    peers: Option<&Endpoint>,
) -> Option<Arc<dyn Store>> {
    match (external, peers) {
        (External::Store(store), _) => Some(store),
        (External::Node(node), _) if node == *this => Some(Arc::clone(local)),
        (External::Node(node), Some(peers)) => Some(Arc::new(RemoteStore::new(peers.clone(), node))),
        (External::Node(_), None) | (External::None, _) => None,
    }
}

fn sealer((tenant, keyring): (TenantName, Keyring)) -> (TenantName, Arc<Sealer>) {
    let sealer = Arc::new(Sealer::new(tenant.clone(), keyring));
    (tenant, sealer)
}

/// Makes a node one of its site: gets its lease, and looks who else is there.
async fn belong(node: &Arc<Node>, site: Arc<Site>, keeping: &TaskTracker, leaving: CancellationToken) {
    let (it, lease) = (Arc::clone(node), Arc::clone(&site.lease));
    keeping.spawn(async move { lease.keep(&it.owner, &leaving).await });
    site.lease.wait().await;
    // Those that start later are seen later.
    site.look(Duration::ZERO).await;
    let look = node
        .stopping
        .clone()
        .run_until_cancelled_owned(async move { site.look_around().await });
    node.tasks.spawn(look);
}

/// The store in a node's folder.
async fn open(data: &Path) -> Result<Arc<EmbeddedStore>, StartError> {
    let made = tokio::fs::create_dir_all(data).await;
    made.map_err(|source| StartError::Data {
        path: data.to_owned(),
        source,
    })?;
    let store = EmbeddedStore::open(&data.join("store.redb"), &EmbeddedOptions::default())?;
    Ok(Arc::new(store))
}

/// Listens for clients; says where, if any port will do.
async fn listen(address: SocketAddr) -> Result<(TcpListener, SocketAddr), StartError> {
    let failed = |source| StartError::Listen { address, source };
    let listener = TcpListener::bind(address).await.map_err(failed)?;
    let at = listener.local_addr().map_err(failed)?;
    Ok((listener, at))
}

/// The map that a node begins with, the nodes that it knows, and its part in gossip.
async fn surroundings(
    options: &Options,
    http: SocketAddr,
    incarnation: u64,
) -> Result<(Arc<Map>, Members, Option<(Life, Membership)>), StartError> {
    let gossip = match &options.others {
        Others::Listed(names, map) => return Ok((Arc::clone(map), Members::listed(names.clone()), None)),
        Others::Gossip(gossip) => (**gossip).clone(),
    };
    let cloud = match &options.external {
        External::Node(node) => Some(node.clone()),
        External::None | External::Store(_) => None,
    };
    let map = match &gossip.map {
        Some(map) => Arc::clone(map),
        None => {
            let itself = BTreeMap::from([(options.name.clone(), gossip.capabilities.machine())]);
            Arc::new(Map::flat(&itself, cloud.as_ref())?)
        }
    };
    let life = Life {
        name: options.name.clone(),
        gossip,
        http,
        cloud,
        endpoint: options.peers.clone().ok_or(GossipError::NoTransport)?,
    };
    let membership = life.begin(incarnation).await?;
    let members = Members::found(membership.members());
    Ok((map, members, Some((life, membership))))
}

/// The tasks of a node: each ends when it stops.
fn spawn(node: &Arc<Node>, listener: TcpListener) {
    let (stopping, tasks) = (&node.stopping, &node.tasks);
    tasks.spawn(gateway::serve(listener, Arc::clone(node)));
    let it = Arc::clone(node);
    tasks.spawn(
        stopping
            .clone()
            .run_until_cancelled_owned(async move { it.clock.keep_floor(&it.store).await }),
    );
    let it = Arc::clone(node);
    tasks.spawn(
        stopping
            .clone()
            .run_until_cancelled_owned(async move { sweep::sweep(&it).await }),
    );
    let it = Arc::clone(node);
    tasks.spawn(stopping.clone().run_until_cancelled_owned(async move {
        if let Err(fault) = runs::resume(&it).await {
            tracing::error!(problem = %fault.problem(), "accepted runs do not go on");
        }
    }));
    let it = Arc::clone(node);
    tasks.spawn(
        stopping
            .clone()
            .run_until_cancelled_owned(async move { rollout::keep(&it).await }),
    );
    if let Some(endpoint) = node.endpoint.clone() {
        let it = Arc::clone(node);
        tasks.spawn(
            stopping
                .clone()
                .run_until_cancelled_owned(async move { compare::keep(&it).await }),
        );
        endpoint.not_before(node.clock.now());
        let it = endpoint.clone();
        tasks.spawn(
            stopping
                .clone()
                .run_until_cancelled_owned(async move { it.keep().await }),
        );
        let calls = Arc::new(Calls(Arc::clone(node)));
        tasks.spawn(
            stopping
                .clone()
                .run_until_cancelled_owned(async move { endpoint.serve(calls).await }),
        );
    }
}

impl Handle {
    /// Where clients reach it.
    #[must_use]
    pub fn http(&self) -> SocketAddr {
        self.http
    }

    /// Answers a caller of this process: the same as over HTTP, without a socket.
    pub async fn answer(&self, request: Request<Body>) -> Response {
        gateway::answer(&self.node, request).await
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &NodeName {
        &self.node.name
    }

    /// Waits until it has heard of so many nodes that are up, itself among them.
    pub async fn found(&self, count: usize) {
        self.node.members.come(count).await;
    }

    /// Bytes and calls to and from each peer, since the start.
    #[must_use]
    pub fn traffic(&self) -> BTreeMap<NodeName, Traffic> {
        self.node
            .endpoint
            .as_ref()
            .map(Endpoint::traffic)
            .unwrap_or_default()
    }

    /// Stops it: what is under way is finished, within ten seconds, and what must survive is stored.
    pub async fn stop(self) {
        self.node.stopping.cancel();
        self.node.tasks.close();
        let done = tokio::time::timeout(GRACE, self.node.tasks.wait()).await;
        if done.is_err() {
            tracing::warn!(node = %self.node.name, "stopped with requests under way");
        }
        let stored = tokio::time::timeout(GRACE, self.node.owner.release_all()).await;
        if stored != Ok(true) {
            tracing::error!(node = %self.node.name, "stopped with sessions that are not stored");
        } else if done.is_ok()
            && self.node.owner.crashes().is_none()
            && let Err(error) = incarnation::end(&self.node.store).await
        {
            tracing::warn!(node = %self.node.name, %error, "the next start will take this for a crash");
        }
        // Nothing is in memory any more, so that others need not wait for the end of its term.
        self.leaving.cancel();
        self.keeping.close();
        self.keeping.wait().await;
        if let Some(endpoint) = &self.node.endpoint {
            endpoint.close(Duration::from_secs(1)).await;
        }
    }
}
