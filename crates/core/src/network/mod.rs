//! The network: nodes, links and switches, and what it costs to cross them.

mod graph;

pub use graph::{
    Edge, Link, Network, NetworkBuilder, NetworkError, Node, NodeId, Vertex, VertexId, VertexKind,
};
