//! A node that was restarted tells its callers at once that their connections are gone.
//!
//! QUIC's stateless reset needs a key that outlives the process; one derived from the node's private key
//! does. Without it callers would wait until the idle timeout.

use std::sync::Arc;

use aws_lc_rs::hmac;
use quinn::{ConnectionId, ConnectionIdGenerator, EndpointConfig};
use rustls::pki_types::PrivateKeyDer;

use super::error::BindError;
use super::options::{Mtu, Options};

/// Bytes of a connection id: collisions among random ones are out of question.
const ID_BYTES: usize = 8;

/// The node's private key is the same with all of its certificates.
pub(super) fn endpoint_config(
    private: &PrivateKeyDer<'_>,
    options: &Options,
) -> Result<EndpointConfig, BindError> {
    let private = hmac::Key::new(hmac::HMAC_SHA256, private.secret_der());
    let derived = hmac::sign(&private, b"fogline stateless reset");
    let key = hmac::Key::new(hmac::HMAC_SHA256, derived.as_ref());
    let mut config = EndpointConfig::new(Arc::new(key));
    config.cid_generator(|| Box::new(RandomIds));
    if let Mtu::Fixed(bytes) = options.mtu {
        config
            .max_udp_payload_size(bytes)
            .map_err(|_| BindError::Option {
                what: "the size of datagrams",
                limit: "65527 bytes, and at least 1200",
            })?;
    }
    Ok(config)
}

/// Random connection ids. Quinn's default ones are recognized by the process that made them only, so that a
/// restarted one would ignore what it should answer with a reset.
#[derive(Debug)]
struct RandomIds;

impl ConnectionIdGenerator for RandomIds {
    fn generate_cid(&mut self) -> ConnectionId {
        let mut bytes = [0; ID_BYTES];
        getrandom::fill(&mut bytes).expect("TLS has just had randomness from the same source");
        ConnectionId::new(&bytes)
    }

    fn cid_len(&self) -> usize {
        ID_BYTES
    }

    fn cid_lifetime(&self) -> Option<std::time::Duration> {
        None
    }
}
