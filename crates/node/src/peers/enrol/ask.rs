//! Asking a peer.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use quinn::{ClientConfig, TransportConfig, VarInt};
use tokio::time::timeout_at;

use super::wire::{Answer, MAX_MESSAGE, Request};
use crate::peers::tls;
use crate::peers::trust::Trust;

/// How long one peer may take: one that is down must not use up the time of those that follow. Longer than a peer
/// that passes the request on waits itself.
pub(super) const ONE_PEER: Duration = Duration::from_secs(10);

/// Asks peers, each on a connection of its own: it happens about once a day.
#[derive(Clone)]
pub(crate) struct Asker {
    endpoint: quinn::Endpoint,
    config: ClientConfig,
}

impl Asker {
    pub(crate) fn new(
        endpoint: quinn::Endpoint,
        trust: &Arc<Trust>,
        transport: Arc<TransportConfig>,
    ) -> Self {
        let mut config = ClientConfig::new(Arc::new(tls::client(trust, tls::ENROL)));
        config.transport_config(transport);
        Self { endpoint, config }
    }

    /// Asks the peer that has this DNS name in its certificate. The error is what went wrong.
    pub(super) async fn ask(
        &self,
        address: SocketAddr,
        name: &str,
        request: &Request,
        deadline: Instant,
    ) -> Result<Answer, String> {
        let asked = timeout_at(deadline.into(), self.exchange(address, name, request)).await;
        asked.unwrap_or_else(|_| Err("no answer in time".to_owned()))
    }

    async fn exchange(&self, address: SocketAddr, name: &str, request: &Request) -> Result<Answer, String> {
        let connecting = self.endpoint.connect_with(self.config.clone(), address, name);
        let connection = connecting.map_err(said)?.await.map_err(said)?;
        let (mut send, mut receive) = connection.open_bi().await.map_err(said)?;
        let request = postcard::to_stdvec(request).map_err(said)?;
        send.write_all(&request).await.map_err(said)?;
        send.finish().map_err(said)?;
        let answer = receive.read_to_end(MAX_MESSAGE).await.map_err(said)?;
        connection.close(VarInt::from_u32(0), b"answered");
        postcard::from_bytes(&answer).map_err(said)
    }
}

fn said(error: impl std::error::Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        text = format!("{text}: {cause}");
        next = cause.source();
    }
    text
}
