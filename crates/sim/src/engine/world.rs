//! A network as a scenario sees it: with its cloud, workers, clients and stores.

use fogline_core::cost::{Cloud, CostOptions, Invocation, Replies, Repository};
use fogline_core::model::{BitRate, FunctionClass, Seconds, StepIndex, Workflow};
use fogline_core::network::{Network, NetworkError, NodeId, Path, RouteOptions, Routes, VertexId};
use fogline_core::policy::{WorkerIndex, Workers};
use fogline_manifest::scenario::{
    Affinity, CloudSection, ExternalTraffic, FunctionSection, Latencies, Paths as PathsSwitch, RandomNumbers,
    RepositoryChoice, Speeds, Switches, WorkerChoice,
};
use thiserror::Error;

use super::repository;

/// All that a scenario needs to know of one network, and what does not change from one replication to another.
#[derive(Debug)]
pub struct World {
    /// The network, with the cloud.
    pub network: Network,
    /// Its paths.
    pub routes: Routes,
    /// The nodes that run functions, without load.
    pub workers: Workers,
    /// The nodes that jobs come from.
    pub clients: Vec<NodeId>,
    /// Their places.
    pub client_vertices: Vec<VertexId>,
    /// By client: the worker that its requests enter the network by, the nearest.
    pub entries: Vec<WorkerIndex>,
    /// By function: its row of speeds in `workers`.
    pub profiles: Vec<usize>,
    /// Where external state is.
    pub cloud: Cloud,
    /// By client: the store of in-edge state.
    pub repositories: Vec<Repository>,
    /// By client: the cloud, if it is in the network.
    pub clouds: Vec<Option<Repository>>,
    /// What the models cost.
    pub costs: CostOptions,
}

/// Why a network does not fit a scenario.
#[derive(Clone, Debug, PartialEq, Error)]
pub enum WorldError {
    /// Nobody runs functions.
    #[error("the network has no worker that is not a client")]
    NoWorker,
    /// Nobody calls functions.
    #[error("the network has no client")]
    NoClient,
    /// Nothing leads to the cloud.
    #[error("the network has no vertex \"{0}\" that would lead to the cloud")]
    NoUplink(String),
    /// A function that no worker can run.
    #[error("no worker can run the function \"{function}\", which requires \"{requires}\"")]
    NoCapableWorker {
        /// Its name.
        function: String,
        /// What is missing.
        requires: String,
    },
    /// The cloud does not fit.
    #[error("the cloud cannot be attached: {0}")]
    Network(#[from] NetworkError),
}

impl WorldError {
    /// What to do about it.
    #[must_use]
    pub fn hint(&self) -> &'static str {
        match self {
            Self::NoWorker => "give a node the role of a worker, or set workers = \"all\" in [switches]",
            Self::NoClient => "give at least one node the role of a client",
            Self::NoUplink(_) => {
                "name one with attached-to in [cloud], or set external-traffic = \"once\" in [switches]"
            }
            Self::NoCapableWorker { .. } => "add a worker with that capability, or drop the requirement",
            Self::Network(_) => "rename what is in the way, or correct the figures of [cloud]",
        }
    }
}

