//! Connecting.

use std::sync::atomic::{AtomicBool, AtomicUsize};
use std::sync::{Arc, RwLock};
use std::time::Duration;

use tonic::transport::{Certificate, Channel, ClientTlsConfig, Endpoint, Identity};

use super::cluster::{Cluster, Server};
use super::keys::Keys;
use super::options::{EtcdConnectError, EtcdOptions, EtcdTls};
use super::store::EtcdStore;

/// Idle connections are probed after this; servers refuse probes that come more often than every 5 s.
const PROBE: Duration = Duration::from_secs(10);

impl EtcdStore {
    /// A store in these servers, of which none is asked anything yet; connections are made, and made again, when they
    /// are needed.
    ///
    /// # Errors
    /// When the options are wrong.
    pub fn new(options: &EtcdOptions) -> Result<Self, EtcdConnectError> {
        let servers: Result<Vec<_>, _> = options
            .servers
            .iter()
            .map(|server| reach(server, options).map(|channel| (server.clone(), channel)))
            .collect();
        let servers = servers?;
        if servers.is_empty() {
            return Err(EtcdConnectError::BadServer {
                server: String::new(),
                problem: "no server is named".to_owned(),
            });
        }
        let servers = servers
            .into_iter()
            .map(|(name, channel)| Server { name, channel })
            .collect();
        Ok(Self {
            cluster: Arc::new(Cluster {
                servers,
                first: AtomicUsize::new(0),
                down: AtomicBool::new(false),
                credentials: options.credentials.clone(),
                token: RwLock::new(None),
            }),
            keys: Keys {
                prefix: options.prefix.clone(),
            },
            timeout: options.timeout,
            max_request: options.max_request,
        })
    }

    /// As [`EtcdStore::new`], with a first conversation.
    ///
    /// # Errors
    /// When the options are wrong, or as [`EtcdStore::greet`].
    pub async fn connect(options: &EtcdOptions) -> Result<Self, EtcdConnectError> {
        let store = Self::new(options)?;
        store.greet().await?;
        Ok(store)
    }

    /// Finds out whether the servers let us in. It is said in the log what they lack to keep sessions for long.
    ///
    /// # Errors
    /// When they do not, or when no quorum answers: then the store can be used as soon as one does.
    pub async fn greet(&self) -> Result<(), EtcdConnectError> {
        let servers = self.cluster.names();
        let upkeep = self.look_after().await.map_err(|error| {
            let (servers, problem) = (servers.clone(), error.problem);
            if error.refused {
                EtcdConnectError::Refused { servers, problem }
            } else {
                EtcdConnectError::Silent { servers, problem }
            }
        })?;
        tracing::info!(servers, version = upkeep.version, "connected to etcd");
        for warning in upkeep.warnings() {
            tracing::warn!(servers, "etcd {warning}");
        }
        Ok(())
    }
}

fn reach(server: &str, options: &EtcdOptions) -> Result<Channel, EtcdConnectError> {
    let bad = |problem: String| EtcdConnectError::BadServer {
        server: server.to_owned(),
        problem,
    };
    let endpoint = Endpoint::from_shared(server.to_owned()).map_err(|error| bad(error.to_string()))?;
    let scheme = endpoint.uri().scheme_str().unwrap_or_default().to_owned();
    let endpoint = match (scheme.as_str(), &options.tls) {
        ("http", None) => endpoint,
        ("https", Some(tls)) => endpoint
            .tls_config(trust(tls))
            .map_err(|error| bad(error.to_string()))?,
        ("https", None) => {
            return Err(bad(
                "https needs the certificate of the servers' authority".to_owned()
            ));
        }
        ("http", Some(_)) => return Err(bad("certificates are given, and http uses none".to_owned())),
        _ => return Err(bad("its scheme is neither http nor https".to_owned())),
    };
    let endpoint = endpoint
        .connect_timeout(options.timeout / 4)
        .tcp_nodelay(true)
        .http2_keep_alive_interval(PROBE)
        .keep_alive_timeout(options.timeout);
    Ok(endpoint.connect_lazy())
}

fn trust(tls: &EtcdTls) -> ClientTlsConfig {
    let config = ClientTlsConfig::new().ca_certificate(Certificate::from_pem(&tls.ca));
    match &tls.identity {
        Some((certificate, key)) => config.identity(Identity::from_pem(certificate, key)),
        None => config,
    }
}
