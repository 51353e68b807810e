//! The graph of a network.
//!
//! Capacity sits on links, which are vertices of their own (a shared medium is one link with many
//! neighbours); latency sits on the directed edges. Switches are transparent.

use std::collections::{HashMap, VecDeque};

use thiserror::Error;

use crate::model::{BitRate, Bytes, Device, FunctionClass, Seconds, Speed};

/// A vertex, by its position in insertion order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct VertexId(pub u32);

/// A node, by its position among the nodes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeId(pub u32);

/// A machine: a worker that runs functions, a client that owns sessions, or both.
#[derive(Clone, Debug, PartialEq)]
pub struct Node {
    /// CPU capacity, in thousandths of a core.
    pub cpu_millis: u64,
    /// Main memory.
    pub memory: Bytes,
    /// Instruction set, as `x86`.
    pub arch: String,
    /// Form factor, as `sbc`.
    pub kind: String,
    /// Model, as `nuci5`.
    pub model: String,
    /// Whether it may run functions.
    pub worker: bool,
    /// Whether sessions may be bound to it.
    pub client: bool,
    /// Accelerators and labels, as `gpu=pascal`.
    pub capabilities: Vec<String>,
}

impl Node {
    /// A node that is an instance of a catalogued device.
    #[must_use]
    pub fn of(device: Device, worker: bool, client: bool) -> Self {
        Self {
            cpu_millis: device.cpu_millis,
            memory: device.memory,
            arch: device.arch.to_owned(),
            kind: device.kind.to_owned(),
            model: device.model.to_owned(),
            worker,
            client,
            capabilities: device.accelerator.map(str::to_owned).into_iter().collect(),
        }
    }

    /// Its speed at functions of a class.
    #[must_use]
    pub fn speed(&self, class: FunctionClass) -> Speed {
        class.speed(&self.model, self.cpu_millis)
    }

    /// Whether it has a GPU.
    #[must_use]
    pub fn has_gpu(&self) -> bool {
        self.capabilities
            .iter()
            .any(|capability| capability.starts_with("gpu="))
    }
}

/// A capacity that all traffic through it shares.
#[derive(Clone, Debug, PartialEq)]
pub struct Link {
    /// Capacity.
    pub rate: BitRate,
    /// What it is: `node`, `shared`, `uplink`, `downlink`, or anything.
    pub kind: String,
}

/// What a vertex is.
#[derive(Clone, Debug, PartialEq)]
pub enum VertexKind {
    /// A machine.
    Node(Node),
    /// A capacity.
    Link(Link),
    /// A transparent meeting point of edges: a switch, an exchange, "the Internet".
    Switch,
}

/// A named vertex.
#[derive(Clone, Debug, PartialEq)]
pub struct Vertex {
    /// Unique in the network.
    pub name: String,
    /// What it is.
    pub kind: VertexKind,
}

/// A directed edge.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Edge {
    /// Where it leads.
    pub to: VertexId,
    /// Time to cross it, however small the message.
    pub latency: Seconds,
}

/// A checked network: names are unique, capacities positive, every node reaches every other.
#[derive(Clone, Debug, PartialEq)]
pub struct Network {
    vertices: Vec<Vertex>,
    edges: Vec<Vec<Edge>>,
    nodes: Vec<VertexId>,
    links: Vec<VertexId>,
}

/// Why a graph is not a network.
#[derive(Clone, Debug, PartialEq, Error)]
pub enum NetworkError {
    /// Two vertices have one name.
    #[error("the name \"{0}\" is used twice")]
    DuplicateName(String),
    /// A capacity, latency, memory or CPU figure that no network can have.
    #[error("{what} of \"{name}\" is {value}, expected {expected}")]
    BadFigure {
        /// Whose.
        name: String,
        /// Which.
        what: &'static str,
        /// Its value.
        value: f64,
        /// What is allowed.
        expected: &'static str,
    },
    /// There is no node.
    #[error("the network has no node")]
    NoNode,
    /// One node cannot reach another.
    #[error("\"{to}\" cannot be reached from \"{from}\"")]
    Disconnected {
        /// From here
        from: String,
        /// to there.
        to: String,
    },
}

impl Network {
    /// All vertices, in insertion order.
    #[must_use]
    pub fn vertices(&self) -> &[Vertex] {
        &self.vertices
    }

