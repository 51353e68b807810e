//! How servers are reached, and why that fails.

use std::fmt;
use std::time::Duration;

use fogline_core::model::Bytes;
use thiserror::Error;

/// How servers are reached.
#[derive(Clone, Debug)]
pub struct EtcdOptions {
    /// The servers of one cluster, as `http://HOST:PORT` or `https://HOST:PORT`. The first that answers is
    /// asked until it does not, so each node names the nearest first.
    pub servers: Vec<String>,
    /// What the keys begin with, so that several networks can share a cluster. Default `fogline`.
    pub prefix: String,
    /// How long a request may take, tries at other servers included; then it is unavailable, or its outcome
    /// unknown. A commit above `max_request` makes several. Default 5 s: longer than an election with etcd's
    /// defaults.
    pub timeout: Duration,
    /// Largest request that the servers take, their `--max-request-bytes`. Default 1.5 MiB, as theirs.
    /// Commits above it are written in several steps, of which the last alone makes them visible.
    pub max_request: Bytes,
    /// User and password, where the servers want them.
    pub credentials: Option<EtcdCredentials>,
    /// For `https`.
    pub tls: Option<EtcdTls>,
}

impl EtcdOptions {
    /// The defaults, for these servers.
    #[must_use]
    pub fn new(servers: impl IntoIterator<Item = impl Into<String>>) -> Self {
        Self {
            servers: servers.into_iter().map(Into::into).collect(),
            prefix: "fogline".to_owned(),
            timeout: Duration::from_secs(5),
            max_request: Bytes(3 << 19),
            credentials: None,
            tls: None,
        }
    }
}

/// A user of etcd.
#[derive(Clone)]
pub struct EtcdCredentials {
    /// Its name.
    pub user: String,
    /// Its password.
    pub password: String,
}

impl fmt::Debug for EtcdCredentials {
    /// Without the password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EtcdCredentials")
            .field("user", &self.user)
            .finish_non_exhaustive()
    }
}

/// Certificates, in PEM.
#[derive(Clone)]
pub struct EtcdTls {
    /// Of the authority that signed the servers' certificates.
    pub ca: Vec<u8>,
    /// Our own certificate and its key, where the servers want one (`--client-cert-auth`).
    pub identity: Option<(Vec<u8>, Vec<u8>)>,
}

impl fmt::Debug for EtcdTls {
    /// Without the key.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EtcdTls").finish_non_exhaustive()
    }
}

/// Why there is no connection. None of these shows a password or a key.
#[derive(Debug, Error)]
pub enum EtcdConnectError {
    /// The options do not say where to connect to.
    #[error(
        "the etcd server {server:?}: {problem}\n\
         hint: write http://HOST:PORT, or https://HOST:PORT with the certificate of its authority"
    )]
    BadServer {
        /// What was written.
        server: String,
        /// What is wrong with it.
        problem: String,
    },
    /// They do not let us in.
    #[error(
        "connecting to etcd at {servers}: {problem}\n\
         hint: check user and password, and the rights of that user"
    )]
    Refused {
        /// Where.
        servers: String,
        /// What happened.
        problem: String,
    },
    /// Nobody answers there whom we can trust, or they have no quorum.
    #[error(
        "connecting to etcd at {servers}: {problem}\n\
         hint: check that more than half of its servers run there, and the certificates"
    )]
    Silent {
        /// Where.
        servers: String,
        /// What happened.
        problem: String,
    },
}
