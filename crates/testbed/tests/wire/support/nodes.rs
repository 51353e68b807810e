//! Nodes that know each other, without links between them to wait for.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use fogline_core::dispatch::Map;
use fogline_core::lease;
use fogline_core::model::{Bytes, Device, NodeName, TenantName};
use fogline_core::network::{Network, Node};
use fogline_core::telemetry::Capabilities;
use fogline_node::peers::{Authority, Endpoint, Mtu, Options as PeerOptions, udp_socket};
use fogline_node::{
    External, Gossip, Handle, Limits, Operator, Options, Others, Pace, Quorum, Tenants, TraceOptions,
};
use fogline_runtime::component::{ComponentOptions, ComponentRuntime};
use fogline_runtime::process::ProcessRuntime;
use fogline_runtime::{Runtime, Runtimes};
use fogline_state::seal::Keyring;
use fogline_state::{EtcdOptions, EtcdStore, RedisOptions, RedisStore};
use fogline_testbed::shape::{ShapeOptions, ShapedNetwork};
use quinn::AsyncUdpSocket;

use super::Meddling;

/// Two nodes that run functions, and one that keeps external state.
const THREE: [&str; 3] = ["one", "two", "cloud"];

/// How long a test waits for what must happen.
pub(crate) fn deadline() -> Instant {
    Instant::now() + Duration::from_secs(20)
}

/// What nodes are started with.
#[derive(Clone)]
pub(crate) struct Setup {
    /// The last one is the cloud, if there are several.
    pub(crate) names: Vec<&'static str>,
    pub(crate) tenants: Tenants,
    pub(crate) keyring: Keyring,
    pub(crate) meddling: Meddling,
    pub(crate) slots: usize,
    pub(crate) limits: Limits,
    /// Whether gossip finds the nodes: each is told the address of the first only.
    pub(crate) gossip: bool,
    /// What a node can beyond the others, by its name: taken by gossip only.
    pub(crate) labels: BTreeMap<&'static str, &'static str>,
    pub(crate) traces: Option<TraceOptions>,
    /// Where nodes other than the cloud keep their records, if not each for itself.
    pub(crate) quorum: Option<EtcdOptions>,
    /// The store behind `external`, if it is not that of the cloud.
    pub(crate) redis: Option<RedisOptions>,
    /// Nodes that run in other processes.
    pub(crate) elsewhere: Vec<&'static str>,
    /// The folder of the network's authority; a new one by default.
    pub(crate) authority: Option<PathBuf>,
    /// Whether each logs its decisions, to the file `decisions` in its folder.
    pub(crate) logs_decisions: bool,
    /// What lies between the nodes, if anything does.
    pub(crate) links: Option<Network>,
}

impl Default for Setup {
    fn default() -> Self {
        Self {
            names: THREE.to_vec(),
            tenants: Tenants::Open(name("local")),
            keyring: Keyring::generate(),
            meddling: Meddling::None,
            slots: 4,
            limits: Limits::default(),
            gossip: false,
            labels: BTreeMap::new(),
            traces: None,
            quorum: None,
            redis: None,
            elsewhere: Vec::new(),
            authority: None,
            logs_decisions: false,
            links: None,
        }
    }
}

impl Setup {
    /// Nodes that look every moment for what is not needed any more.
    pub(crate) fn sweeping() -> Self {
        Self {
            limits: Limits {
                sweep_every: Duration::from_millis(20),
                ..Limits::default()
            },
            ..Self::default()
        }
    }

    /// A cloud, which executes nothing itself, and one node that does.
    pub(crate) fn one_worker() -> Self {
        Self {
            names: vec!["one", "cloud"],
            ..Self::default()
        }
    }
}

/// Nodes that run.
pub(crate) struct Nodes {
    setup: Setup,
    folder: PathBuf,
    links: Option<ShapedNetwork>,
    authority: Authority,
    runtime: Arc<dyn Runtime>,
    endpoints: BTreeMap<&'static str, Endpoint>,
    handles: BTreeMap<&'static str, Handle>,
}

