//! The homes of heads, as a node reaches them.

mod owner;
mod remote;
mod turns;

use std::sync::Arc;

use fogline_core::model::NodeName;
use fogline_core::session::Home;
use fogline_protocol::problem::Kind;
use fogline_state::Store;

pub(crate) use owner::{Owner, Settled, Since};
pub(crate) use remote::RemoteStore;
pub(crate) use turns::Turns;

use crate::fault::Fault;
use crate::peers::Endpoint;
use crate::site::Site;
use crate::trace::Tracer;

/// The stores that a node reaches: its own, its peers', and the one in the cloud.
pub(crate) struct Homes {
    node: NodeName,
    local: Arc<dyn Store>,
    external: Option<Arc<dyn Store>>,
    peers: Option<Endpoint>,
    site: Option<Arc<Site>>,
    tracer: Tracer,
}

impl Homes {
    pub(crate) fn new(
        node: NodeName,
        local: Arc<dyn Store>,
        external: Option<Arc<dyn Store>>,
        peers: Option<Endpoint>,
        site: Option<Arc<Site>>,
    ) -> Self {
        Self {
            node,
            local,
            external,
            peers,
            site,
            tracer: Tracer::default(),
        }
    }

    /// The same, where what is asked of stores is recorded.
    pub(crate) fn traced(self, tracer: &Tracer) -> Self {
        Self {
            local: tracer.store(self.local, None),
            external: self.external.map(|store| tracer.store(store, None)),
            tracer: tracer.clone(),
            ..self
        }
    }

    /// This node's own store.
    pub(crate) fn local(&self) -> &Arc<dyn Store> {
        &self.local
    }

    /// The store in the cloud.
    pub(crate) fn external(&self) -> Result<&Arc<dyn Store>, Fault> {
        self.external.as_ref().ok_or_else(|| {
            Fault::new(
                Kind::Unavailable,
                format!("{} has no external store", self.node),
                "name one in the node's configuration, or choose another model",
            )
        })
    }

    /// The site of this node, if it shares a quorum with others.
    pub(crate) fn site(&self) -> Option<&Arc<Site>> {
        self.site.as_ref()
    }

    /// Whether the records of a home are in the quorum of this node's site, and this node does not hold its lease there:
    /// then nobody need be asked why they are not answered for.
    pub(crate) fn is_cut_off_from(&self, home: &Home) -> bool {
        let (Some(site), Some(node)) = (&self.site, home.node()) else {
            return false;
        };
        (*node == self.node || site.of(node).is_some()) && site.lease.life().is_err()
    }

    /// The store of another node that holds the record of a home; none if the cloud, a client or this node does.
    pub(crate) fn remote(&self, home: &Home) -> Option<RemoteStore> {
        let node = home.node().filter(|node| **node != self.node)?;
        if self.in_site(node).is_some() {
            return None;
        }
        Some(RemoteStore::new(self.peers.clone()?, node.clone()))
    }

    /// The store that holds the record of a home; `None` for a session that is wholly with its client.
    pub(crate) fn record(&self, home: &Home) -> Result<Option<Arc<dyn Store>>, Fault> {
        match home.node().and_then(|node| self.in_site(node)) {
            Some(store) => Ok(Some(store)),
            None => self.store(home),
        }
    }

    /// The records of another node of this site.
    fn in_site(&self, node: &NodeName) -> Option<Arc<dyn Store>> {
        let store = self.site.as_ref()?.of(node)?;
        Some(self.tracer.store(store, None))
    }

    /// The store that shows what a home holds: under in-function that of the owner, who has in its memory what may not
    /// be in the record yet. `None` for a session that is wholly with its client.
    pub(crate) fn store(&self, home: &Home) -> Result<Option<Arc<dyn Store>>, Fault> {
        if let Home::InEdge(node) | Home::InClient(Some(node)) = home
            && let Some(store) = self.in_site(node)
        {
            return Ok(Some(store));
        }
        match (home, home.node()) {
            (Home::External, _) => self.external().cloned().map(Some),
            (_, None) => Ok(None),
            (_, Some(node)) if *node == self.node => Ok(Some(Arc::clone(&self.local))),
            (_, Some(node)) => match &self.peers {
                Some(peers) => {
                    let store = Arc::new(RemoteStore::new(peers.clone(), node.clone()));
                    Ok(Some(self.tracer.store(store, Some(node))))
                }
                None => Err(Fault::new(
                    Kind::Unavailable,
                    format!("{node} keeps this session, and {} has no peers", self.node),
                    "list it among the node's peers",
                )),
            },
        }
    }
}
