//! What a node's certificate says.

use fogline_core::model::{NodeName, Timestamp};
use rustls::pki_types::CertificateDer;
use x509_parser::certificate::X509Certificate;
use x509_parser::prelude::FromDer;

const URI_PREFIX: &str = "spiffe://fogline/node/";

/// The DNS name that every node's certificate carries, for those who do not know yet whom they will meet. It is
/// no node's own name: all of those end in `.fogline`.
pub(crate) const ANY_MEMBER: &str = "fogline-member";

/// The DNS name in a node's certificate.
pub(crate) fn dns_name(node: &NodeName) -> String {
    format!("{node}.fogline")
}

/// The SPIFFE identity in a node's certificate.
pub(super) fn uri_name(node: &NodeName) -> String {
    format!("{URI_PREFIX}{node}")
}

/// The node that a chain of certificates belongs to, or why it names none.
pub(crate) fn node_of(chain: &[CertificateDer<'_>]) -> Result<NodeName, String> {
    let first = chain.first().ok_or("there is no certificate")?;
    let certificate = webpki::EndEntityCert::try_from(first).map_err(|error| error.to_string())?;
    let mut names = certificate.valid_uri_names();
    let (Some(uri), None) = (names.next(), names.next()) else {
        return Err("it has not exactly one URI".to_owned());
    };
    let name = uri
        .strip_prefix(URI_PREFIX)
        .ok_or_else(|| format!("its URI is \"{uri}\""))?;
    name.parse().map_err(|error| format!("in its URI, {error}"))
}

/// What a node's certificate says, as far as nodes ask.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Facts {
    pub(crate) node: NodeName,
    /// When it was issued, to the second: the authority dates certificates neither back nor ahead of a need.
    pub(crate) issued: Timestamp,
    pub(crate) end: Timestamp,
    /// The point of the public key, as in X9.62.
    pub(crate) key: Vec<u8>,
}

/// Reads a node's certificate; nothing is verified.
pub(crate) fn member(certificate: &CertificateDer<'_>) -> Result<Facts, String> {
    let node = node_of(std::slice::from_ref(certificate))?;
    let parsed = parse(certificate)?;
    let at = |seconds: i64| Timestamp(u64::try_from(seconds).unwrap_or(0).saturating_mul(1000));
    Ok(Facts {
        node,
        issued: at(parsed.validity().not_before.timestamp()),
        end: at(parsed.validity().not_after.timestamp()),
        key: parsed.public_key().subject_public_key.data.to_vec(),
    })
}

/// The point of a certificate's public key.
pub(super) fn public_key(certificate: &CertificateDer<'_>) -> Result<Vec<u8>, String> {
    Ok(parse(certificate)?.public_key().subject_public_key.data.to_vec())
}

fn parse<'a>(certificate: &'a CertificateDer<'_>) -> Result<X509Certificate<'a>, String> {
    let (_, parsed) = X509Certificate::from_der(certificate).map_err(|error| error.to_string())?;
    Ok(parsed)
}
