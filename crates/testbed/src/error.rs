//! Why a network does not start.

use std::io;
use std::path::PathBuf;

use fogline_core::model::{BadInput, NodeName};
use fogline_core::network::NetworkError;
use fogline_node::StartError;
use fogline_node::peers::{BindError, CallError, IdentityError};
use fogline_runtime::component::ComponentRuntimeError;
use thiserror::Error;

/// Why a network does not start.
#[derive(Debug, Error)]
pub enum TestbedError {
    /// A file is not as expected.
    #[error(transparent)]
    Input(#[from] BadInput),
    /// The cloud cannot be attached.
    #[error("attaching the cloud to the network")]
    Network(#[from] NetworkError),
    /// The folder for the nodes' data cannot be made.
    #[error("making the folder {path}")]
    Folder {
        /// The folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A socket cannot be had.
    #[error("giving {node} a socket")]
    Socket {
        /// The node.
        node: NodeName,
        /// What the system said.
        source: io::Error,
    },
    /// The links cannot be emulated.
    #[error("starting the thread that emulates the links")]
    Links(#[source] io::Error),
    /// Certificates cannot be made.
    #[error("making the certificates of the nodes")]
    Identity(#[from] IdentityError),
    /// The transport does not start.
    #[error("starting the transport of {node}")]
    Bind {
        /// The node.
        node: NodeName,
        /// Why.
        source: BindError,
    },
    /// Functions cannot be executed.
    #[error("starting the runtime of functions")]
    Runtime(#[from] ComponentRuntimeError),
    /// A node does not start.
    #[error("starting the node {node}")]
    Start {
        /// The node.
        node: NodeName,
        /// Why.
        source: Box<StartError>,
    },
    /// Two nodes do not reach each other.
    #[error("connecting the nodes")]
    Connect(#[from] CallError),
    /// A node has not heard of all others.
    #[error("waiting for {node} to hear of the other nodes: it has not within {} s\nhint: use a machine that has less to do", .within.as_secs())]
    Apart {
        /// The node.
        node: NodeName,
        /// How long it was waited for.
        within: std::time::Duration,
    },
}
