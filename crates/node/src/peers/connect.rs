//! The one connection to a peer: made when first needed, kept warm, made again with growing pauses.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex as Lock, PoisonError};
use std::time::{Duration, Instant};

use fogline_core::dispatch::pause_after;
use fogline_core::model::NodeName;
use quinn::{Connecting, Connection, VarInt};
use tokio::task::JoinSet;
use tokio::time::{timeout, timeout_at};

use super::error::CallError;
use super::live::{Live, Made, canonical};
use super::tls;
use super::trust::{ANY_MEMBER, dns_name};

/// A peer acknowledges every packet within a round trip; one that has sent nothing at all for so long, and
/// for four round trips, is down.
const SILENCE: Duration = Duration::from_millis(500);

/// A peer as this node sees it.
pub(super) struct Remote {
    name: NodeName,
    address: Lock<SocketAddr>,
    // Held while connecting, so that concurrent calls make one attempt; each waits until its own deadline.
    slot: tokio::sync::Mutex<Slot>,
}

#[derive(Default)]
struct Slot {
    connection: Option<Connection>,
    /// An attempt and its end. It stays when its caller goes away, for the next one.
    attempt: Option<(Connecting, Instant)>,
    failure: Option<Failure>,
}

struct Failure {
    /// Where nobody answered; a peer that has moved is asked at once.
    address: SocketAddr,
    times: u32,
    until: Instant,
    cause: String,
}

impl Remote {
    pub(super) fn new(name: NodeName, address: SocketAddr) -> Self {
        Self {
            name,
            address: Lock::new(address),
            slot: tokio::sync::Mutex::default(),
        }
    }

    pub(super) fn move_to(&self, address: SocketAddr) {
        *self.address.lock().unwrap_or_else(PoisonError::into_inner) = address;
    }

    pub(super) fn address(&self) -> SocketAddr {
        *self.address.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The connection, made if need be.
    pub(super) async fn connection(
        &self,
        dialler: &Dialler,
        deadline: Instant,
    ) -> Result<Connection, CallError> {
        let waited = timeout_at(deadline.into(), self.slot.lock()).await;
        let mut slot = waited.map_err(|_| self.late())?;
        let address = self.address();
        if let Some(connection) = &slot.connection {
            if connection.close_reason().is_none() && canonical(connection.remote_address()) == address {
                return Ok(connection.clone());
            }
            // It does not end by itself, because revocations may come on it.
            connection.close(VarInt::from_u32(0), b"moved");
            slot.connection = None;
        }
        if let Some(connection) = dialler.live.made_to(&self.name, address) {
            // Gossip has made it.
            *slot = Slot {
                connection: Some(connection.clone()),
                ..Slot::default()
            };
            return Ok(connection);
        }
        let now = Instant::now();
        slot.failure.take_if(|failure| failure.address != address);
        if let Some(failure) = slot.failure.as_ref().filter(|failure| failure.until > now) {
            return Err(self.unreachable(address, &failure.cause, failure.until - now));
        }
        let (attempt, end) = match slot.attempt.take() {
            Some((attempt, end)) if end > now && canonical(attempt.remote_address()) == address => {
                slot.attempt.insert((attempt, end))
            }
            _ => match dialler.endpoint.connect(address, &dns_name(&self.name)) {
                Ok(attempt) => slot.attempt.insert((attempt, now + dialler.timeout)),
                Err(error) => return Err(self.failed(&mut slot, address, error.to_string())),
            },
        };
        let end = *end;
        match timeout_at(deadline.min(end).into(), attempt).await {
            Ok(Ok(connection)) => {
                dialler.attend(&connection);
                *slot = Slot {
                    connection: Some(connection.clone()),
                    ..Slot::default()
                };
                Ok(connection)
            }
            Ok(Err(error)) => Err(self.failed(&mut slot, address, error.to_string())),
            Err(_) if deadline < end => Err(self.late()),
            Err(_) => Err(self.failed(
                &mut slot,
                address,
                format!("no answer within {:?}", dialler.timeout),
            )),
        }
    }

    /// Drops a connection on which nothing has been heard since `heard` datagrams, `waited` ago: the next
    /// call connects anew, and does not spend its whole deadline on a peer that is down.
    pub(super) fn suspect(&self, connection: &Connection, heard: u64, waited: Duration) -> bool {
        let silent = connection.stats().udp_rx.datagrams == heard;
        let suspect = silent && waited >= SILENCE.max(4 * connection.rtt());
        if suspect {
            tracing::warn!(peer = %self.name, ?waited, "heard nothing, connecting anew");
            connection.close(VarInt::from_u32(0), b"silent");
        }
        suspect
    }

    fn failed(&self, slot: &mut Slot, address: SocketAddr, cause: String) -> CallError {
        let times = slot
            .failure
            .as_ref()
            .map_or(1, |failure| failure.times.saturating_add(1));
        let pause = pause_after(times);
        tracing::debug!(peer = %self.name, %address, cause, ?pause, "cannot connect");
        let error = self.unreachable(address, &cause, pause);
        slot.attempt = None;
        slot.failure = Some(Failure {
            address,
            times,
            until: Instant::now() + pause,
            cause,
        });
        error
    }

    fn unreachable(&self, address: SocketAddr, cause: &str, retry_in: Duration) -> CallError {
        CallError::Unreachable {
            peer: self.name.clone(),
            address,
            cause: cause.to_owned(),
            retry_in,
        }
    }

    fn late(&self) -> CallError {
        CallError::Deadline {
            peer: self.name.clone(),
            doing: "connecting",
            sent: false,
            silent: true,
        }
    }
}

/// What connects.
pub(super) struct Dialler {
    pub(super) endpoint: quinn::Endpoint,
    pub(super) timeout: Duration,
    live: Arc<Live>,
    /// Dropped with the endpoint, and all connections with it.
    tasks: Lock<JoinSet<()>>,
}

impl Dialler {
    pub(super) fn new(endpoint: quinn::Endpoint, timeout: Duration, live: Arc<Live>) -> Self {
        Self {
            endpoint,
            timeout,
            live,
            tasks: Lock::default(),
        }
    }

    /// Connects with whichever node is at an address. The error is what went wrong.
    pub(super) async fn dial(&self, address: SocketAddr) -> Result<Connection, String> {
        let connecting = self.endpoint.connect(address, ANY_MEMBER);
        let connecting = connecting.map_err(|error| error.to_string())?;
        let connected = timeout(self.timeout, connecting).await;
        let connection = connected
            .map_err(|_| format!("no answer within {:?}", self.timeout))?
            .map_err(|error| error.to_string())?;
        self.attend(&connection);
        Ok(connection)
    }

    /// Hears what the peer says beside calls, and tells it who is out.
    fn attend(&self, connection: &Connection) {
        let peer = match tls::caller(connection.peer_identity()) {
            Ok(peer) => peer,
            // Cannot be: the handshake has verified the name in it.
            Err(reason) => return tracing::error!(reason, "a peer without a certificate"),
        };
        let (live, connection) = (Arc::clone(&self.live), connection.clone());
        self.spawn(async move { live.attend(connection, peer, Made::Here).await });
    }

    /// Runs a task that ends with the endpoint.
    pub(super) fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        let mut tasks = self.tasks.lock().unwrap_or_else(PoisonError::into_inner);
        while tasks.try_join_next().is_some() {}
        tasks.spawn(task);
    }
}
