//! Issuing certificates, at a node that has the authority's key.

use std::sync::Arc;

use fogline_core::model::{NodeName, Timestamp};
use rustls::pki_types::CertificateDer;
use tokio::sync::Mutex;

use super::wire::Refusal;
use crate::peers::error::IdentityError;
use crate::peers::trust::{Grant, Member, Register, Verifier, Wish};

/// Bytes of a point on P-256 in X9.62, and the first of them if it is not compressed.
const POINT: (usize, u8) = (65, 4);

/// Issues certificates.
pub(super) struct Issuer {
    member: Arc<Member>,
    register: Mutex<Register>,
}

impl Issuer {
    /// That of a node, if it has the authority's key.
    pub(super) fn of(member: &Arc<Member>) -> Result<Option<Self>, IdentityError> {
        if member.authority().is_none() {
            return Ok(None);
        }
        Ok(Some(Self {
            register: Mutex::new(member.register()?),
            member: Arc::clone(member),
        }))
    }

    /// A machine becomes a node.
    pub(super) async fn enrol(&self, grant: &Grant, wish: Wish) -> Result<CertificateDer<'static>, Refusal> {
        let trust = self.member.trust();
        admit(grant, &wish, trust.now())?;
        if trust.revoked(|revoked| revoked.voids_token(&wish.node, grant.from)) {
            return Err(Refusal::Revoked);
        }
        self.issue(wish, grant.node.is_some()).await
    }

    /// A node gets a new certificate for the name and key of an earlier one.
    pub(super) async fn renew(
        &self,
        certificate: CertificateDer<'static>,
    ) -> Result<CertificateDer<'static>, Refusal> {
        let verifier = Verifier(Arc::clone(self.member.trust()));
        let facts = verifier.member(&certificate).map_err(|error| {
            tracing::info!(%error, "not renewed");
            Refusal::Unfit
        })?;
        let (node, key) = (facts.node, facts.key);
        // Another issuing node may have enrolled it with a new key. An earlier one is retired by a revocation.
        self.issue(Wish { node, key }, true).await
    }

    /// Issues a certificate. One who may `replace` gets a name also if another key is known under it.
    async fn issue(&self, wish: Wish, replace: bool) -> Result<CertificateDer<'static>, Refusal> {
        let mut register = self.register.lock().await;
        if !replace && register.is_taken(&wish.node, &wish.key) {
            return Err(Refusal::Taken);
        }
        let mut entered = register.clone();
        let new = entered.enter(&wish.node, &wish.key);
        let member = Arc::clone(&self.member);
        let failed = |node: &NodeName, error: &dyn std::error::Error| {
            tracing::error!(%node, %error, "no certificate issued");
            Refusal::Failed
        };
        let node = wish.node.clone();
        let work = tokio::task::spawn_blocking(move || {
            if new {
                member.keep_register(&entered)?;
            }
            let certificate = certify(&member, &wish)?;
            Ok::<_, IdentityError>((certificate, entered))
        });
        let done = work.await.map_err(|error| failed(&node, &error))?;
        let (certificate, entered) = done.map_err(|error| failed(&node, &error))?;
        *register = entered;
        tracing::info!(%node, new, "certificate issued");
        Ok(certificate)
    }
}

fn certify(member: &Member, wish: &Wish) -> Result<CertificateDer<'static>, IdentityError> {
    let (trust, node) = (member.trust(), &wish.node);
    let authority = member.authority().expect("an issuer is made with one");
    let from = trust.revoked(|revoked| revoked.earliest(node, trust.now()));
    authority.certify(node, &wish.key, from, trust.terms().life)
}

/// Whether a machine may become a node.
fn admit(grant: &Grant, wish: &Wish, now: Timestamp) -> Result<(), Refusal> {
    if (wish.key.len(), wish.key.first().copied()) != (POINT.0, Some(POINT.1)) {
        return Err(Refusal::Malformed);
    }
    if now > grant.until {
        return Err(Refusal::Over);
    }
    match &grant.node {
        Some(node) if *node != wish.node => Err(Refusal::OtherNode),
        _ => Ok(()),
    }
}
