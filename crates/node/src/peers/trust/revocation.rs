//! Nodes that are out.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use data_encoding::BASE64URL_NOPAD;
use fogline_core::model::{NodeName, Timestamp};
use rcgen::KeyPair;
use serde::{Deserialize, Serialize};

use super::certificate::Facts;
use super::signed::{Kind, Signed};

/// How far the clock of whoever revokes may be behind that of whoever issues: certificates that were issued up to
/// so much later are void too. A node that is enrolled again gets a certificate that is dated behind that.
pub(crate) const SKEW: Duration = Duration::from_secs(10 * 60);
/// Revocations that are kept; beyond, the oldest are forgotten. They end by themselves with the certificates that
/// they are about, so this is the number of nodes that are revoked in about a week.
pub(crate) const MAX_REVOKED: usize = 1024;

/// The authority's word that all certificates of a node that were issued until then are void.
#[derive(Clone, PartialEq, Eq)]
pub struct Revocation {
    statement: Statement,
    signed: Signed,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Statement {
    node: NodeName,
    at: Timestamp,
}

impl fmt::Debug for Revocation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.statement.fmt(f)
    }
}

impl Revocation {
    pub(super) fn new(authority: &KeyPair, node: &NodeName, at: Timestamp) -> Result<Self, rcgen::Error> {
        let node = node.clone();
        let statement = Statement { node, at };
        let signed = Signed::new(Kind::Revocation, &statement, authority)?;
        Ok(Self { statement, signed })
    }

    /// Reads one, if the authority (one of these keys) has made it.
    pub(crate) fn open<'a>(signed: Signed, authority: impl IntoIterator<Item = &'a [u8]>) -> Option<Self> {
        let statement = signed.open(Kind::Revocation, authority)?;
        Some(Self { statement, signed })
    }

    /// Who is out.
    #[must_use]
    pub fn node(&self) -> &NodeName {
        &self.statement.node
    }

    pub(crate) fn signed(&self) -> &Signed {
        &self.signed
    }

    /// Certificates that were issued until then are void.
    fn voids_until(&self) -> Timestamp {
        self.statement.at.after(SKEW)
    }
}

/// The revocations that a node knows: the latest of each node.
#[derive(Clone, Debug, Default)]
pub(crate) struct Revoked(BTreeMap<NodeName, Revocation>);

impl Revoked {
    /// Takes one in; false, if it says nothing new.
    pub(crate) fn add(&mut self, revocation: Revocation) -> bool {
        let known = self.0.get(revocation.node());
        if known.is_some_and(|known| known.statement.at >= revocation.statement.at) {
            return false;
        }
        self.0.insert(revocation.node().clone(), revocation);
        if self.0.len() > MAX_REVOKED {
            let oldest = self.0.values().min_by_key(|it| it.statement.at);
            if let Some(oldest) = oldest.map(|it| it.node().clone()) {
                tracing::warn!(node = %oldest, "too many revocations, the oldest is forgotten");
                self.0.remove(&oldest);
            }
        }
        true
    }

    /// Whether a certificate is void.
    pub(crate) fn voids(&self, certificate: &Facts) -> bool {
        let revocation = self.0.get(&certificate.node);
        revocation.is_some_and(|it| certificate.issued <= it.voids_until())
    }

    /// Whether a token for this node was made before the node was revoked.
    pub(crate) fn voids_token(&self, node: &NodeName, made: Timestamp) -> bool {
        self.0.get(node).is_some_and(|it| made <= it.statement.at)
    }

    /// The earliest date of a new certificate for a node.
    pub(crate) fn earliest(&self, node: &NodeName, now: Timestamp) -> Timestamp {
        let behind = self
            .0
            .get(node)
            .map(|it| it.voids_until().after(Duration::from_secs(1)));
        behind.map_or(now, |behind| behind.max(now))
    }

    /// Drops what is about certificates that nobody accepts any longer, because they are older than `accepted`.
    /// Says whether there was any.
    pub(crate) fn prune(&mut self, now: Timestamp, accepted: Duration) -> bool {
        let before = self.0.len();
        self.0.retain(|_, it| it.voids_until().after(accepted) >= now);
        self.0.len() < before
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Revocation> {
        self.0.values()
    }

    /// As a file keeps them: one a line.
    pub(super) fn text(&self) -> String {
        let line = |it: &Revocation| {
            let bytes = postcard::to_stdvec(&it.signed).expect("bytes can be written");
            format!("{} {}\n", it.node(), BASE64URL_NOPAD.encode(&bytes))
        };
        self.iter().map(line).collect()
    }

    /// What [`Self::text`] has written, as far as the authority has signed it.
    pub(super) fn read<'a>(text: &str, authority: impl IntoIterator<Item = &'a [u8]> + Clone) -> Self {
        let mut revoked = Self::default();
        for line in text.lines() {
            let bytes = line
                .rsplit_once(' ')
                .and_then(|(_, text)| BASE64URL_NOPAD.decode(text.as_bytes()).ok());
            let signed = bytes.and_then(|bytes| postcard::from_bytes(&bytes).ok());
            match signed.and_then(|signed| Revocation::open(signed, authority.clone())) {
                Some(revocation) => {
                    revoked.add(revocation);
                }
                None => tracing::warn!(line, "a revocation in the file is not the authority's"),
            }
        }
        revoked
    }
}
