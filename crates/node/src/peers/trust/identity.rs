//! Who a node is: a certificate that names it, its key, and whom it trusts.

use std::fmt;

use fogline_core::model::NodeName;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

use super::certificate::node_of;
use crate::peers::error::IdentityError;

/// A node's certificate and key, and whom it trusts.
pub struct Identity {
    node: NodeName,
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
    authority: Vec<CertificateDer<'static>>,
}

/// Without the key, which has no place in a log.
impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Identity")
            .field("node", &self.node)
            .finish_non_exhaustive()
    }
}

impl Clone for Identity {
    fn clone(&self) -> Self {
        Self {
            node: self.node.clone(),
            chain: self.chain.clone(),
            key: self.key.clone_key(),
            authority: self.authority.clone(),
        }
    }
}

impl Identity {
    /// From the node's certificate, followed by those between it and the authority if there are any; its key; the
    /// certificates that it trusts.
    pub(super) fn new(
        chain: Vec<CertificateDer<'static>>,
        key: PrivateKeyDer<'static>,
        authority: Vec<CertificateDer<'static>>,
    ) -> Result<Self, IdentityError> {
        let node = node_of(&chain).map_err(|reason| IdentityError::Nameless { reason })?;
        Ok(Self {
            node,
            chain,
            key,
            authority,
        })
    }

    /// The node that the certificate names.
    #[must_use]
    pub fn node(&self) -> &NodeName {
        &self.node
    }

    pub(crate) fn chain(&self) -> &[CertificateDer<'static>] {
        &self.chain
    }

    pub(crate) fn key(&self) -> &PrivateKeyDer<'static> {
        &self.key
    }

    pub(crate) fn authority(&self) -> &[CertificateDer<'static>] {
        &self.authority
    }
}
