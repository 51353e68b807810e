//! The nodes of a network, running in this process.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use fogline_core::dispatch::Map;
use fogline_core::model::{Bytes, NodeName, TenantName};
use fogline_core::network::{Network, Node, NodeId, VertexId};
use fogline_core::telemetry::Capabilities;
use fogline_node::peers::{Authority, Endpoint, Mtu, Options as PeerOptions, udp_socket};
use fogline_node::{External, Gossip, Handle, Limits, Operator, Options, Others, Pace, Tenants};
use fogline_runtime::component::{ComponentOptions, ComponentRuntime};
use fogline_runtime::process::ProcessRuntime;
use fogline_runtime::{Runtime, Runtimes};
use fogline_state::seal::Keyring;

use crate::error::TestbedError;
use crate::network::Plan;
use crate::paced::PacedRuntime;
use crate::shape::{ShapeOptions, ShapedNetwork};

/// The name of the node that keeps external state.
const CLOUD: &str = "cloud";
/// How long nodes have to find each other.
const CONNECT: Duration = Duration::from_secs(10);
/// Datagrams between nodes, in bytes: fewer and larger ones than on the wire, because each costs this machine as
/// much as many links together cost theirs.
const DATAGRAM: u16 = 8000;

/// A network of real nodes.
pub struct Testbed {
    nodes: BTreeMap<NodeName, Handle>,
    clients: Vec<NodeName>,
    map: Arc<Map>,
    links: Option<Arc<ShapedNetwork>>,
}

/// Bytes of messages between nodes since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Traffic {
    /// Bytes of messages, each times the links that it crossed, as the simulator reckons traffic.
    pub bytes_times_links: Bytes,
    /// Bytes of messages.
    pub bytes: Bytes,
    /// Calls between nodes.
    pub calls: u64,
}

/// What one node is made from.
struct Seat {
    name: NodeName,
    at: VertexId,
    node: Option<NodeId>,
    endpoint: Endpoint,
}

impl Testbed {
    /// Starts the nodes of a network, and connects them all. Must be called within a tokio runtime.
    ///
    /// # Errors
    /// When the plan cannot be carried out on this machine.
    pub async fn start(plan: Plan) -> Result<Self, TestbedError> {
        let (network, cloud) = with_cloud(&plan)?;
        let links = if plan.shaped {
            let shaped = ShapedNetwork::new(&network, ShapeOptions::default());
            Some(Arc::new(shaped.map_err(TestbedError::Links)?))
        } else {
            None
        };
        let seats = seats(&network, cloud, links.as_deref())?;
        let seeds = seeds(&seats)?;
        let runtime = runtime(&plan)?;
        let clients = network.node_ids().filter(|id| network.node(*id).client);
        let clients = clients
            .filter_map(|id| network.node_name(id).parse().ok())
            .collect();
        let map = Arc::new(Map::new(network, Some(cloud)));
        let tenant: TenantName = "local".parse().expect("it is a name");
        let keyring = plan.keyring.clone().unwrap_or_else(Keyring::generate);
        let mut nodes = BTreeMap::new();
        for seat in &seats {
            let machine = seat.node.map(|id| map.network().node(id).clone());
            let works = machine.as_ref().filter(|it| it.worker && !it.client);
            let slots = works.map_or(0, |machine| machine.cpu_millis.div_ceil(1000));
            let capabilities = machine.as_ref().map_or_else(Capabilities::default, told);
            let runtime = match machine {
                Some(machine) if plan.paced => Arc::new(PacedRuntime {
                    real: Arc::clone(&runtime),
                    machine,
                }),
                _ => Arc::clone(&runtime),
            };
            let options = Options {
                name: seat.name.clone(),
                data: plan.folder.join(seat.name.as_str()),
                http: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
                tenants: Tenants::Open(tenant.clone()),
                operator: Operator::Anyone,
                keyrings: BTreeMap::from([(tenant.clone(), keyring.clone())]),
                external: External::Node(CLOUD.parse().expect("it is a name")),
                quorum: None,
                slots: usize::try_from(slots).unwrap_or(1),
                limits: Limits::default(),
                peers: Some(seat.endpoint.clone()),
                others: Others::Gossip(Box::new(Gossip {
                    seeds: seeds.clone(),
                    host: Ipv4Addr::LOCALHOST.into(),
                    capabilities,
                    pace: Pace::default(),
                    map: Some(Arc::clone(&map)),
                })),
                traces: None,
                decisions: None,
                runtime,
            };
            let started = fogline_node::start(options).await;
            let started = started.map_err(|source| TestbedError::Start {
                node: seat.name.clone(),
                source: Box::new(source),
            })?;
            nodes.insert(seat.name.clone(), started);
        }
        connect(&seats).await?;
        find(&nodes).await?;
        Ok(Self {
            nodes,
            clients,
            map,
            links,
        })
    }

    /// The nodes where requests of clients enter the network.
    #[must_use]
    pub fn clients(&self) -> &[NodeName] {
        &self.clients
    }

    /// All nodes.
    pub fn nodes(&self) -> impl Iterator<Item = &NodeName> {
        self.nodes.keys()
    }

    /// The base URL of a node's gateway; `None` if there is no such node.
    #[must_use]
    pub fn url(&self, node: &NodeName) -> Option<String> {
        Some(format!("http://{}", self.nodes.get(node)?.http()))
    }

    /// The map by which all nodes dispatch.
    #[must_use]
    pub fn map(&self) -> &Map {
        &self.map
    }

