//! Who a node is: a certificate that names it, issued by an authority that all nodes of a network trust.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::{fmt, io};

use fogline_core::model::NodeName;
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DistinguishedName, DnType, ExtendedKeyUsagePurpose,
    IsCa, KeyPair, KeyUsagePurpose, SanType, date_time_ymd,
};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

use super::error::IdentityError;
use super::tls;

const CERTIFICATE_FILE: &str = "node.crt";
const KEY_FILE: &str = "node.key";
const AUTHORITY_FILE: &str = "authority.crt";

/// An authority that lives as long as the process: it issues certificates, and its key is never written.
pub struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
}

impl fmt::Debug for Authority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Authority")
    }
}

impl Authority {
    /// A new authority, with a new key (P-256).
    ///
    /// # Errors
    /// When the machine has no randomness.
    pub fn new() -> Result<Self, IdentityError> {
        let make = |source| IdentityError::Make {
            whose: "the authority".to_owned(),
            source,
        };
        let mut params = params("fogline authority");
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        let key = KeyPair::generate().map_err(make)?;
        let issuer = CertifiedIssuer::self_signed(params, key).map_err(make)?;
        Ok(Self { issuer })
    }

    /// A certificate and a new key for a node.
    ///
    /// # Errors
    /// When the machine has no randomness, or the name does not fit into a certificate.
    pub fn issue(&self, node: &NodeName) -> Result<Identity, IdentityError> {
        let make = |source| IdentityError::Make {
            whose: format!("node {node}"),
            source,
        };
        let mut params = params(node.as_str());
        params.subject_alt_names = vec![
            SanType::DnsName(tls::dns_name(node).try_into().map_err(make)?),
            SanType::URI(tls::uri_name(node).try_into().map_err(make)?),
        ];
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![
            ExtendedKeyUsagePurpose::ServerAuth,
            ExtendedKeyUsagePurpose::ClientAuth,
        ];
        let key = KeyPair::generate().map_err(make)?;
        let certificate = params.signed_by(&key, &self.issuer).map_err(make)?;
        Identity::from_pem(&certificate.pem(), &key.serialize_pem(), &self.issuer.pem())
    }
}

/// Valid from 1970, where the clock of a board without a battery starts (R18), and without an end: the
/// authority's key is gone with its process.
fn params(common_name: &str) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, common_name);
    params.not_before = date_time_ymd(1970, 1, 1);
    params.use_authority_key_identifier_extension = true;
    params
}

/// A node's certificate and key, and whom it trusts.
pub struct Identity {
    node: NodeName,
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
    authority: Vec<CertificateDer<'static>>,
    pem: Pem,
}

/// The same as text, as it is kept in files.
#[derive(Clone)]
struct Pem {
    chain: String,
    key: String,
    authority: String,
}

/// Without the key, which has no place in a log.
impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Identity")
            .field("node", &self.node)
            .finish_non_exhaustive()
    }
}

