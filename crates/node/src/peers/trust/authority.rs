//! The authority: whoever has its key says who is a node.

use std::fmt;
use std::path::Path;
use std::time::Duration;

use aws_lc_rs::encoding::AsBigEndian;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair};
use fogline_core::model::{NodeName, Timestamp};
use fogline_state::seal::NetworkSecret;
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer,
    KeyPair, KeyUsagePurpose, PKCS_ECDSA_P256_SHA256, PublicKeyData, SanType, SignatureAlgorithm,
    date_time_ymd,
};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};

use super::certificate::{ANY_MEMBER, dns_name, public_key, uri_name};
use super::files;
use super::identity::Identity;
use super::revocation::Revocation;
use super::token::Token;
use crate::peers::error::IdentityError;

/// The authority's certificate in its folder.
const CERTIFICATE_FILE: &str = "authority.crt";
/// The authority's key in its folder.
const KEY_FILE: &str = "authority.key";

/// An authority: a key, and the certificate that all nodes of its network trust.
pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
    certificate: CertificateDer<'static>,
    secret: NetworkSecret,
}

/// Without the key, which has no place in a log.
impl fmt::Debug for Authority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Authority")
    }
}

/// A certificate's end, in milliseconds since 1970, that stands for none: the year 4096.
const NO_END: Timestamp = Timestamp(67_090_118_400_000);

impl Authority {
    /// A new authority, with a new key (P-256), which is nowhere but in this process.
    ///
    /// # Errors
    /// When the machine has no randomness.
    pub fn new() -> Result<Self, IdentityError> {
        let mut params = params("fogline authority", Timestamp(0), NO_END);
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        let key = KeyPair::generate().map_err(make)?;
        let certificate = params.self_signed(&key).map_err(make)?.der().clone();
        Self::of(certificate, key)
    }

    fn of(certificate: CertificateDer<'static>, key: KeyPair) -> Result<Self, IdentityError> {
        let secret = secret(&key).map_err(make)?;
        let issuer = Issuer::from_ca_cert_der(&certificate, key).map_err(make)?;
        Ok(Self {
            issuer,
            certificate,
            secret,
        })
    }

    /// Reads what [`Self::save`] has written.
    ///
    /// # Errors
    /// When a file cannot be read, holds something else, or the two do not belong together.
    pub fn load(folder: &Path) -> Result<Self, IdentityError> {
        let certificate = files::read(&folder.join(CERTIFICATE_FILE))?;
        let certificate = CertificateDer::from_pem_slice(certificate.as_bytes());
        let certificate = certificate.map_err(|source| IdentityError::Pem {
            what: "the authority's certificate",
            expected: "a block BEGIN CERTIFICATE",
            source,
        })?;
        let key = KeyPair::from_pem(&files::read(&folder.join(KEY_FILE))?).map_err(make)?;
        let certified = public_key(&certificate);
        if key.algorithm() != &PKCS_ECDSA_P256_SHA256 || certified.as_deref() != Ok(key.der_bytes()) {
            return Err(IdentityError::Unfit {
                path: folder.to_owned(),
            });
        }
        Self::of(certificate, key)
    }

    /// Writes `authority.crt` and `authority.key`, the latter for the owner's eyes only, into a folder that
    /// exists. It refuses to write over others.
    ///
    /// # Errors
    /// When a file exists or cannot be written.
    pub fn save(&self, folder: &Path) -> Result<(), IdentityError> {
        let key = self.issuer.key().serialize_pem();
        files::write_new(&folder.join(KEY_FILE), &key, 0o600)?;
        let certificate = files::certificate_pem(&self.certificate);
        files::write_new(&folder.join(CERTIFICATE_FILE), &certificate, 0o644)
    }