    /// The emulated links, if they are emulated.
    #[must_use]
    pub fn links(&self) -> Option<&ShapedNetwork> {
        self.links.as_deref()
    }

    /// What the nodes have sent to each other.
    #[must_use]
    pub fn traffic(&self) -> Traffic {
        let mut all = Traffic::default();
        for (from, node) in &self.nodes {
            for (to, sent) in node.traffic() {
                let places = self.map.place_of(from).zip(self.map.place_of(&to));
                let links = places.map_or(0, |(from, to)| self.map.routes().path(from, to).links);
                all.bytes += sent.sent;
                all.bytes_times_links += sent.sent * u64::from(links);
                all.calls += sent.calls;
            }
        }
        all
    }

    /// Stops all nodes.
    pub async fn stop(self) {
        futures_util::future::join_all(self.nodes.into_values().map(Handle::stop)).await;
    }
}

fn with_cloud(plan: &Plan) -> Result<(Network, VertexId), TestbedError> {
    let network = plan.network.clone();
    let places = network
        .uplinks(&plan.cloud.attached_to)
        .map_err(|name| no_uplink(&name))?;
    Ok(network.with_cloud(&places, plan.cloud_rate(), plan.cloud_one_way())?)
}

fn no_uplink(name: &str) -> TestbedError {
    TestbedError::Input(fogline_core::model::BadInput::whole(
        "the network",
        format!("has no vertex \"{name}\" that would lead to the cloud"),
        "name one with attached-to in [cloud]",
    ))
}

fn runtime(plan: &Plan) -> Result<Arc<dyn Runtime>, TestbedError> {
    let cache = plan.folder.join("compiled");
    std::fs::create_dir_all(&cache).map_err(|source| TestbedError::Folder {
        path: cache.clone(),
        source,
    })?;
    let component = ComponentRuntime::new(ComponentOptions {
        cache: Some(cache),
        ..ComponentOptions::default()
    })?;
    Ok(Arc::new(Runtimes::new(component, ProcessRuntime)))
}

/// A place on the transport for every machine, and one for the cloud; all know where the others are.
fn seats(
    network: &Network,
    cloud: VertexId,
    links: Option<&ShapedNetwork>,
) -> Result<Vec<Seat>, TestbedError> {
    let authority = Authority::new()?;
    let options = PeerOptions {
        mtu: Mtu::Fixed(DATAGRAM),
        ..PeerOptions::default()
    };
    let machines = network
        .node_ids()
        .map(|id| (network.node_name(id), network.node_vertex(id), Some(id)));
    let mut seats = Vec::new();
    for (name, at, node) in machines.chain([(CLOUD, cloud, None)]) {
        let name: NodeName = name.parse().map_err(|error| {
            fogline_core::model::BadInput::whole("the network", format!("{error}"), "rename the node")
        })?;
        let socket: std::io::Result<Arc<dyn quinn::AsyncUdpSocket>> = match links {
            Some(links) => links
                .socket(at)
                .map(|socket| socket as Arc<dyn quinn::AsyncUdpSocket>),
            None => udp_socket((Ipv4Addr::LOCALHOST, 0).into()),
        };
        let socket = socket.map_err(|source| TestbedError::Socket {
            node: name.clone(),
            source,
        })?;
        let endpoint = Endpoint::bind(&authority.issue(&name)?, socket, &options).map_err(|source| {
            TestbedError::Bind {
                node: name.clone(),
                source,
            }
        })?;
        seats.push(Seat {
            name,
            at,
            node,
            endpoint,
        });
    }
    for seat in &seats {
        for other in seats.iter().filter(|other| other.at != seat.at) {
            let address = other.endpoint.local_address();
            let address = address.map_err(|source| TestbedError::Socket {
                node: other.name.clone(),
                source,
            })?;
            seat.endpoint.know(&other.name, address);
        }
    }
    Ok(seats)
}

/// What a machine of the network says of itself.
fn told(machine: &Node) -> Capabilities {
    Capabilities {
        arch: machine.arch.clone(),
        cpu_millis: machine.cpu_millis,
        memory: machine.memory,
        model: machine.model.clone(),
        labels: machine.capabilities.iter().cloned().collect(),
        functions: machine.worker && !machine.client,
        issuer: false,
    }
}

/// Where all nodes listen: none waits for another to be told by a third.
fn seeds(seats: &[Seat]) -> Result<Vec<String>, TestbedError> {
    let seed = |seat: &Seat| {
        let address = seat.endpoint.local_address();
        address
            .map(|address| address.to_string())
            .map_err(|source| TestbedError::Socket {
                node: seat.name.clone(),
                source,
            })
    };
    seats.iter().map(seed).collect()
}

/// Waits until every node has heard of all others.
async fn find(nodes: &BTreeMap<NodeName, Handle>) -> Result<(), TestbedError> {
    for (name, node) in nodes {
        let found = tokio::time::timeout(CONNECT, node.found(nodes.len())).await;
        found.map_err(|_| TestbedError::Apart {
            node: name.clone(),
            within: CONNECT,
        })?;
    }
    Ok(())
}

async fn connect(seats: &[Seat]) -> Result<(), TestbedError> {
    let deadline = Instant::now() + CONNECT;
    let pairs = seats.iter().flat_map(|seat| {
        let others = seats.iter().filter(|other| other.name != seat.name);
        others.map(|other| seat.endpoint.connect(&other.name, deadline))
    });
    futures_util::future::try_join_all(pairs).await?;
    Ok(())
}
