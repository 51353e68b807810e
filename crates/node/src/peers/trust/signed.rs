//! Statements that carry their signature along: whoever has the signer's public key can check them, wherever
//! they come from.

use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1, UnparsedPublicKey};
use rcgen::{KeyPair, SigningKey};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

/// What a statement is about. It is signed with it, so that no statement passes for one of another kind; nor for
/// a certificate, which begins with another byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Whoever has the key that this names may enrol.
    Grant,
    /// A node's wish to be enrolled.
    Application,
    /// A node is out.
    Revocation,
}

impl Kind {
    fn name(self) -> &'static [u8] {
        match self {
            Self::Grant => b"fogline grant/1\0",
            Self::Application => b"fogline application/1\0",
            Self::Revocation => b"fogline revocation/1\0",
        }
    }

    fn framed(self, body: &[u8]) -> Vec<u8> {
        [self.name(), body].concat()
    }
}

/// A statement and its signature (ECDSA, P-256, SHA-256).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Signed {
    body: Vec<u8>,
    signature: Vec<u8>,
}

impl Signed {
    /// Signs a statement.
    pub(super) fn new(kind: Kind, statement: &impl Serialize, key: &KeyPair) -> Result<Self, rcgen::Error> {
        let body =
            postcard::to_stdvec(statement).expect("statements have no value that postcard cannot write");
        let signature = key.sign(&kind.framed(&body))?;
        Ok(Self { body, signature })
    }

    /// The statement, if one of these keys (points, as in X9.62) has signed it.
    pub(super) fn open<'a, T: DeserializeOwned>(
        &self,
        kind: Kind,
        keys: impl IntoIterator<Item = &'a [u8]>,
    ) -> Option<T> {
        let framed = kind.framed(&self.body);
        let signed = keys.into_iter().any(|key| {
            let key = UnparsedPublicKey::new(&ECDSA_P256_SHA256_ASN1, key);
            key.verify(&framed, &self.signature).is_ok()
        });
        signed.then(|| postcard::from_bytes(&self.body).ok()).flatten()
    }
}
