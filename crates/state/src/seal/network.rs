//! What all nodes of a network have in common, and the keys of tenants that follow from it.

use std::fmt;

use aws_lc_rs::hkdf::{HKDF_SHA256, Salt};
use data_encoding::HEXLOWER_PERMISSIVE;
use fogline_core::model::TenantName;
use serde::{Deserialize, Serialize};

use super::keyring::{KEY_BYTES, Keyring};

/// What it is derived for, and the version of how.
const NETWORK: &str = "fogline network/1";
/// As [`NETWORK`], of the key of a tenant.
const TENANT: &str = "fogline tenant/1";
/// The number of the key that follows from the secret; an operator adds others.
const NUMBER: u32 = 1;

/// A secret that all nodes of a network have, and nobody else. The keys that they make follow from it, and so are the
/// same at all of them.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NetworkSecret([u8; KEY_BYTES]);

/// Without the secret, which has no place in a log.
impl fmt::Debug for NetworkSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("NetworkSecret")
    }
}

impl NetworkSecret {
    /// The one that follows from a key which nobody but the network's authority has.
    #[must_use]
    pub fn of_authority(key: &[u8]) -> Self {
        Self(derived(key, NETWORK))
    }

    /// The keys of a tenant that nobody has given others.
    #[must_use]
    pub fn keyring(&self, tenant: &TenantName) -> Keyring {
        let info = format!("{TENANT}\n{tenant}\n{NUMBER}");
        Keyring::of(NUMBER, derived(&self.0, &info))
    }

    /// As a file keeps it: 64 hexadecimal digits.
    #[must_use]
    pub fn text(&self) -> String {
        HEXLOWER_PERMISSIVE.encode(&self.0)
    }

    /// What [`Self::text`] has written; none, if it is something else.
    #[must_use]
    pub fn read(text: &str) -> Option<Self> {
        let bytes = HEXLOWER_PERMISSIVE.decode(text.trim().as_bytes()).ok()?;
        Some(Self(bytes.try_into().ok()?))
    }
}

/// HKDF of SHA-256, without a salt: what goes in is random already.
fn derived(from: &[u8], info: &str) -> [u8; KEY_BYTES] {
    let prk = Salt::new(HKDF_SHA256, &[]).extract(from);
    let mut bytes = [0; KEY_BYTES];
    let filled = prk
        .expand(&[info.as_bytes()], HKDF_SHA256)
        .and_then(|okm| okm.fill(&mut bytes));
    filled.expect("32 bytes are what HKDF of SHA-256 gives at once");
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tenant(name: &str) -> TenantName {
        name.parse().unwrap()
    }

    #[test]
    fn keys_follow_from_the_secret_and_the_tenant_alone() {
        let (one, other) = (
            NetworkSecret::of_authority(b"one"),
            NetworkSecret::of_authority(b"other"),
        );
        let again = NetworkSecret::read(&one.text()).unwrap();
        assert_eq!(again, one);
        assert!(again.keyring(&tenant("acme")) == one.keyring(&tenant("acme")));
        assert!(one.keyring(&tenant("acme")) != one.keyring(&tenant("shop")));
        assert!(one.keyring(&tenant("acme")) != other.keyring(&tenant("acme")));
    }

    /// RFC 5869 by another implementation: Python's `hmac`.
    #[test]
    fn keys_stay_what_they_are_in_later_versions() {
        let secret = NetworkSecret::of_authority(&[7; 32]);
        assert_eq!(
            secret.text(),
            "d397033d85b602f818b4d57f838ea94460f7cdabc7406dff911412cb28893c91"
        );
        let keyring = secret.keyring(&tenant("acme"));
        let (number, key) = keyring.current();
        assert_eq!(
            (number, HEXLOWER_PERMISSIVE.encode(key).as_str()),
            (
                1,
                "bb00a480770e3a2d2f4cdd9696de4d94d711d806a9763e5f4abd422e6511de93"
            )
        );
    }

    #[test]
    fn what_is_no_secret_is_none_and_a_secret_is_not_shown() {
        let secret = NetworkSecret::of_authority(b"one");
        for text in ["", "12", "no digits", &secret.text()[1..]] {
            assert_eq!(NetworkSecret::read(text), None, "{text}");
        }
        assert!(!format!("{secret:?}").contains(&secret.text()));
    }
}
