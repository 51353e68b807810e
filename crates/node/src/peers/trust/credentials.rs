//! What a node has to prove itself with.

use std::fmt;
use std::path::Path;
use std::sync::{Arc, OnceLock};

use fogline_core::model::{NodeName, Timestamp};
use fogline_state::seal::NetworkSecret;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

use super::authority::Authority;
use super::certificate::member;
use super::holder::Holder;
use super::identity::Identity;
use super::register::Register;
use super::state::Trust;
use super::terms::{Terms, WallClock, system_clock};
use super::token::Token;
use super::verifier::Verifier;
use crate::peers::error::IdentityError;

/// What a node has to prove itself with when it starts.
#[derive(Debug)]
#[expect(clippy::large_enum_variant, reason = "one is made, at the start")]
pub enum Credentials {
    /// It is a node of its network.
    Member(Member),
    /// It has a key, and must be enrolled.
    Stranger(Stranger),
}

impl Credentials {
    /// Reads what a node keeps in a folder, which is made if it is not there. With the authority's key a node
    /// certifies itself.
    ///
    /// # Errors
    /// When the folder cannot be used, or holds something else.
    pub fn open(
        folder: &Path,
        node: &NodeName,
        authority: Option<Authority>,
        terms: Terms,
        clock: WallClock,
    ) -> Result<Self, IdentityError> {
        let holder = Holder::open(folder, node, terms, clock)?;
        let mut trusted = holder.authority()?;
        if let Some(own) = authority.as_ref().map(Authority::certificate)
            && !trusted.contains(own)
        {
            trusted.push(own.clone());
            holder.keep_authority(&trusted)?;
        }
        if trusted.is_empty() {
            return Ok(Self::Stranger(Stranger { holder }));
        }
        let trust = Arc::new(Trust::new(trusted, holder.terms, Arc::clone(&holder.clock))?);
        let revoked = holder.revoked(&trust)?;
        trust.revoke(|it| *it = revoked);
        if let Some(facts) = kept(&holder, &trust)? {
            tracing::debug!(node = %facts.node, end = facts.end.0, "certificate kept");
        }
        let secret = match &authority {
            Some(authority) => Some(authority.secret().clone()),
            None => holder.secret()?,
        };
        let member = Member {
            holder,
            trust,
            authority,
            secret: secret.map(OnceLock::from).unwrap_or_default(),
        };
        if member.authority.is_some() && member.due() {
            member.certify_itself()?;
        }
        Ok(match member.trust.own() {
            Some(_) => Self::Member(member),
            None => Self::Stranger(Stranger {
                holder: member.holder,
            }),
        })
    }
}

/// Shows the certificate that was kept, if it still serves.
fn kept(holder: &Holder, trust: &Arc<Trust>) -> Result<Option<super::Facts>, IdentityError> {
    let chain = holder.chain()?;
    let Some(Ok(facts)) = chain.first().map(member) else {
        return Ok(None);
    };
    let ours = facts.node == holder.node && facts.key == holder.point;
    if !ours || Verifier(Arc::clone(trust)).member(&chain[0]).is_err() {
        return Ok(None);
    }
    Ok(Some(trust.show(chain, holder.key.clone_key())?))
}

/// A machine that no authority has certified yet, or not any longer.
pub struct Stranger {
    holder: Holder,
}

impl fmt::Debug for Stranger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stranger")
            .field("node", &self.holder.node)
            .finish_non_exhaustive()
    }
}

impl Stranger {
    /// Its name, and the point of its public key.
    pub(crate) fn wish(&self) -> (&NodeName, &[u8]) {
        (&self.holder.node, &self.holder.point)
    }

    /// Whom it trusts by a token's word.
    pub(crate) fn trust(&self, token: &Token) -> Result<Arc<Trust>, IdentityError> {
        let authority = vec![token.authority().clone()];
        let trust = Trust::new(authority, self.holder.terms, Arc::clone(&self.holder.clock))?;
        Ok(Arc::new(trust))
    }

    /// Becomes a node with a certificate that comes from whom it trusts.
    pub(crate) fn enrolled(
        self,
        trust: Arc<Trust>,
        certificate: CertificateDer<'static>,
    ) -> Result<Member, IdentityError> {
        self.holder.keep_authority(trust.authority())?;
        // It may have been in another network before.
        self.holder.keep_secret(None)?;
        let member = Member {
            holder: self.holder,
            trust,
            authority: None,
            secret: OnceLock::new(),
        };
        member.take(certificate)?;
        Ok(member)
    }
}