    /// A certificate and a new key for a node, without an end: for networks that end with their process.
    ///
    /// # Errors
    /// When the machine has no randomness, or the name does not fit into a certificate.
    pub fn issue(&self, node: &NodeName) -> Result<Identity, IdentityError> {
        let key = KeyPair::generate().map_err(|source| make_for(node, source))?;
        let certificate = self.sign(node, &key, Timestamp(0), NO_END)?;
        let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der()));
        Identity::new(vec![certificate], key, vec![self.certificate.clone()])
    }

    /// A certificate for a node's public key (a point on P-256, as in X9.62).
    pub(crate) fn certify(
        &self,
        node: &NodeName,
        key: &[u8],
        from: Timestamp,
        life: Duration,
    ) -> Result<CertificateDer<'static>, IdentityError> {
        self.sign(node, &Point(key), from, from.after(life))
    }

    fn sign(
        &self,
        node: &NodeName,
        key: &impl PublicKeyData,
        from: Timestamp,
        until: Timestamp,
    ) -> Result<CertificateDer<'static>, IdentityError> {
        let wrong = |source| make_for(node, source);
        let mut params = params(node.as_str(), from, until);
        params.subject_alt_names = vec![
            SanType::DnsName(dns_name(node).try_into().map_err(wrong)?),
            SanType::DnsName(ANY_MEMBER.try_into().map_err(wrong)?),
            SanType::URI(uri_name(node).try_into().map_err(wrong)?),
        ];
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![
            ExtendedKeyUsagePurpose::ServerAuth,
            ExtendedKeyUsagePurpose::ClientAuth,
        ];
        let certificate = params.signed_by(key, &self.issuer).map_err(wrong)?;
        Ok(certificate.der().clone())
    }

    /// A token that admits a node, any one or the one that is named, from `now` for so long.
    ///
    /// # Errors
    /// When the machine has no randomness.
    pub fn token(
        &self,
        node: Option<&NodeName>,
        now: Timestamp,
        valid: Duration,
    ) -> Result<Token, IdentityError> {
        Token::new(self.issuer.key(), &self.certificate, node, now, valid).map_err(make)
    }

    /// Says that all certificates of a node that were issued until `now` are void.
    ///
    /// # Errors
    /// When the machine has no randomness.
    pub fn revoke(&self, node: &NodeName, now: Timestamp) -> Result<Revocation, IdentityError> {
        Revocation::new(self.issuer.key(), node, now).map_err(make)
    }

    /// Its certificate.
    pub(crate) fn certificate(&self) -> &CertificateDer<'static> {
        &self.certificate
    }

    /// The secret of its network.
    pub(super) fn secret(&self) -> &NetworkSecret {
        &self.secret
    }
}

/// Follows from the number that is the private key: all copies of the authority's folder have the same, also those made
/// before there were such secrets, and however the key was written.
fn secret(key: &KeyPair) -> Result<NetworkSecret, rcgen::Error> {
    let key = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, &key.serialize_der())
        .map_err(|error| rcgen::Error::RingKeyRejected(error.to_string()))?;
    let number = key
        .private_key()
        .as_be_bytes()
        .map_err(|_| rcgen::Error::RingUnspecified)?;
    Ok(NetworkSecret::of_authority(number.as_ref()))
}

fn make(source: rcgen::Error) -> IdentityError {
    IdentityError::Make {
        whose: "the authority".to_owned(),
        source,
    }
}

fn make_for(node: &NodeName, source: rcgen::Error) -> IdentityError {
    IdentityError::Make {
        whose: format!("node {node}"),
        source,
    }
}

fn params(common_name: &str, from: Timestamp, until: Timestamp) -> CertificateParams {
    let epoch = date_time_ymd(1970, 1, 1);
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, common_name);
    params.not_before = epoch + Duration::from_millis(from.0.min(NO_END.0));
    params.not_after = epoch + Duration::from_millis(until.0.min(NO_END.0));
    params.use_authority_key_identifier_extension = true;
    params
}

/// A node's public key, of which only the point is known.
struct Point<'a>(&'a [u8]);

impl PublicKeyData for Point<'_> {
    fn der_bytes(&self) -> &[u8] {
        self.0
    }

    fn algorithm(&self) -> &'static SignatureAlgorithm {
        &PKCS_ECDSA_P256_SHA256
    }
}
