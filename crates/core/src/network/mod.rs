//! The network: nodes, links and switches, and what it costs to cross them.

mod cloud;
mod graph;
mod path;
mod routes;

pub use graph::{
    Edge, Link, Network, NetworkBuilder, NetworkError, Node, NodeId, Vertex, VertexId, VertexKind,
};
pub use path::{Path, Transfer};
pub use routes::{RouteOptions, Routes};
