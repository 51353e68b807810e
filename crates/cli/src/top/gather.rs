//! Asking the nodes.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use fogline_client::{Client, Error};
use fogline_core::model::NodeName;
use fogline_protocol::api::{NodeInfo, Session};
use futures_util::future::join_all;

use super::frame::Frame;
use super::scrape::Scrape;

/// How long a node may take to answer; one that does not is shown without figures.
const PATIENCE: Duration = Duration::from_secs(2);
/// Sessions of an application that are counted at the most: to count is for `fogline get sessions`.
const SESSIONS: u32 = 500;

/// What nodes said at one time.
pub(super) struct Seen {
    pub(super) at: Instant,
    /// The nodes, as the one that was asked first sees them.
    pub(super) nodes: Vec<NodeInfo>,
    /// What each counts, and how it sees the others.
    pub(super) views: BTreeMap<NodeName, (Scrape, Vec<NodeInfo>)>,
    /// The tenant's sessions.
    pub(super) sessions: Vec<Session>,
    /// Whether there are more.
    pub(super) more_sessions: bool,
}

/// A network that is watched.
pub(crate) struct Watched {
    entry: Client,
    token: Option<String>,
    /// Clients of the nodes, by address: each keeps its connection.
    clients: BTreeMap<SocketAddr, Client>,
    before: Option<Seen>,
}

impl Watched {
    /// The network of the node that this client is of.
    pub(crate) fn new(entry: Client, token: Option<String>) -> Self {
        Self {
            entry,
            token,
            clients: BTreeMap::new(),
            before: None,
        }
    }

    /// What has happened since the last time; at the first time nothing has.
    ///
    /// # Errors
    /// When the node that the command was given does not answer. That others do not is shown.
    pub(crate) async fn look(&mut self) -> Result<Frame, Error> {
        let now = self.ask().await?;
        let frame = Frame::new(self.before.as_ref(), &now);
        self.before = Some(now);
        Ok(frame)
    }

    fn client(&mut self, http: SocketAddr) -> Result<Client, Error> {
        if let Some(client) = self.clients.get(&http) {
            return Ok(client.clone());
        }
        let client = Client::builder(format!("http://{http}")).token(self.token.clone());
        let client = client.timeout(PATIENCE).build()?;
        self.clients.insert(http, client.clone());
        Ok(client)
    }

    async fn ask(&mut self) -> Result<Seen, Error> {
        let found = self.entry.nodes().await?;
        // Where it was reached is surer than where it says that it is.
        let mut asked = vec![(found.here.clone(), self.entry.with_timeout(PATIENCE))];
        for node in found.nodes.iter().filter(|node| node.name != found.here) {
            if let Some(http) = node.http {
                asked.push((node.name.clone(), self.client(http)?));
            }
        }
        let at = Instant::now();
        let views = join_all(asked.into_iter().map(|(name, client)| async move {
            let (metrics, nodes) = tokio::join!(client.metrics(), client.nodes());
            let nodes = nodes.map(|nodes| nodes.nodes).unwrap_or_default();
            Some((name, (Scrape::read(&metrics.ok()?), nodes)))
        }));
        let views = views.await.into_iter().flatten().collect();
        let (mut sessions, mut more_sessions) = (Vec::new(), false);
        for app in self.entry.list_apps().await? {
            let page = self.entry.sessions(&app.name, None, SESSIONS).await?;
            more_sessions |= page.next.is_some();
            sessions.extend(page.sessions);
        }
        Ok(Seen {
            at,
            nodes: found.nodes,
            views,
            sessions,
            more_sessions,
        })
    }
}
