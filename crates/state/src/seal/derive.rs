//! The key of a session, derived from the tenant's (R17), and those that were derived lately.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use aegis::aegis256::Aegis256;
use aws_lc_rs::hkdf::{HKDF_SHA256, KeyType, Salt};
use fogline_core::model::{AppName, SessionId, TenantName};

use super::envelope::{CHECK_BYTES, NONCE_BYTES, TAG_BYTES, label};
use super::keyring::KEY_BYTES;

/// Sessions whose keys are kept, in each of two generations: some 300 bytes each.
const GENERATION: usize = 2048;

/// What is derived for one session under one key of its tenant.
pub(super) struct SessionKey {
    number: u32,
    app: AppName,
    session: SessionId,
    key: [u8; KEY_BYTES],
    /// Tells this key from another, without telling anything about it.
    pub(super) check: [u8; CHECK_BYTES],
    /// Labels of application and session.
    pub(super) app_label: [u8; 2],
    pub(super) session_label: [u8; 2],
}

impl fmt::Debug for SessionKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SessionKey({} of {})", self.number, self.session)
    }
}

/// HKDF's output: the key, and what tells it from others.
#[derive(Clone, Copy)]
struct Material;

impl KeyType for Material {
    fn len(&self) -> usize {
        KEY_BYTES + CHECK_BYTES
    }
}

impl SessionKey {
    fn derive(
        number: u32,
        secret: &[u8; KEY_BYTES],
        tenant: &TenantName,
        app: &AppName,
        session: &SessionId,
    ) -> Self {
        let text = session.to_string();
        // None of them has a line feed, so no two sessions have one text.
        let info = ["fogline/1", tenant.as_str(), app.as_str(), &text].join("\n");
        let prk = Salt::new(HKDF_SHA256, &number.to_be_bytes()).extract(secret);
        let mut material = [0; KEY_BYTES + CHECK_BYTES];
        let filled = prk
            .expand(&[info.as_bytes()], Material)
            .and_then(|okm| okm.fill(&mut material));
        filled.expect("36 bytes are less than HKDF gives");
        let (key, check) = material.split_at(KEY_BYTES);
        Self {
            number,
            app: app.clone(),
            session: session.clone(),
            key: key.try_into().expect("a key, and what is left"),
            check: check.try_into().expect("what is left of the material"),
            app_label: label(app.as_str()),
            session_label: label(&text),
        }
    }

    /// The cipher of one envelope.
    pub(super) fn cipher(&self, nonce: &[u8; NONCE_BYTES]) -> Aegis256<TAG_BYTES> {
        Aegis256::new(&self.key, nonce)
    }

    fn is_of(&self, number: u32, app: &AppName, session: &SessionId) -> bool {
        self.number == number && self.app == *app && self.session == *session
    }
}

/// The keys of the sessions that were used last: derivation takes longer than sealing 1 KiB.
///
/// Two generations: what is found in the old one moves to the new one; when that is full it becomes the old one, and
/// what was not used in the meantime is dropped.
#[derive(Debug, Default)]
pub(super) struct Cache {
    generations: Mutex<Generations>,
}

/// By key number and the session's random bytes. An id that shares these with another session's was made up by
/// somebody; it is told apart by [`SessionKey::is_of`], and only costs time.
type Generation = HashMap<(u32, [u8; 16]), Arc<SessionKey>>;

#[derive(Debug, Default)]
struct Generations {
    new: Generation,
    old: Generation,
}

impl Cache {
    /// The key of a session under the tenant's key of this number.
    pub(super) fn get(
        &self,
        (number, secret): (u32, &[u8; KEY_BYTES]),
        tenant: &TenantName,
        app: &AppName,
        session: &SessionId,
    ) -> Arc<SessionKey> {
        let at = (number, session.random());
        {
            let mut generations = self.generations.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some(found) = generations
                .find(&at)
                .filter(|found| found.is_of(number, app, session))
            {
                return found;
            }
        }
        let derived = Arc::new(SessionKey::derive(number, secret, tenant, app, session));
        let mut generations = self.generations.lock().unwrap_or_else(PoisonError::into_inner);
        generations.put(at, Arc::clone(&derived));
        derived
    }
}

impl Generations {
    fn find(&mut self, at: &(u32, [u8; 16])) -> Option<Arc<SessionKey>> {
        if let Some(found) = self.new.get(at) {
            return Some(Arc::clone(found));
        }
        let found = self.old.remove(at)?;
        self.put(*at, Arc::clone(&found));
        Some(found)
    }

    fn put(&mut self, at: (u32, [u8; 16]), key: Arc<SessionKey>) {
        if self.new.len() >= GENERATION {
            self.old = std::mem::take(&mut self.new);
        }
        self.new.insert(at, key);
    }
}

#[cfg(test)]
mod tests {
    use fogline_core::model::Birth;

    use super::*;

    fn session(number: u32, node: &str) -> SessionId {
        let mut random = [0; 16];
        random[..4].copy_from_slice(&number.to_be_bytes());
        SessionId::mint(node.parse().unwrap(), vec![Birth::InClient], random).unwrap()
    }

    #[test]
    fn the_cache_is_bounded_and_keeps_what_is_in_use() {
        let cache = Cache::default();
        let (tenant, app): (TenantName, AppName) = ("acme".parse().unwrap(), "shop".parse().unwrap());
        let get = |number| cache.get((1, &[7; 32]), &tenant, &app, &session(number, "edge-1"));
        let busy = get(0);
        for number in 1..(3 * GENERATION as u32) {
            get(number);
            assert!(Arc::ptr_eq(&busy, &get(0)), "in use at {number}");
        }
        let generations = cache.generations.lock().unwrap();
        assert!(generations.new.len() + generations.old.len() <= 2 * GENERATION);
    }

    #[test]
    fn sessions_tenants_applications_and_keys_have_keys_of_their_own() {
        let cache = Cache::default();
        let derive = |number, secret: u8, tenant: &str, app: &str, node: &str| {
            let (tenant, app): (TenantName, AppName) = (tenant.parse().unwrap(), app.parse().unwrap());
            // A cache belongs to one tenant; the derivation does not rely on it.
            let cache = if tenant.as_str() == "acme" {
                &cache
            } else {
                &Cache::default()
            };
            cache
                .get((number, &[secret; 32]), &tenant, &app, &session(1, node))
                .check
        };
        let all = [
            derive(1, 7, "acme", "shop", "edge-1"),
            derive(2, 7, "acme", "shop", "edge-1"),
            derive(3, 8, "acme", "shop", "edge-1"),
            derive(1, 7, "other", "shop", "edge-1"),
            derive(1, 7, "acme", "shop-2", "edge-1"),
            derive(1, 7, "acme", "shop", "edge-2"),
        ];
        let distinct: std::collections::BTreeSet<_> = all.iter().collect();
        assert_eq!(distinct.len(), all.len());
    }
}
