//! Tokens: what an operator gives to a machine that is to become a node.
//!
//! A token holds a key of its own, and the authority's word that whoever has that key may enrol. The machine signs
//! its application with it, so that no peer that passes the application on, nor one that only pretends to be a
//! peer, learns anything with which it could enrol another node. And it holds the authority's certificate, so that
//! the machine knows whom to trust before its first connection.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use data_encoding::BASE64URL_NOPAD;
use fogline_core::model::{NodeName, Timestamp};
use rcgen::{KeyPair, PublicKeyData};
use rustls::pki_types::CertificateDer;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::signed::{Kind, Signed};

/// The format of a token's text.
const FORMAT: u8 = 1;

/// The authority's word that a node may enrol.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Grant {
    /// When it was made.
    pub(crate) from: Timestamp,
    /// Until when it serves.
    pub(crate) until: Timestamp,
    /// The node that it is for; any, if none is named.
    pub(crate) node: Option<NodeName>,
    /// The point of the key with which applications are signed.
    key: Vec<u8>,
}

/// What one line of text holds.
#[derive(Serialize, Deserialize)]
struct Content {
    format: u8,
    authority: Vec<u8>,
    grant: Signed,
    /// PKCS #8.
    key: Vec<u8>,
}

/// A token. Its text is one line of base64url.
pub struct Token {
    authority: CertificateDer<'static>,
    grant: Signed,
    key: KeyPair,
}

/// Without what it proves, which has no place in a log.
impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token")
    }
}

/// A text that is no token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("the text is no enrolment token, which is one line, as `fogline authority token` prints it")]
pub struct NoToken;

impl Token {
    pub(super) fn new(
        authority: &KeyPair,
        certificate: &CertificateDer<'static>,
        node: Option<&NodeName>,
        now: Timestamp,
        valid: Duration,
    ) -> Result<Self, rcgen::Error> {
        let key = KeyPair::generate()?;
        let grant = Grant {
            from: now,
            until: now.after(valid),
            node: node.cloned(),
            key: key.der_bytes().to_vec(),
        };
        Ok(Self {
            authority: certificate.clone(),
            grant: Signed::new(Kind::Grant, &grant, authority)?,
            key,
        })
    }

    /// Its text, which is a secret.
    #[must_use]
    pub fn text(&self) -> String {
        let content = Content {
            format: FORMAT,
            authority: self.authority.to_vec(),
            grant: self.grant.clone(),
            key: self.key.serialize_der(),
        };
        let bytes = postcard::to_stdvec(&content).expect("a token has no value that postcard cannot write");
        BASE64URL_NOPAD.encode(&bytes)
    }

    /// The certificate of the authority that made it.
    pub(crate) fn authority(&self) -> &CertificateDer<'static> {
        &self.authority
    }

    /// A node's wish to be enrolled with a public key.
    pub(crate) fn apply(&self, node: &NodeName, key: &[u8]) -> Result<Application, rcgen::Error> {
        let wish = Wish {
            node: node.clone(),
            key: key.to_vec(),
        };
        Ok(Application {
            grant: self.grant.clone(),
            wish: Signed::new(Kind::Application, &wish, &self.key)?,
        })
    }
}

impl FromStr for Token {
    type Err = NoToken;

    fn from_str(text: &str) -> Result<Self, NoToken> {
        let bytes = BASE64URL_NOPAD
            .decode(text.trim().as_bytes())
            .map_err(|_| NoToken)?;
        let (content, rest): (Content, _) = postcard::take_from_bytes(&bytes).map_err(|_| NoToken)?;
        if content.format != FORMAT || !rest.is_empty() {
            return Err(NoToken);
        }
        Ok(Self {
            authority: content.authority.into(),
            grant: content.grant,
            key: KeyPair::try_from(content.key).map_err(|_| NoToken)?,
        })
    }
}

/// A node's name and the point of its key, as an application states them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Wish {
    pub(crate) node: NodeName,
    pub(crate) key: Vec<u8>,
}

/// A wish, signed by the key that the grant names.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Application {
    grant: Signed,
    wish: Signed,
}

impl Application {
    /// What is wished, and with which right; nothing, if a signature does not hold.
    pub(crate) fn open<'a>(&self, authority: impl IntoIterator<Item = &'a [u8]>) -> Option<(Grant, Wish)> {
        let grant: Grant = self.grant.open(Kind::Grant, authority)?;
        let wish = self.wish.open(Kind::Application, [&grant.key[..]])?;
        Some((grant, wish))
    }
}
