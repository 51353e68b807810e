//! Answering peers.

use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use fogline_core::model::{NodeName, limits};
use quinn::{Connection, VarInt};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinSet;
use tokio::time::{sleep_until, timeout, timeout_at};

use super::enrol::Office;
use super::frame::REMAINING;
use super::live::Made;
use super::message::Message;
use super::stream::{self, Incoming, Outgoing, SendFailure};
use super::tls;
use super::traffic::{Meter, Meters};

/// Closes a connection whose peer has shown no name that we know.
const UNNAMED: VarInt = VarInt::from_u32(1);

/// Handshakes under way with callers who have not shown that they are where they say: more than these show it first,
/// which costs them a round trip and this node nothing.
const MAX_UNSHOWN: usize = 64;

/// What a node does with its peers' requests.
#[async_trait]
pub trait Handler: Send + Sync + 'static {
    /// Answers a request of a peer, who has proven its name. The future is dropped when the caller goes away
    /// or its deadline passes: it must leave nothing half-done at any of its awaits.
    async fn handle(&self, from: NodeName, request: Message, deadline: Instant) -> Message;
}

pub(super) struct Server {
    pub(super) endpoint: quinn::Endpoint,
    pub(super) handler: Arc<dyn Handler>,
    pub(super) office: Arc<Office>,
    pub(super) meters: Arc<Meters>,
    pub(super) max_connections: usize,
    pub(super) handshake_timeout: Duration,
}

impl Server {
    /// Serves until the endpoint is closed. Dropped, it drops all connections and handlers with it.
    pub(super) async fn run(self: Arc<Self>) {
        let mut connections = JoinSet::new();
        let unshown = Arc::new(Semaphore::new(MAX_UNSHOWN));
        loop {
            tokio::select! {
                incoming = self.endpoint.accept() => match incoming {
                    Some(incoming) => self.let_in(incoming, &unshown, &mut connections),
                    None => return,
                },
                Some(ended) = connections.join_next() => report(ended, "a connection"),
            }
        }
    }

    fn let_in(
        self: &Arc<Self>,
        incoming: quinn::Incoming,
        unshown: &Arc<Semaphore>,
        connections: &mut JoinSet<()>,
    ) {
        let place = if incoming.remote_address_validated() {
            None
        } else if let Ok(place) = Arc::clone(unshown).try_acquire_owned() {
            Some(place)
        } else {
            // Fails for those who have shown it.
            let _ = incoming.retry();
            return;
        };
        if connections.len() < self.max_connections {
            connections.spawn(Arc::clone(self).connection(incoming, place));
        } else {
            tracing::warn!(from = %incoming.remote_address(), "refused: too many connections");
            incoming.refuse();
        }
    }

    async fn connection(self: Arc<Self>, incoming: quinn::Incoming, place: Option<OwnedSemaphorePermit>) {
        let address = incoming.remote_address();
        let accepted = timeout(self.handshake_timeout, incoming).await;
        drop(place);
        let Ok(accepted) = accepted else {
            tracing::debug!(%address, "no handshake in time");
            return;
        };
        let connection = match accepted {
            Ok(connection) => connection,
            Err(error) => {
                tracing::debug!(%address, %error, "no handshake");
                return;
            }
        };
        let caller = tls::caller(connection.peer_identity());
        if tls::is_for_enrolment(&connection) {
            return self.office.serve(connection, caller.ok()).await;
        }
        match caller {
            Ok(from) => {
                let live = Arc::clone(&self.office.live);
                tokio::join!(
                    live.attend(connection.clone(), from.clone(), Made::There),
                    self.calls(connection, from.node)
                );
            }
            Err(reason) => {
                tracing::warn!(%address, reason, "refused: not a node");
                connection.close(UNNAMED, reason.as_bytes());
            }
        }
    }

    /// QUIC holds the peer to the number of streams that the options allow.
    async fn calls(self: Arc<Self>, connection: Connection, from: NodeName) {
        let meter = self.meters.of(&from);
        let mut calls = JoinSet::new();
        loop {
            tokio::select! {
                opened = connection.accept_bi() => match opened {
                    Ok((send, receive)) => {
                        let call = Call {
                            from: from.clone(),
                            request: Incoming::new(receive, Arc::clone(&meter)),
                            reply: Outgoing::new(send, Arc::clone(&meter)),
                            meter: Arc::clone(&meter),
                        };
                        calls.spawn(call.answer(Arc::clone(&self)));
                    }
                    Err(error) => {
                        tracing::debug!(peer = %from, %error, "connection over");
                        return;
                    }
                },
                Some(ended) = calls.join_next() => report(ended, "a call's handler"),
            }
        }
    }
}

/// One call of a peer.
struct Call {
    from: NodeName,
    request: Incoming,
    reply: Outgoing,
    meter: Arc<Meter>,
}

impl Call {
    async fn answer(mut self, server: Arc<Server>) {
        let start = timeout(server.handshake_timeout, self.request.array::<REMAINING>()).await;
        let Ok(Ok(remaining)) = start else {
            return self.give_up(stream::MALFORMED, "no frame in time");
        };
        let remaining = Duration::from_micros(u64::from_le_bytes(remaining)).min(limits::MAX_DEADLINE);
        let deadline = Instant::now() + remaining;
        let request = match timeout_at(deadline.into(), self.request.message()).await {
            Ok(Ok(request)) => request,
            Ok(Err(error)) => return self.give_up(stream::MALFORMED, &error.to_string()),
            Err(_) => return self.give_up(stream::DEADLINE, "the deadline passed while reading"),
        };
        let reply = tokio::select! {
            reply = server.handler.handle(self.from.clone(), request, deadline) => reply,
            () = self.reply.stopped() => return self.give_up(stream::CANCELLED, "the caller went away"),
            () = sleep_until(deadline.into()) => return self.give_up(stream::DEADLINE, "the deadline passed"),
        };
        let (started, size) = (Instant::now(), reply.size());
        match timeout_at(deadline.into(), self.reply.message(reply)).await {
            Ok(Ok(())) => {
                self.reply.complete();
                self.meter.served();
                let delivered = self.reply.delivered(size.0 as usize, started);
                // What was not taken by then says nothing.
                let _ = timeout_at(deadline.into(), delivered).await;
            }
            Ok(Err(SendFailure::Limit(error))) => {
                tracing::error!(peer = %self.from, %error, "a reply that no peer accepts");
                self.reply.reset(stream::MALFORMED);
            }
            Ok(Err(SendFailure::Stream(error))) => self.give_up(stream::CANCELLED, &error.to_string()),
            Err(_) => self.give_up(stream::DEADLINE, "the deadline passed while replying"),
        }
    }

    fn give_up(&mut self, code: VarInt, reason: &str) {
        tracing::debug!(peer = %self.from, reason, "call given up");
        self.request.stop(code);
        self.reply.reset(code);
    }
}

/// A task that panicked has said so on stderr; this says where it belonged.
fn report(ended: Result<(), tokio::task::JoinError>, what: &str) {
    if let Err(error) = ended {
        tracing::error!(%error, "{what} failed");
    }
}
