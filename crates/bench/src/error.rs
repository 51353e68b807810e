//! Why nothing was measured.

use std::net::SocketAddr;

use fogline_node::StartError;
use fogline_runtime::component::ComponentRuntimeError;
use thiserror::Error;

/// Why nothing was measured.
#[derive(Debug, Error)]
pub enum BenchError {
    /// It is no `http://` address.
    #[error("{0} is not an address as http://127.0.0.1:7070")]
    Url(String),
    /// The server cannot be reached, or broke off.
    #[error("talking to {0}")]
    Io(SocketAddr, #[source] std::io::Error),
    /// The server, or we, do not speak HTTP.
    #[error("talking to {0}")]
    Http(SocketAddr, #[source] hyper::Error),
    /// A request that must succeed before anything can be measured did not.
    #[error("{doing}: the answer is {status}: {text}")]
    Refused {
        /// What we were doing.
        doing: &'static str,
        /// The answer's status.
        status: u16,
        /// Its body.
        text: String,
    },
    /// An answer that is not as the API says.
    #[error("{doing}: {problem}")]
    Answer {
        /// What we were doing.
        doing: &'static str,
        /// What is not as expected.
        problem: String,
    },
    /// Every request failed.
    #[error("{name}: all {requests} requests failed, the first one with: {first}")]
    AllFailed {
        /// The load.
        name: String,
        /// How many.
        requests: u64,
        /// Why, the first time.
        first: String,
    },
    /// The thread that says when to send cannot be started.
    #[error("starting the thread that keeps the pace")]
    Pace(#[source] std::io::Error),
    /// The node in this process cannot execute components.
    #[error("starting a node")]
    Runtime(#[from] ComponentRuntimeError),
    /// The node in this process does not start.
    #[error("starting a node")]
    Start(#[from] StartError),
}