impl World {
    /// Prepares a network.
    ///
    /// # Errors
    /// When the network has no worker, client or uplink, or no worker for a function.
    pub fn new(
        network: Network,
        cloud: &CloudSection,
        functions: &[FunctionSection],
        switches: &Switches,
    ) -> Result<Self, WorldError> {
        let network = match switches.latencies {
            Latencies::Links => network,
            Latencies::None => network.without_latencies(),
        };
        let (network, cloud) = attach_cloud(network, cloud, switches.external_traffic)?;
        let reversed = switches.paths == PathsSwitch::Reversed;
        let routes = Routes::new(
            &network,
            RouteOptions {
                transfer: switches.transfer,
                reversed,
            },
        );
        let clients = clients(&network, switches.random)?;
        let client_vertices: Vec<VertexId> = clients.iter().map(|node| network.node_vertex(*node)).collect();
        let nodes = worker_nodes(&network, switches.workers)?;
        let (profiles, speeds) = profiles(&network, &nodes, functions, switches)?;
        let vertices = nodes.iter().map(|node| network.node_vertex(*node)).collect();
        let workers = Workers::new(nodes, vertices, speeds);
        let store = |at: VertexId, client: VertexId| Repository {
            at,
            to_client: routes.path(at, client),
            from_client: routes.path(client, at),
        };
        let entries = repository::nearest(&routes, &workers, &client_vertices);
        let places = repositories(&network, &routes, &workers, &entries, switches.repository);
        let repositories = places
            .iter()
            .zip(&client_vertices)
            .map(|(at, client)| store(*at, *client))
            .collect();
        let clouds = client_vertices
            .iter()
            .map(|client| match cloud {
                Cloud::At(at) => Some(store(at, *client)),
                Cloud::Outside(_) => None,
            })
            .collect();
        let costs = CostOptions {
            access: switches.access,
            state_access: switches.state_access,
            in_function: switches.in_function,
            replies: Replies::default(),
        };
        Ok(Self {
            network,
            routes,
            workers,
            clients,
            client_vertices,
            entries,
            profiles,
            cloud,
            repositories,
            clouds,
            costs,
        })
    }

    /// A step of a client's run, after the steps before it ran on `workers` and left the states at `homes`.
    #[must_use]
    pub fn invocation<'a>(
        &self,
        client: usize,
        workflow: &'a Workflow,
        step: usize,
        workers: &'a [VertexId],
        homes: &'a [Option<VertexId>],
    ) -> Invocation<'a> {
        Invocation {
            workflow,
            step: StepIndex(step as u32),
            client: self.client_vertices[client],
            repository: self.repositories[client],
            cloud: self.cloud,
            cloud_from_client: self.clouds[client],
            workers,
            homes,
        }
    }

    /// All places that workers exchange messages with.
    #[must_use]
    pub fn peers(&self) -> Vec<VertexId> {
        let mut peers = self.client_vertices.clone();
        peers.extend(self.workers.indices().map(|worker| self.workers.vertex(worker)));
        peers.extend(self.repositories.iter().map(|store| store.at));
        if let Cloud::At(at) = self.cloud {
            peers.push(at);
        }
        peers
    }
}

/// Adds the cloud to the network: a vertex with an uplink and a downlink to each place that leads to it.
fn attach_cloud(
    network: Network,
    section: &CloudSection,
    traffic: ExternalTraffic,
) -> Result<(Network, Cloud), WorldError> {
    let rate = BitRate::from_mbps(section.rate_mbps);
    let one_way = Seconds::from_millis(section.rtt_ms / 2.0);
    if traffic == ExternalTraffic::Once {
        let path = Path {
            latency: one_way,
            seconds_per_byte: rate.seconds_per_byte(),
            links: 1,
        };
        return Ok((network, Cloud::Outside(path)));
    }
    let places = network
        .uplinks(&section.attached_to)
        .map_err(WorldError::NoUplink)?;
    let (network, cloud) = network.with_cloud(&places, rate, one_way)?;
    Ok((network, Cloud::At(cloud)))
}

/// The clients; the reference counts them in the order of their names.
fn clients(network: &Network, random: RandomNumbers) -> Result<Vec<NodeId>, WorldError> {
    let mut clients: Vec<NodeId> = network
        .node_ids()
        .filter(|node| network.node(*node).client)
        .collect();
    if random == RandomNumbers::Lcg {
        clients.sort_by(|a, b| network.node_name(*a).cmp(network.node_name(*b)));
    }
    if clients.is_empty() {
        Err(WorldError::NoClient)
    } else {
        Ok(clients)
    }
}