fn name<T: std::str::FromStr<Err: std::fmt::Debug>>(text: &str) -> T {
    text.parse().expect("it is a name")
}

impl Nodes {
    pub(crate) async fn start(folder: &Path, setup: Setup) -> Self {
        // Compiled once for all tests.
        let cache = Some(Path::new(env!("CARGO_TARGET_TMPDIR")).join("compiled"));
        let component = ComponentOptions {
            cache,
            workers: 64,
            ..ComponentOptions::default()
        };
        let component = ComponentRuntime::new(component).expect("components can be executed");
        let mut nodes = Self {
            folder: folder.to_path_buf(),
            links: setup.links.as_ref().map(|network| {
                ShapedNetwork::new(network, ShapeOptions::default()).expect("there is a thread")
            }),
            authority: match &setup.authority {
                Some(folder) => Authority::load(folder).expect("it was made"),
                None => Authority::new().expect("there are random numbers"),
            },
            runtime: Arc::new(Runtimes::new(component, ProcessRuntime)),
            endpoints: BTreeMap::new(),
            handles: BTreeMap::new(),
            setup,
        };
        for name in nodes.setup.names.clone() {
            nodes.bind(name);
        }
        for name in nodes.setup.names.clone() {
            nodes.run(name).await;
        }
        nodes
    }

    /// Gives a node a place on the transport, and tells all of all.
    fn bind(&mut self, node: &'static str) {
        let identity = self
            .authority
            .issue(&name(node))
            .expect("a certificate can be made");
        let socket = self.socket(node).expect("there is a free port");
        let options = PeerOptions {
            mtu: Mtu::Fixed(8000),
            ..PeerOptions::default()
        };
        let endpoint = Endpoint::bind(&identity, socket, &options).expect("the transport starts");
        self.endpoints.insert(node, endpoint);
        if self.setup.gossip {
            return;
        }
        for (of, at) in &self.endpoints {
            let address = at.local_address().expect("it is bound");
            for (_, other) in self.endpoints.iter().filter(|(other, _)| *other != of) {
                other.know(&name(of), address);
            }
        }
    }

    fn socket(&self, node: &str) -> std::io::Result<Arc<dyn AsyncUdpSocket>> {
        match self.links.as_ref().zip(self.setup.links.as_ref()) {
            Some((links, network)) => Ok(links.socket(network.find(node).expect("it is on the network"))?),
            None => udp_socket((Ipv4Addr::LOCALHOST, 0).into()),
        }
    }

    async fn run(&mut self, node: &'static str) {
        let cloud = self
            .setup
            .names
            .last()
            .filter(|_| self.setup.names.len() > 1)
            .copied();
        let tenants = match &self.setup.tenants {
            Tenants::Open(tenant) => vec![tenant.clone()],
            Tenants::Tokens(tenants) => tenants.iter().map(|(tenant, _)| tenant.clone()).collect(),
        };
        let keyring = |tenant: TenantName| (tenant, self.setup.keyring.clone());
        let options = Options {
            name: name(node),
            data: self.folder.join(node),
            http: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            tenants: self.setup.tenants.clone(),
            operator: Operator::Anyone,
            keyrings: tenants.into_iter().map(keyring).collect(),
            external: self.external(cloud.unwrap_or(node)).await,
            quorum: self.quorum(cloud == Some(node)),
            slots: if Some(node) == cloud { 0 } else { self.setup.slots },
            limits: self.setup.limits.clone(),
            peers: Some(self.endpoints[node].clone()),
            others: if self.setup.gossip {
                self.gossip(node, cloud)
            } else {
                self.listed(node, cloud)
            },
            traces: self.setup.traces.clone(),
            decisions: self
                .setup
                .logs_decisions
                .then(|| self.folder.join(node).join("decisions")),
            runtime: Arc::clone(&self.runtime),
        };
        let meddling = self.setup.meddling;
        let started = fogline_node::start_with(options, move |store| meddling.between(store)).await;
        self.handles.insert(node, started.expect("the node starts"));
    }

