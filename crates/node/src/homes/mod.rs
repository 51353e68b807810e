//! The homes of heads, as a node reaches them.

mod owner;
mod remote;
mod turns;

use std::sync::Arc;

use fogline_core::model::NodeName;
use fogline_core::session::Home;
use fogline_protocol::problem::Kind;
use fogline_state::Store;

pub(crate) use owner::{Overtaken, Owner, Settled};
pub(crate) use remote::RemoteStore;
pub(crate) use turns::Turns;

use crate::fault::Fault;
use crate::peers::Endpoint;

/// The stores that a node reaches: its own, its peers', and the one in the cloud.
pub(crate) struct Homes {
    node: NodeName,
    local: Arc<dyn Store>,
    external: Option<Arc<dyn Store>>,
    peers: Option<Endpoint>,
}

impl Homes {
    pub(crate) fn new(
        node: NodeName,
        local: Arc<dyn Store>,
        external: Option<Arc<dyn Store>>,
        peers: Option<Endpoint>,
    ) -> Self {
        Self {
            node,
            local,
            external,
            peers,
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

    /// The store that holds the record of a home; `None` for a session that is wholly with its client.
    pub(crate) fn store(&self, home: &Home) -> Result<Option<Arc<dyn Store>>, Fault> {
        match (home, home.node()) {
            (Home::External, _) => self.external().cloned().map(Some),
            (_, None) => Ok(None),
            (_, Some(node)) if *node == self.node => Ok(Some(Arc::clone(&self.local))),
            (_, Some(node)) => match &self.peers {
                Some(peers) => Ok(Some(Arc::new(RemoteStore::new(peers.clone(), node.clone())))),
                None => Err(Fault::new(
                    Kind::Unavailable,
                    format!("{node} keeps this session, and {} has no peers", self.node),
                    "list it among the node's peers",
                )),
            },
        }
    }
}
