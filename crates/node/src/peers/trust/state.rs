//! What decides, at each handshake, whom a node trusts and what it shows itself.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use fogline_core::model::Timestamp;
use rustls::CertificateError;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;

use super::certificate::{Facts, member, public_key};
use super::revocation::{Revocation, Revoked};
use super::terms::{Terms, WallClock};
use super::verifier::{Chains, provider};
use crate::peers::error::IdentityError;

/// Whom a node trusts, and what it shows.
pub(crate) struct Trust {
    pub(super) chains: Chains,
    authority: Vec<CertificateDer<'static>>,
    /// The points of the authority's keys.
    keys: Vec<Vec<u8>>,
    /// None before it is enrolled.
    own: RwLock<Option<Own>>,
    revoked: RwLock<Revoked>,
    clock: WallClock,
    /// The time is not below this.
    floor: AtomicU64,
    terms: Terms,
}

struct Own {
    shown: Arc<CertifiedKey>,
    facts: Facts,
}

impl fmt::Debug for Trust {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Trust")
            .field("terms", &self.terms)
            .finish_non_exhaustive()
    }
}

impl Trust {
    /// Trusts an authority, and shows nothing yet.
    pub(crate) fn new(
        authority: Vec<CertificateDer<'static>>,
        terms: Terms,
        clock: WallClock,
    ) -> Result<Self, IdentityError> {
        let keys = authority.iter().map(public_key).collect::<Result<_, _>>();
        Ok(Self {
            chains: Chains::new(&authority)?,
            keys: keys.map_err(|reason| IdentityError::Authority { reason })?,
            authority,
            own: RwLock::default(),
            revoked: RwLock::default(),
            floor: AtomicU64::new(0),
            clock,
            terms,
        })
    }

    /// Shows this from now on: connections that are there already go on as they are.
    pub(crate) fn show(
        &self,
        chain: Vec<CertificateDer<'static>>,
        key: PrivateKeyDer<'static>,
    ) -> Result<Facts, IdentityError> {
        let first = chain.first().ok_or("there is none".to_owned());
        let facts = first.and_then(member);
        let facts = facts.map_err(|reason| IdentityError::Nameless { reason })?;
        let shown = CertifiedKey::from_der(chain, key, &provider()).map_err(IdentityError::Unusable)?;
        let own = Own {
            shown: Arc::new(shown),
            facts: facts.clone(),
        };
        *self.own.write().unwrap_or_else(PoisonError::into_inner) = Some(own);
        Ok(facts)
    }

    /// What it shows.
    pub(super) fn shown(&self) -> Option<Arc<CertifiedKey>> {
        let own = self.own.read().unwrap_or_else(PoisonError::into_inner);
        own.as_ref().map(|own| Arc::clone(&own.shown))
    }

    /// The certificate that it shows, and what that says.
    pub(crate) fn own(&self) -> Option<(CertificateDer<'static>, Facts)> {
        let own = self.own.read().unwrap_or_else(PoisonError::into_inner);
        let own = own.as_ref()?;
        Some((own.shown.cert.first()?.clone(), own.facts.clone()))
    }

    /// The time, as well as it is known: a clock that is behind the floor, or behind the date of the own
    /// certificate, is wrong.
    pub(crate) fn now(&self) -> Timestamp {
        let own = self.own.read().unwrap_or_else(PoisonError::into_inner);
        let issued = own.as_ref().map_or(Timestamp(0), |own| own.facts.issued);
        let floor = Timestamp(self.floor.load(Ordering::Relaxed));
        (self.clock)().max(floor).max(issued)
    }

    /// The time is not below this (R18).
    pub(crate) fn not_before(&self, floor: Timestamp) {
        self.floor.fetch_max(floor.0, Ordering::Relaxed);
    }

    /// Reads a peer's certificate, and gives the time at which its chain is to be verified. That it is from the
    /// future only says that the clock here is behind: the authority dates none ahead of its own clock, but for
    /// nodes that were revoked. And for the time of grace after its end it is taken as it was at its end.
    pub(crate) fn judge(
        &self,
        certificate: &CertificateDer<'_>,
    ) -> Result<(Facts, Timestamp), CertificateError> {
        let facts = member(certificate).map_err(|_| CertificateError::BadEncoding)?;
        if self.voids(&facts) {
            return Err(CertificateError::Revoked);
        }
        let now = self.now();
        let at = if self.over(&facts) {
            now
        } else {
            now.max(facts.issued).min(facts.end)
        };
        Ok((facts, at))
    }

    /// Whether a certificate has ended, and its time of grace too.
    pub(crate) fn over(&self, certificate: &Facts) -> bool {
        self.now() > certificate.end.after(self.terms.grace)
    }

    /// Whether a certificate has been revoked.
    pub(crate) fn voids(&self, certificate: &Facts) -> bool {
        self.revoked(|revoked| revoked.voids(certificate))
    }

    /// Looks at what has been revoked.
    pub(crate) fn revoked<T>(&self, look: impl FnOnce(&Revoked) -> T) -> T {
        look(&self.revoked.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Changes it.
    pub(crate) fn revoke<T>(&self, change: impl FnOnce(&mut Revoked) -> T) -> T {
        change(&mut self.revoked.write().unwrap_or_else(PoisonError::into_inner))
    }

    /// A revocation that has come from elsewhere, if it is the authority's.
    pub(crate) fn revocation(&self, signed: super::Signed) -> Option<Revocation> {
        Revocation::open(signed, self.keys())
    }

    /// The points of the authority's keys.
    pub(crate) fn keys(&self) -> impl Iterator<Item = &[u8]> + Clone {
        self.keys.iter().map(Vec::as_slice)
    }

    /// The certificates of the authority.
    pub(crate) fn authority(&self) -> &[CertificateDer<'static>] {
        &self.authority
    }

    pub(crate) fn terms(&self) -> Terms {
        self.terms
    }
}