    /// A vertex.
    #[must_use]
    pub fn vertex(&self, id: VertexId) -> &Vertex {
        &self.vertices[id.0 as usize]
    }

    /// The edges that leave a vertex, in insertion order.
    #[must_use]
    pub fn edges(&self, from: VertexId) -> &[Edge] {
        &self.edges[from.0 as usize]
    }

    /// How many nodes there are.
    #[must_use]
    pub fn node_count(&self) -> usize {
        self.nodes.len()
    }

    /// All node ids, ascending.
    pub fn node_ids(&self) -> impl ExactSizeIterator<Item = NodeId> + use<> {
        (0..self.nodes.len() as u32).map(NodeId)
    }

    /// The vertex of a node.
    #[must_use]
    pub fn node_vertex(&self, id: NodeId) -> VertexId {
        self.nodes[id.0 as usize]
    }

    /// A node.
    #[must_use]
    pub fn node(&self, id: NodeId) -> &Node {
        match &self.vertex(self.node_vertex(id)).kind {
            VertexKind::Node(node) => node,
            VertexKind::Link(_) | VertexKind::Switch => unreachable!("the list of nodes names nodes only"),
        }
    }

    /// The name of a node.
    #[must_use]
    pub fn node_name(&self, id: NodeId) -> &str {
        &self.vertex(self.node_vertex(id)).name
    }

    /// The links' vertices, in the order in which they were declared.
    #[must_use]
    pub fn links(&self) -> &[VertexId] {
        &self.links
    }

    /// The link at a vertex, if it is one.
    #[must_use]
    pub fn link(&self, id: VertexId) -> Option<&Link> {
        match &self.vertex(id).kind {
            VertexKind::Link(link) => Some(link),
            VertexKind::Node(_) | VertexKind::Switch => None,
        }
    }

    /// The vertex of this name.
    #[must_use]
    pub fn find(&self, name: &str) -> Option<VertexId> {
        self.vertices
            .iter()
            .position(|vertex| vertex.name == name)
            .map(|index| VertexId(index as u32))
    }

    /// The same network, but crossing an edge takes no time.
    #[must_use]
    pub fn without_latencies(mut self) -> Self {
        for edge in self.edges.iter_mut().flatten() {
            edge.latency = Seconds::ZERO;
        }
        self
    }

    /// A builder that starts from this network, to extend it.
    #[must_use]
    pub fn into_builder(self) -> NetworkBuilder {
        let names = self
            .vertices
            .iter()
            .enumerate()
            .map(|(index, vertex)| (vertex.name.clone(), VertexId(index as u32)))
            .collect();
        let positions = (0..self.vertices.len() as u32)
            .map(VertexId)
            .flat_map(|from| {
                let edges = self.edges(from).iter().enumerate();
                edges.map(move |(position, edge)| ((from, edge.to), position))
            })
            .collect();
        NetworkBuilder {
            network: self,
            names,
            positions,
        }
    }
}

/// Builds a [`Network`].
#[derive(Clone, Debug)]
pub struct NetworkBuilder {
    network: Network,
    names: HashMap<String, VertexId>,
    /// Where each edge stands among those that leave its source; a hub has too many to look through.
    positions: HashMap<(VertexId, VertexId), usize>,
}

impl Default for NetworkBuilder {
    fn default() -> Self {
        Self {
            network: Network {
                vertices: Vec::new(),
                edges: Vec::new(),
                nodes: Vec::new(),
                links: Vec::new(),
            },
            names: HashMap::new(),
            positions: HashMap::new(),
        }
    }
}

impl NetworkBuilder {
    /// An empty graph.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a vertex. Nodes and links are numbered in the order in which they are added, unless
    /// [`Self::order`] says otherwise.
    ///
    /// # Errors
    /// When the name is taken or a figure is impossible.
    pub fn add(&mut self, name: impl Into<String>, kind: VertexKind) -> Result<VertexId, NetworkError> {
        let name = name.into();
        check_figures(&name, &kind)?;
        let id = VertexId(self.network.vertices.len() as u32);
        if self.names.contains_key(&name) {
            return Err(NetworkError::DuplicateName(name));
        }
        match kind {
            VertexKind::Node(_) => self.network.nodes.push(id),
            VertexKind::Link(_) => self.network.links.push(id),
            VertexKind::Switch => {}
        }
        self.names.insert(name.clone(), id);
        self.network.vertices.push(Vertex { name, kind });
        self.network.edges.push(Vec::new());
        Ok(id)
    }

