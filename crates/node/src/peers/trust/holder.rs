//! A node's name, its key, and the folder where it keeps what proves them.

use std::fs::DirBuilder;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use fogline_core::model::NodeName;
use fogline_state::seal::NetworkSecret;
use rcgen::{KeyPair, PublicKeyData};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};

use super::certificate::Facts;
use super::files;
use super::register::Register;
use super::revocation::Revoked;
use super::state::Trust;
use super::terms::{Terms, WallClock};
use crate::peers::error::IdentityError;

const KEY_FILE: &str = "node.key";
const CERTIFICATE_FILE: &str = "node.crt";
const AUTHORITY_FILE: &str = "authority.crt";
const REVOKED_FILE: &str = "revoked";
const REGISTER_FILE: &str = "issued";
const SECRET_FILE: &str = "network.secret";

/// Who proves something, and with which key.
pub(super) struct Holder {
    pub(super) node: NodeName,
    pub(super) key: PrivateKeyDer<'static>,
    /// The point of the public key, as in X9.62.
    pub(super) point: Vec<u8>,
    /// None for a node that ends with its process.
    pub(super) folder: Option<PathBuf>,
    pub(super) terms: Terms,
    pub(super) clock: WallClock,
}

impl Holder {
    /// A node's folder, with its key in it: a new one, if there is none. The key never leaves the folder.
    pub(super) fn open(
        folder: &Path,
        node: &NodeName,
        terms: Terms,
        clock: WallClock,
    ) -> Result<Self, IdentityError> {
        let made = DirBuilder::new().recursive(true).mode(0o700).create(folder);
        made.map_err(|source| IdentityError::File {
            doing: "making",
            path: folder.to_owned(),
            source,
        })?;
        let path = folder.join(KEY_FILE);
        let make = |source| IdentityError::Make {
            whose: format!("node {node}"),
            source,
        };
        let key = match files::read_if_there(&path)? {
            Some(text) => KeyPair::from_pem(&text).map_err(make)?,
            None => {
                let key = KeyPair::generate().map_err(make)?;
                files::replace(&path, &files::key_pem(&key.serialize_der()), 0o600)?;
                key
            }
        };
        Ok(Self {
            node: node.clone(),
            point: key.der_bytes().to_vec(),
            key: PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der())),
            folder: Some(folder.to_owned()),
            terms,
            clock,
        })
    }

    fn certificates(&self, file: &str) -> Result<Vec<CertificateDer<'static>>, IdentityError> {
        let text = self.kept(file)?;
        CertificateDer::pem_slice_iter(text.as_bytes())
            .collect::<Result<_, _>>()
            .map_err(|source| IdentityError::Pem {
                what: "a certificate that was kept",
                expected: "blocks BEGIN CERTIFICATE",
                source,
            })
    }

    /// Whom it trusted when it stopped.
    pub(super) fn authority(&self) -> Result<Vec<CertificateDer<'static>>, IdentityError> {
        self.certificates(AUTHORITY_FILE)
    }

    /// What it showed when it stopped.
    pub(super) fn chain(&self) -> Result<Vec<CertificateDer<'static>>, IdentityError> {
        self.certificates(CERTIFICATE_FILE)
    }

    /// Who was out when it stopped.
    pub(super) fn revoked(&self, trust: &Trust) -> Result<Revoked, IdentityError> {
        Ok(Revoked::read(&self.kept(REVOKED_FILE)?, trust.keys()))
    }

    /// Keeps whom it trusts.
    pub(super) fn keep_authority(&self, authority: &[CertificateDer<'_>]) -> Result<(), IdentityError> {
        let text: String = authority.iter().map(files::certificate_pem).collect();
        self.keep(AUTHORITY_FILE, &text)
    }

    /// Keeps who is out.
    pub(super) fn keep_revoked(&self, revoked: &Revoked) -> Result<(), IdentityError> {
        self.keep(REVOKED_FILE, &revoked.text())
    }

    /// Keeps a certificate, if it is for this node and its key, and shows it from then on.
    pub(super) fn take(
        &self,
        trust: &Trust,
        certificate: CertificateDer<'static>,
        facts: &Facts,
    ) -> Result<(), IdentityError> {
        if facts.node != self.node || facts.key != self.point {
            return Err(IdentityError::Foreign {
                node: self.node.clone(),
                found: facts.node.clone(),
            });
        }
        self.keep(CERTIFICATE_FILE, &files::certificate_pem(&certificate))?;
        trust.show(vec![certificate], self.key.clone_key())?;
        Ok(())
    }

    /// The secret of its network, if it has been told.
    pub(super) fn secret(&self) -> Result<Option<NetworkSecret>, IdentityError> {
        let text = self.kept(SECRET_FILE)?;
        if text.is_empty() {
            return Ok(None);
        }
        match NetworkSecret::read(&text) {
            Some(secret) => Ok(Some(secret)),
            None => Err(IdentityError::Secret { file: SECRET_FILE }),
        }
    }

    /// Keeps the secret of its network; none, when it comes into one.
    pub(super) fn keep_secret(&self, secret: Option<&NetworkSecret>) -> Result<(), IdentityError> {
        let text = secret.map(|secret| format!("{}\n", secret.text()));
        self.keep(SECRET_FILE, &text.unwrap_or_default())
    }

    /// Whom it has certified, if it has the authority's key.
    pub(super) fn register(&self) -> Result<Register, IdentityError> {
        Ok(Register::read(&self.kept(REGISTER_FILE)?))
    }

    /// Keeps whom it has certified.
    pub(super) fn keep_register(&self, register: &Register) -> Result<(), IdentityError> {
        self.keep(REGISTER_FILE, &register.text())
    }

    /// The text of a file; none, if it is not there.
    fn kept(&self, file: &str) -> Result<String, IdentityError> {
        let Some(folder) = &self.folder else {
            return Ok(String::new());
        };
        Ok(files::read_if_there(&folder.join(file))?.unwrap_or_default())
    }

    fn keep(&self, file: &str, text: &str) -> Result<(), IdentityError> {
        match &self.folder {
            Some(folder) => files::replace(&folder.join(file), text, 0o600),
            None => Ok(()),
        }
    }
}
