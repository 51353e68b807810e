//! TLS 1.3 between nodes: each side proves its name.
//!
//! A caller accepts only the certificate of the node that it wants (by its DNS name); the called learns who
//! calls from the SPIFFE URI. Both names come from one issuing, so they agree.

use std::any::Any;
use std::sync::Arc;

use fogline_core::model::NodeName;
use quinn::crypto::rustls::{QuicClientConfig, QuicServerConfig};
use rustls::pki_types::CertificateDer;
use rustls::server::WebPkiClientVerifier;
use rustls::version::TLS13;
use rustls::{ClientConfig, RootCertStore, ServerConfig};

use super::error::BindError;
use super::identity::Identity;

/// The name, with the version, of the protocol that nodes speak: that of `frame`.
const PROTOCOL: &[u8] = b"fogline-peer/1";

const URI_PREFIX: &str = "spiffe://fogline/node/";

/// The DNS name in a node's certificate.
pub(super) fn dns_name(node: &NodeName) -> String {
    format!("{node}.fogline")
}

/// The SPIFFE identity in a node's certificate.
pub(super) fn uri_name(node: &NodeName) -> String {
    format!("{URI_PREFIX}{node}")
}

/// The node that a chain of certificates belongs to, or why it names none.
pub(super) fn node_of(chain: &[CertificateDer<'_>]) -> Result<NodeName, String> {
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

/// Who is at the other end of a connection, as proven in its handshake.
pub(super) fn caller(identity: Option<Box<dyn Any>>) -> Result<NodeName, String> {
    let chain = identity
        .and_then(|identity| identity.downcast::<Vec<CertificateDer<'static>>>().ok())
        .ok_or("it showed no certificate")?;
    node_of(&chain)
}

/// What a node shows and demands when it calls.
pub(super) fn client(identity: &Identity) -> Result<QuicClientConfig, BindError> {
    let mut config = ClientConfig::builder_with_provider(provider())
        .with_protocol_versions(&[&TLS13])
        .map_err(|source| wrong(identity, source))?
        .with_root_certificates(roots(identity)?)
        .with_client_auth_cert(identity.chain().to_vec(), identity.key().clone_key())
        .map_err(|source| wrong(identity, source))?;
    config.alpn_protocols = vec![PROTOCOL.to_vec()];
    Ok(QuicClientConfig::try_from(config).expect("TLS 1.3 has the cipher suite that QUIC begins with"))
}

/// What a node shows and demands when it is called.
pub(super) fn server(identity: &Identity) -> Result<QuicServerConfig, BindError> {
    let verifier = WebPkiClientVerifier::builder_with_provider(roots(identity)?, provider())
        .build()
        .map_err(|source| BindError::Verifier {
            node: identity.node().clone(),
            source,
        })?;
    let mut config = ServerConfig::builder_with_provider(provider())
        .with_protocol_versions(&[&TLS13])
        .map_err(|source| wrong(identity, source))?
        .with_client_cert_verifier(verifier)
        .with_single_cert(identity.chain().to_vec(), identity.key().clone_key())
        .map_err(|source| wrong(identity, source))?;
    config.alpn_protocols = vec![PROTOCOL.to_vec()];
    Ok(QuicServerConfig::try_from(config).expect("TLS 1.3 has the cipher suite that QUIC begins with"))
}

fn provider() -> Arc<rustls::crypto::CryptoProvider> {
    Arc::new(rustls::crypto::aws_lc_rs::default_provider())
}

fn roots(identity: &Identity) -> Result<Arc<RootCertStore>, BindError> {
    let mut roots = RootCertStore::empty();
    for certificate in identity.authority() {
        roots
            .add(certificate.clone())
            .map_err(|source| wrong(identity, source))?;
    }
    Ok(Arc::new(roots))
}

fn wrong(identity: &Identity, source: rustls::Error) -> BindError {
    BindError::Tls {
        node: identity.node().clone(),
        source,
    }
}