/// A node of a network.
pub struct Member {
    holder: Holder,
    trust: Arc<Trust>,
    authority: Option<Authority>,
    /// Empty until it is told.
    secret: OnceLock<NetworkSecret>,
}

impl fmt::Debug for Member {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Member")
            .field("node", &self.holder.node)
            .finish_non_exhaustive()
    }
}

impl Member {
    /// A node that ends with its process: nothing is kept.
    pub(crate) fn passing(identity: &Identity) -> Result<Self, IdentityError> {
        let (terms, clock) = (Terms::default(), system_clock());
        let trust = Trust::new(identity.authority().to_vec(), terms, Arc::clone(&clock))?;
        let facts = trust.show(identity.chain().to_vec(), identity.key().clone_key())?;
        let holder = Holder {
            node: facts.node,
            key: identity.key().clone_key(),
            point: facts.key,
            folder: None,
            terms,
            clock,
        };
        Ok(Self {
            holder,
            trust: Arc::new(trust),
            authority: None,
            secret: OnceLock::new(),
        })
    }

    /// Its name.
    #[must_use]
    pub fn node(&self) -> &NodeName {
        &self.holder.node
    }

    pub(crate) fn key(&self) -> &PrivateKeyDer<'static> {
        &self.holder.key
    }

    pub(crate) fn trust(&self) -> &Arc<Trust> {
        &self.trust
    }

    pub(crate) fn authority(&self) -> Option<&Authority> {
        self.authority.as_ref()
    }

    /// What all nodes of its network have in common, if it has the authority's key or was told.
    #[must_use]
    pub fn secret(&self) -> Option<&NetworkSecret> {
        self.secret.get()
    }

    /// Keeps the secret that a peer has told.
    pub(crate) fn keep_secret(&self, secret: NetworkSecret) -> Result<(), IdentityError> {
        self.holder.keep_secret(Some(&secret))?;
        // Whoever was told meanwhile was told the same.
        let _ = self.secret.set(secret);
        Ok(())
    }

    /// Whether its certificate is to be renewed: at two thirds of its life, so that a third is left to find the
    /// authority.
    pub(crate) fn due(&self) -> bool {
        let Some((_, own)) = self.trust.own() else {
            return true;
        };
        self.trust.now() >= own.issued.after(own.end.since(own.issued) * 2 / 3)
    }

    /// Renews its certificate with its own authority.
    pub(crate) fn certify_itself(&self) -> Result<(), IdentityError> {
        let Some(authority) = &self.authority else {
            return Ok(());
        };
        let (node, now) = (&self.holder.node, self.trust.now());
        let from = self.trust.revoked(|revoked| revoked.earliest(node, now));
        let certificate = authority.certify(node, &self.holder.point, from, self.holder.terms.life)?;
        self.take(certificate)
    }

    /// Keeps a new certificate and shows it from now on, if it is for this node and comes from whom it trusts.
    pub(crate) fn take(&self, certificate: CertificateDer<'static>) -> Result<(), IdentityError> {
        let facts = Verifier(Arc::clone(&self.trust)).member(&certificate);
        let facts = facts.map_err(IdentityError::Unusable)?;
        self.holder.take(&self.trust, certificate, &facts)
    }

    /// Keeps who is out.
    pub(crate) fn keep_revoked(&self) -> Result<(), IdentityError> {
        let revoked = self.trust.revoked(Clone::clone);
        self.holder.keep_revoked(&revoked)
    }

    /// Whom it has certified.
    pub(crate) fn register(&self) -> Result<Register, IdentityError> {
        self.holder.register()
    }

    /// Keeps whom it has certified.
    pub(crate) fn keep_register(&self, register: &Register) -> Result<(), IdentityError> {
        self.holder.keep_register(register)
    }

    /// When its certificate ends, and until when it is accepted.
    pub(crate) fn end(&self) -> Option<(Timestamp, Timestamp)> {
        let (_, own) = self.trust.own()?;
        Some((own.end, own.end.after(self.holder.terms.grace)))
    }
}