    fn listed(&self, node: &str, cloud: Option<&str>) -> Others {
        let machine = |name: &str| Node::of(Device::NUC, Some(name) != cloud, false);
        let names = self.setup.names.iter().chain(&self.setup.elsewhere);
        let machines = names.clone().map(|it| (name(it), machine(it))).collect();
        let cloud: Option<NodeName> = cloud.map(name);
        let map = Map::flat(&machines, cloud.as_ref()).expect("they are machines");
        let others = names.filter(|other| **other != node).map(|other| name(other));
        Others::Listed(others.collect(), Arc::new(map))
    }

    fn gossip(&self, node: &str, cloud: Option<&str>) -> Others {
        let first = &self.endpoints[self.setup.names[0]];
        let seed = first.local_address().expect("it is bound").to_string();
        let labels = self
            .setup
            .labels
            .get(node)
            .iter()
            .map(|it| (**it).to_owned())
            .collect();
        Others::Gossip(Box::new(Gossip {
            seeds: vec![seed],
            host: Ipv4Addr::LOCALHOST.into(),
            capabilities: Capabilities {
                cpu_millis: 4000,
                memory: Bytes(1 << 34),
                labels,
                functions: Some(node) != cloud,
                ..Capabilities::default()
            },
            pace: Pace {
                gossip_every: Duration::from_millis(100),
                publish_every: Duration::from_millis(100),
                ..Pace::default()
            },
            map: None,
        }))
    }

    async fn external(&self, cloud: &str) -> External {
        let Some(options) = &self.setup.redis else {
            return External::Node(name(cloud));
        };
        let store = RedisStore::connect(options).await.expect("the server answers");
        External::Store(Arc::new(store))
    }

    fn quorum(&self, cloud: bool) -> Option<Quorum> {
        let options = self.setup.quorum.as_ref().filter(|_| !cloud)?;
        let etcd = EtcdStore::new(options).expect("they are servers");
        let term = lease::TERM;
        Some(Quorum { etcd, term })
    }

    /// Tells all where a node of another process is.
    pub(crate) fn know(&self, node: &str, address: SocketAddr) {
        for endpoint in self.endpoints.values() {
            endpoint.know(&name(node), address);
        }
    }

    /// Where others reach a node.
    pub(crate) fn peer_address(&self, node: &str) -> SocketAddr {
        self.endpoints[node].local_address().expect("it is bound")
    }

    /// The URL of a node.
    pub(crate) fn url(&self, node: &str) -> String {
        format!("http://{}", self.handles[node].http())
    }

    /// Bytes that a node has received from others since it was started.
    pub(crate) fn received(&self, node: &str) -> u64 {
        let traffic = self.handles[node].traffic();
        traffic.values().map(|peer| peer.received.0).sum()
    }

    pub(crate) fn address(&self, node: &str) -> SocketAddr {
        self.handles[node].http()
    }

    /// Starts a node that was stopped, on the folder that it left, or another one.
    pub(crate) async fn start_node(&mut self, node: &'static str) {
        self.bind(node);
        self.run(node).await;
    }

    /// Bytes of messages that nodes have sent each other.
    pub(crate) fn sent(&self) -> Bytes {
        let traffic = self
            .handles
            .values()
            .flat_map(|handle| handle.traffic().into_values());
        traffic.map(|traffic| traffic.sent).sum()
    }

    /// Stops a node, as its operator would.
    pub(crate) async fn stop_node(&mut self, node: &str) {
        self.handles.remove(node).expect("it runs").stop().await;
    }

    /// Cuts a node off from the others, who are not told.
    pub(crate) async fn cut(&self, node: &str) {
        self.endpoints[node].close(Duration::ZERO).await;
    }

    pub(crate) async fn stop(self) {
        futures_util::future::join_all(self.handles.into_values().map(Handle::stop)).await;
    }
}