/// The workers in the order of their names, so that ties do not depend on the order of a file.
fn worker_nodes(network: &Network, choice: WorkerChoice) -> Result<Vec<NodeId>, WorldError> {
    let mut nodes: Vec<NodeId> = network
        .node_ids()
        .filter(|node| {
            let node = network.node(*node);
            node.worker && (choice == WorkerChoice::All || !node.client)
        })
        .collect();
    nodes.sort_by(|a, b| network.node_name(*a).cmp(network.node_name(*b)));
    if nodes.is_empty() {
        Err(WorldError::NoWorker)
    } else {
        Ok(nodes)
    }
}

/// For each function the number of its profile, and for each profile the speeds of the workers.
fn profiles(
    network: &Network,
    nodes: &[NodeId],
    functions: &[FunctionSection],
    switches: &Switches,
) -> Result<(Vec<usize>, Vec<Vec<f64>>), WorldError> {
    let speed = |node: NodeId, class: FunctionClass| {
        let node = network.node(node);
        match switches.speeds {
            Speeds::Measured => node.speed(class).0,
            Speeds::CpuMillis => node.speed(FunctionClass::Generic).0,
            Speeds::Memory => node.memory.as_f64(),
        }
    };
    let gpu_share = speed_share_of_gpus(network, nodes, |node| speed(node, FunctionClass::Generic));
    // StateSim deals out the functions by this rule: CPU first, each kind its rounded share.
    let on_cpu = (functions.len() as f64 * (1.0 - gpu_share)).round() as usize;
    let mut rows: Vec<Vec<f64>> = Vec::new();
    let mut numbers = Vec::with_capacity(functions.len());
    for (index, function) in functions.iter().enumerate() {
        let fits = |node: NodeId| {
            let node = network.node(node);
            match (switches.affinity, &function.requires) {
                (Affinity::SpeedShare, _) => node.has_gpu() == (index >= on_cpu),
                (Affinity::Required, None) => true,
                (Affinity::Required, Some(required)) => node.capabilities.iter().any(|capability| {
                    capability == required || capability.split('=').next() == Some(required)
                }),
            }
        };
        let row: Vec<f64> = nodes
            .iter()
            .map(|node| {
                if fits(*node) {
                    speed(*node, function.class)
                } else {
                    0.0
                }
            })
            .collect();
        if row.iter().all(|speed| *speed <= 0.0) {
            let requires = function.requires.clone().unwrap_or_else(|| "gpu".to_owned());
            return Err(WorldError::NoCapableWorker {
                function: function.name.clone(),
                requires,
            });
        }
        let known = rows.iter().position(|known| *known == row);
        numbers.push(known.unwrap_or(rows.len()));
        if known.is_none() {
            rows.push(row);
        }
    }
    Ok((numbers, rows))
}

fn speed_share_of_gpus(network: &Network, nodes: &[NodeId], speed: impl Fn(NodeId) -> f64) -> f64 {
    let (mut gpu, mut all) = (0.0, 0.0);
    for &node in nodes {
        all += speed(node);
        if network.node(node).has_gpu() {
            gpu += speed(node);
        }
    }
    gpu / all
}

fn repositories(
    network: &Network,
    routes: &Routes,
    workers: &Workers,
    entries: &[WorkerIndex],
    choice: RepositoryChoice,
) -> Vec<VertexId> {
    let nodes: Vec<NodeId> = workers.indices().map(|worker| workers.node(worker)).collect();
    match choice {
        RepositoryChoice::Home => entries.iter().map(|entry| workers.vertex(*entry)).collect(),
        RepositoryChoice::Central => vec![repository::central(network, routes, &nodes, false); entries.len()],
        RepositoryChoice::FirstCentral => {
            let all: Vec<NodeId> = network
                .node_ids()
                .filter(|node| network.node(*node).worker)
                .collect();
            vec![repository::central(network, routes, &all, true); entries.len()]
        }
    }
}
