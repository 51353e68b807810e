//! TLS 1.3 between nodes: each side proves its name.
//!
//! A caller accepts only the certificate of the node that it wants (by its DNS name); the called learns who
//! calls from the SPIFFE URI. Both names come from one issuing, so they agree.

use std::any::Any;
use std::sync::Arc;

use quinn::Connection;
use quinn::crypto::rustls::{HandshakeData, QuicClientConfig, QuicServerConfig};
use rustls::client::Resumption;
use rustls::pki_types::CertificateDer;
use rustls::server::NoServerSessionStorage;
use rustls::version::TLS13;
use rustls::{ClientConfig, ServerConfig};

use super::trust::{Facts, Trust, Verifier, member, provider};

/// The name, with the version, of the protocol that nodes speak: that of `frame`.
pub(super) const PEER: &[u8] = b"fogline-peer/1";
/// The name, with the version, of the protocol by which certificates are asked for: that of `enrol`.
pub(super) const ENROL: &[u8] = b"fogline-enrol/1";

const HAS_TLS13: &str = "the provider has TLS 1.3";
const HAS_SUITE: &str = "TLS 1.3 has the cipher suite that QUIC begins with";

/// Who is at the other end of a connection, as proven in its handshake.
pub(super) fn caller(identity: Option<Box<dyn Any>>) -> Result<Facts, String> {
    let chain = identity
        .and_then(|identity| identity.downcast::<Vec<CertificateDer<'static>>>().ok())
        .ok_or("it showed no certificate")?;
    member(chain.first().ok_or("it showed no certificate")?)
}

/// Whether a connection is for asking for certificates.
pub(super) fn is_for_enrolment(connection: &Connection) -> bool {
    let data = connection.handshake_data();
    let data = data.and_then(|data| data.downcast::<HandshakeData>().ok());
    data.and_then(|data| data.protocol)
        .is_some_and(|protocol| protocol == ENROL)
}

/// What a node shows and demands when it calls.
pub(super) fn client(trust: &Arc<Trust>, protocol: &[u8]) -> QuicClientConfig {
    let verifier = Arc::new(Verifier(Arc::clone(trust)));
    let mut config = ClientConfig::builder_with_provider(provider())
        .with_protocol_versions(&[&TLS13])
        .expect(HAS_TLS13)
        .dangerous()
        .with_custom_certificate_verifier(Arc::clone(&verifier) as Arc<_>)
        .with_client_cert_resolver(verifier);
    config.alpn_protocols = vec![protocol.to_vec()];
    // A resumed session verifies no certificate: one that was revoked since would pass.
    config.resumption = Resumption::disabled();
    QuicClientConfig::try_from(config).expect(HAS_SUITE)
}

/// What a node shows and demands when it is called.
pub(super) fn server(trust: &Arc<Trust>) -> QuicServerConfig {
    let verifier = Arc::new(Verifier(Arc::clone(trust)));
    let mut config = ServerConfig::builder_with_provider(provider())
        .with_protocol_versions(&[&TLS13])
        .expect(HAS_TLS13)
        .with_client_cert_verifier(Arc::clone(&verifier) as Arc<_>)
        .with_cert_resolver(verifier);
    config.alpn_protocols = vec![PEER.to_vec(), ENROL.to_vec()];
    // As for the client.
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.send_tls13_tickets = 0;
    QuicServerConfig::try_from(config).expect(HAS_SUITE)
}
