//! Connecting, and why that fails.

use std::collections::BTreeMap;
use std::time::Duration;

use redis::aio::{ConnectionManager, ConnectionManagerConfig};
use redis::{Client, ErrorKind, RedisError};
use thiserror::Error;

use super::configuration::{SETTINGS, durable, evicts};
use super::scripts::Scripts;
use super::store::RedisStore;

/// How a server is reached.
#[derive(Clone)]
pub struct RedisOptions {
    /// Where, as `redis://USER:PASSWORD@HOST:PORT/DATABASE` or `unix:///PATH?db=DATABASE`.
    pub url: String,
    /// What the server's keys begin with, so that several networks can share a database. Default `fogline`.
    pub prefix: String,
    /// How long an answer may take; then the outcome is unknown. Default 10 s.
    pub timeout: Duration,
}

impl RedisOptions {
    /// The defaults, for this URL.
    #[must_use]
    pub fn new(url: impl Into<String>) -> Self {
        Self {
            url: url.into(),
            prefix: "fogline".to_owned(),
            timeout: Duration::from_secs(10),
        }
    }
}

impl std::fmt::Debug for RedisOptions {
    /// Without the URL, which has the password.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RedisOptions")
            .field("prefix", &self.prefix)
            .finish_non_exhaustive()
    }
}

/// Why there is no connection. None of these shows a password.
#[derive(Debug, Error)]
pub enum ConnectError {
    /// The URL is none.
    #[error("the URL of a redis server: {problem}\nhint: write redis://USER:PASSWORD@HOST:PORT/DATABASE")]
    BadUrl {
        /// What is wrong with it.
        problem: String,
    },
    /// Nothing answers there, or it does not let us in.
    #[error(
        "connecting to redis at {server}: {problem}\nhint: check that it runs there, and user and password"
    )]
    Refused {
        /// Where.
        server: String,
        /// What happened.
        problem: String,
    },
    /// It does not take our scripts.
    #[error(
        "preparing redis at {server}: {problem}\nhint: Redis 7, Valkey 7.2 or later is needed, with scripts allowed"
    )]
    TooOld {
        /// Where.
        server: String,
        /// What happened.
        problem: String,
    },
    /// It would drop sessions when its memory is full.
    #[error(
        "redis at {server} drops sessions when its memory is full (maxmemory-policy {policy})\n\
         hint: set maxmemory-policy to noeviction"
    )]
    Evicts {
        /// Where.
        server: String,
        /// Its policy.
        policy: String,
    },
}

impl RedisStore {
    /// Connects; a connection that is lost later is made again by itself.
    ///
    /// # Errors
    /// When the server cannot be reached, or is not fit to keep sessions.
    pub async fn connect(options: &RedisOptions) -> Result<Self, ConnectError> {
        let client = Client::open(options.url.as_str());
        let client = client.map_err(|error| ConnectError::BadUrl {
            problem: error.to_string(),
        })?;
        let server = client.get_connection_info().addr().to_string();
        let config = ConnectionManagerConfig::new()
            .set_response_timeout(Some(options.timeout))
            .set_connection_timeout(Some(options.timeout))
            .set_number_of_retries(RECONNECT_TRIES)
            .set_min_delay(RECONNECT_PAUSE);
        let connecting = ConnectionManager::new_with_config(client, config).await;
        let refused = |error: RedisError| ConnectError::Refused {
            server: server.clone(),
            problem: error.to_string(),
        };
        let mut connection = connecting.map_err(refused)?;

        let scripts = Scripts::new();
        for script in scripts.all() {
            script
                .load_async(&mut connection)
                .await
                .map_err(|error| match error.kind() {
                    ErrorKind::Server(_) | ErrorKind::Extension => ConnectError::TooOld {
                        server: server.clone(),
                        problem: error.to_string(),
                    },
                    _ => refused(error),
                })?;
        }
        let settings = settings(&mut connection).await.map_err(refused)?;
        if let Some(policy) = evicts(&settings) {
            let policy = policy.to_owned();
            return Err(ConnectError::Evicts { server, policy });
        }
        let durable = durable(&settings);
        tracing::info!(%server, ?durable, "connected to redis");
        Ok(Self {
            connection,
            scripts,
            server,
            prefix: options.prefix.clone(),
            durable,
        })
    }
}

/// A request that finds the connection lost waits for so many tries to make it again.
const RECONNECT_TRIES: usize = 3;
const RECONNECT_PAUSE: Duration = Duration::from_millis(50);

/// Nothing where the server does not tell, as hosted ones.
async fn settings(connection: &mut ConnectionManager) -> Result<BTreeMap<String, String>, RedisError> {
    let mut ask = redis::cmd("CONFIG");
    ask.arg("GET").arg(&SETTINGS);
    match ask.query_async(connection).await {
        Err(error) if matches!(error.kind(), ErrorKind::Server(_) | ErrorKind::Extension) => {
            Ok(BTreeMap::new())
        }
        settings => settings,
    }
}