    /// The vertex of this name, if it was added.
    #[must_use]
    pub fn find(&self, name: &str) -> Option<VertexId> {
        self.names.get(name).copied()
    }

    /// Adds a directed edge. A second edge between the same two vertices replaces the first in place.
    ///
    /// # Errors
    /// When the latency is negative or not finite.
    pub fn connect(&mut self, from: VertexId, to: VertexId, latency: Seconds) -> Result<(), NetworkError> {
        if !latency.0.is_finite() || latency.0 < 0.0 {
            return Err(NetworkError::BadFigure {
                name: self.network.vertex(from).name.clone(),
                what: "a latency",
                value: latency.0,
                expected: "a number of seconds, 0 or more",
            });
        }
        let edges = &mut self.network.edges[from.0 as usize];
        let position = *self.positions.entry((from, to)).or_insert(edges.len());
        match edges.get_mut(position) {
            Some(edge) => edge.latency = latency,
            None => edges.push(Edge { to, latency }),
        }
        Ok(())
    }

    /// Says how nodes and links are numbered, where that differs from the order of the vertices (StateSim's
    /// files list them apart).
    pub fn order(&mut self, nodes: Vec<VertexId>, links: Vec<VertexId>) {
        debug_assert_eq!(nodes.len(), self.network.nodes.len());
        debug_assert_eq!(links.len(), self.network.links.len());
        self.network.nodes = nodes;
        self.network.links = links;
    }

    /// Checks the graph.
    ///
    /// # Errors
    /// When there is no node or some node cannot reach, or be reached from, the others.
    pub fn build(self) -> Result<Network, NetworkError> {
        let network = self.network;
        let &first = network.nodes.first().ok_or(NetworkError::NoNode)?;
        let mut backward = vec![Vec::new(); network.vertices.len()];
        for (from, edges) in network.edges.iter().enumerate() {
            for edge in edges {
                backward[edge.to.0 as usize].push(VertexId(from as u32));
            }
        }
        let reached = reach(network.vertices.len(), first, |v| {
            network.edges(v).iter().map(|edge| edge.to).collect()
        });
        let reaching = reach(network.vertices.len(), first, |v| backward[v.0 as usize].clone());
        for &node in &network.nodes {
            let name = |v: VertexId| network.vertex(v).name.clone();
            if !reached[node.0 as usize] {
                return Err(NetworkError::Disconnected {
                    from: name(first),
                    to: name(node),
                });
            }
            if !reaching[node.0 as usize] {
                return Err(NetworkError::Disconnected {
                    from: name(node),
                    to: name(first),
                });
            }
        }
        Ok(network)
    }
}

/// Which of `count` vertices can be reached from one.
fn reach(count: usize, from: VertexId, next: impl Fn(VertexId) -> Vec<VertexId>) -> Vec<bool> {
    let mut seen = vec![false; count];
    seen[from.0 as usize] = true;
    let mut queue = VecDeque::from([from]);
    while let Some(vertex) = queue.pop_front() {
        for to in next(vertex) {
            if !std::mem::replace(&mut seen[to.0 as usize], true) {
                queue.push_back(to);
            }
        }
    }
    seen
}

/// Refuses figures that would make costs negative, infinite or NaN.
fn check_figures(name: &str, kind: &VertexKind) -> Result<(), NetworkError> {
    let (what, value, expected) = match kind {
        VertexKind::Node(node) if node.cpu_millis == 0 => ("the CPU", 0.0, "at least one millicore"),
        VertexKind::Node(node) if node.memory == Bytes::ZERO => ("the memory", 0.0, "at least one byte"),
        VertexKind::Link(link) if !link.rate.0.is_finite() || link.rate.0 <= 0.0 => (
            "the capacity",
            link.rate.0,
            "a positive number of bits per second",
        ),
        VertexKind::Node(_) | VertexKind::Link(_) | VertexKind::Switch => return Ok(()),
    };
    Err(NetworkError::BadFigure {
        name: name.to_owned(),
        what,
        value,
        expected,
    })
}
