//! Verification of peers' certificates, for rustls.

use std::sync::Arc;
use std::time::Duration;

use fogline_core::model::Timestamp;
use rustls::client::ResolvesClientCert;
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::server::{ClientHello, ResolvesServerCert, WebPkiClientVerifier};
use rustls::sign::CertifiedKey;
use rustls::{DigitallySignedStruct, DistinguishedName, Error, RootCertStore, SignatureScheme};

use super::certificate::Facts;
use super::state::Trust;
use crate::peers::error::IdentityError;

/// The cryptography that is used for all of TLS.
pub(crate) fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::aws_lc_rs::default_provider())
}

/// Verifies that certificates come from the authority, at a time that is given.
pub(super) struct Chains {
    of_servers: Arc<WebPkiServerVerifier>,
    of_clients: Arc<dyn ClientCertVerifier>,
}

impl Chains {
    pub(super) fn new(authority: &[CertificateDer<'static>]) -> Result<Self, IdentityError> {
        let wrong = |error: &dyn std::error::Error| IdentityError::Authority {
            reason: error.to_string(),
        };
        let mut roots = RootCertStore::empty();
        for certificate in authority {
            roots.add(certificate.clone()).map_err(|error| wrong(&error))?;
        }
        let roots = Arc::new(roots);
        let of_servers = WebPkiServerVerifier::builder_with_provider(Arc::clone(&roots), provider()).build();
        let of_clients = WebPkiClientVerifier::builder_with_provider(roots, provider()).build();
        Ok(Self {
            of_servers: of_servers.map_err(|error| wrong(&error))?,
            of_clients: of_clients.map_err(|error| wrong(&error))?,
        })
    }
}

/// Verifies peers, and shows the own certificate, as [`Trust`] says at that moment.
#[derive(Clone, Debug)]
pub(crate) struct Verifier(pub(crate) Arc<Trust>);

fn unix(time: Timestamp) -> UnixTime {
    UnixTime::since_unix_epoch(Duration::from_millis(time.0))
}

impl Verifier {
    /// What a certificate says, if it is one of a node of this network, and neither revoked nor over.
    pub(crate) fn member(&self, certificate: &CertificateDer<'_>) -> Result<Facts, Error> {
        let (facts, at) = self.0.judge(certificate)?;
        self.0
            .chains
            .of_clients
            .verify_client_cert(certificate, &[], unix(at))?;
        Ok(facts)
    }
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let (_, at) = self.0.judge(end_entity)?;
        let chains = &self.0.chains.of_servers;
        chains.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, unix(at))
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.0
            .chains
            .of_servers
            .verify_tls12_signature(message, certificate, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.0
            .chains
            .of_servers
            .verify_tls13_signature(message, certificate, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.chains.of_servers.supported_verify_schemes()
    }
}

impl ClientCertVerifier for Verifier {
    /// Those who have no certificate yet may ask for one, and for nothing else.
    fn client_auth_mandatory(&self) -> bool {
        false
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        self.0.chains.of_clients.root_hint_subjects()
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        _: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        let (_, at) = self.0.judge(end_entity)?;
        let chains = &self.0.chains.of_clients;
        chains.verify_client_cert(end_entity, intermediates, unix(at))
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.0
            .chains
            .of_clients
            .verify_tls12_signature(message, certificate, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.0
            .chains
            .of_clients
            .verify_tls13_signature(message, certificate, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.chains.of_clients.supported_verify_schemes()
    }
}

impl ResolvesServerCert for Verifier {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        self.0.shown()
    }
}

impl ResolvesClientCert for Verifier {
    fn resolve(&self, _: &[&[u8]], _: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        self.0.shown()
    }

    fn has_certs(&self) -> bool {
        self.0.shown().is_some()
    }
}