impl Identity {
    /// From PEM texts: the node's certificate, followed by those between it and the authority if there are
    /// any; its key (PKCS #8, SEC 1 or PKCS #1); the certificates that it trusts.
    ///
    /// # Errors
    /// When a text holds something else, or the certificate names no node.
    pub fn from_pem(chain: &str, key: &str, authority: &str) -> Result<Self, IdentityError> {
        let pem = Pem {
            chain: chain.to_owned(),
            key: key.to_owned(),
            authority: authority.to_owned(),
        };
        let chain = certificates("the node's certificate", chain)?;
        let authority = certificates("the authority's certificate", authority)?;
        let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).map_err(|source| IdentityError::Pem {
            what: "the node's key",
            expected: "a block BEGIN PRIVATE KEY",
            source,
        })?;
        let node = tls::node_of(&chain).map_err(|reason| IdentityError::Nameless { reason })?;
        Ok(Self {
            node,
            chain,
            key,
            authority,
            pem,
        })
    }

    /// Reads `node.crt`, `node.key` and `authority.crt` in a directory.
    ///
    /// # Errors
    /// When a file cannot be read, and as [`Self::from_pem`].
    pub fn load(directory: &Path) -> Result<Self, IdentityError> {
        let read = |name: &str| {
            let path = directory.join(name);
            fs::read_to_string(&path).map_err(|source| IdentityError::File {
                doing: "reading",
                path,
                source,
            })
        };
        Self::from_pem(&read(CERTIFICATE_FILE)?, &read(KEY_FILE)?, &read(AUTHORITY_FILE)?)
    }

    /// Writes the files that [`Self::load`] reads into a directory that exists; the key for the owner's eyes
    /// only. It refuses to write over others.
    ///
    /// # Errors
    /// When a file exists or cannot be written.
    pub fn save(&self, directory: &Path) -> Result<(), IdentityError> {
        let Pem {
            chain,
            key,
            authority,
        } = &self.pem;
        for (name, text, mode) in [
            (CERTIFICATE_FILE, chain, 0o644),
            (KEY_FILE, key, 0o600),
            (AUTHORITY_FILE, authority, 0o644),
        ] {
            let path = directory.join(name);
            write_new(&path, text, mode).map_err(|source| IdentityError::File {
                doing: "writing",
                path,
                source,
            })?;
        }
        Ok(())
    }

    /// The node that the certificate names.
    #[must_use]
    pub fn node(&self) -> &NodeName {
        &self.node
    }

    pub(super) fn chain(&self) -> &[CertificateDer<'static>] {
        &self.chain
    }

    pub(super) fn key(&self) -> &PrivateKeyDer<'static> {
        &self.key
    }

    pub(super) fn authority(&self) -> &[CertificateDer<'static>] {
        &self.authority
    }
}

fn certificates(what: &'static str, pem: &str) -> Result<Vec<CertificateDer<'static>>, IdentityError> {
    let wrong = |source| IdentityError::Pem {
        what,
        expected: "one or more blocks BEGIN CERTIFICATE",
        source,
    };
    let found: Vec<_> = CertificateDer::pem_slice_iter(pem.as_bytes())
        .collect::<Result<_, _>>()
        .map_err(wrong)?;
    if found.is_empty() {
        return Err(wrong(rustls::pki_types::pem::Error::NoItemsFound));
    }
    Ok(found)
}

fn write_new(path: &Path, text: &str, mode: u32) -> io::Result<()> {
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(mode)
        .open(path)?;
    file.write_all(text.as_bytes())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn an_identity_survives_its_files() {
        let directory = tempfile::tempdir().unwrap();
        let name: NodeName = "edge-1".parse().unwrap();
        let issued = Authority::new().unwrap().issue(&name).unwrap();
        issued.save(directory.path()).unwrap();
        let loaded = Identity::load(directory.path()).unwrap();
        assert_eq!(loaded.node(), &name);
        assert_eq!(loaded.chain(), issued.chain());
        assert_eq!(loaded.authority(), issued.authority());
        assert_eq!(loaded.key().secret_der(), issued.key().secret_der());
        let key = fs::metadata(directory.path().join(KEY_FILE)).unwrap();
        assert_eq!(key.permissions().mode() & 0o777, 0o600);
        assert!(
            issued.save(directory.path()).is_err(),
            "it does not write over a key"
        );
    }

    #[test]
    fn a_key_has_no_place_in_a_log() {
        let issued = Authority::new().unwrap().issue(&"n".parse().unwrap()).unwrap();
        assert!(!format!("{issued:?}").contains("PRIVATE"));
    }

    #[test]
    fn what_is_no_identity_is_refused() {
        let authority = Authority::new().unwrap();
        let issued = authority.issue(&"n".parse().unwrap()).unwrap();
        let Pem {
            chain,
            key,
            authority,
        } = issued.pem.clone();
        assert!(matches!(
            Identity::from_pem("", &key, &authority),
            Err(IdentityError::Pem { .. })
        ));
        assert!(matches!(
            Identity::from_pem(&chain, &chain, &authority),
            Err(IdentityError::Pem { .. })
        ));
        assert!(matches!(
            Identity::from_pem(&authority, &key, &authority),
            Err(IdentityError::Nameless { .. })
        ));
    }
}
