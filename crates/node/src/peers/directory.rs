//! Where peers are, and which of them issue certificates.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::{Arc, PoisonError, RwLock};

use fogline_core::model::NodeName;

use super::connect::Remote;

/// Peers that are asked for one certificate at most: each that is down costs a wait.
const MAX_ASKED: usize = 8;

/// Where peers are, as far as the node has been told.
#[derive(Default)]
pub(super) struct Directory {
    peers: RwLock<BTreeMap<NodeName, Arc<Remote>>>,
    issuers: RwLock<BTreeSet<NodeName>>,
}

impl Directory {
    /// Says where a peer is.
    pub(super) fn know(&self, peer: &NodeName, address: SocketAddr) {
        let mut peers = self.peers.write().unwrap_or_else(PoisonError::into_inner);
        peers
            .entry(peer.clone())
            .and_modify(|remote| remote.move_to(address))
            .or_insert_with(|| Arc::new(Remote::new(peer.clone(), address)));
    }

    /// Forgets where a peer is.
    pub(super) fn forget(&self, peer: &NodeName) {
        let mut peers = self.peers.write().unwrap_or_else(PoisonError::into_inner);
        peers.remove(peer);
    }

    /// A peer whose address is known.
    pub(super) fn remote(&self, peer: &NodeName) -> Option<Arc<Remote>> {
        let peers = self.peers.read().unwrap_or_else(PoisonError::into_inner);
        peers.get(peer).cloned()
    }

    /// Says which nodes have the authority's key.
    pub(super) fn issued_by(&self, issuers: BTreeSet<NodeName>) {
        *self.issuers.write().unwrap_or_else(PoisonError::into_inner) = issuers;
    }

    /// Whom to ask for a certificate, in this order: those who are known to issue them, then others, who may or
    /// may know who does.
    pub(super) fn to_ask(&self) -> Vec<(NodeName, SocketAddr)> {
        let peers = self.peers.read().unwrap_or_else(PoisonError::into_inner);
        let issuers = self.issuers.read().unwrap_or_else(PoisonError::into_inner);
        let (first, then): (Vec<_>, Vec<_>) = peers
            .iter()
            .map(|(name, remote)| (name.clone(), remote.address()))
            .partition(|(name, _)| issuers.contains(name));
        first.into_iter().chain(then).take(MAX_ASKED).collect()
    }
}
