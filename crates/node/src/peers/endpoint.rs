//! A node's end of all its connections.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use fogline_core::estimate::Probe;
use fogline_core::model::{self, ExecutionModel, NodeName, Timestamp};
use fogline_core::telemetry::PathFigures;
use quinn::{AsyncUdpSocket, ClientConfig, Connection, ReadError, Runtime, ServerConfig, TokioRuntime};
use quinn::{VarInt, WriteError};
use tokio::time::timeout_at;

use super::connect::{Dialler, Remote};
use super::enrol::{Asker, Office};
use super::error::{BindError, CallError};
use super::frame;
use super::gossip::Gossiped;
use super::live::Live;
use super::message::Message;
use super::notice;
use super::options::Options;
use super::serve::{Handler, Server};
use super::stream::{self, Incoming, Outgoing, ReadFailure};
use super::traffic::{Meter, Meters, Traffic};
use super::trust::{Identity, Member};
use super::{enrol, reset, tls};

/// Bytes that a socket should hold until we read them: bursts of several connections.
const SOCKET_BUFFER: usize = 4 << 20;
/// How often certificates are looked at. A thousandth of the life of one.
const TEND_EVERY: Duration = Duration::from_secs(60);

/// A UDP socket for [`Endpoint::bind`]. Must be called within a tokio runtime.
///
/// # Errors
/// When the address is taken or not ours.
pub fn udp_socket(address: SocketAddr) -> io::Result<Arc<dyn AsyncUdpSocket>> {
    let socket = UdpSocket::bind(address)?;
    let state = quinn::udp::UdpSocketState::new((&socket).into())?;
    // The system gives at most what it allows (net.core.rmem_max), without an error.
    state.set_recv_buffer_size((&socket).into(), SOCKET_BUFFER)?;
    state.set_send_buffer_size((&socket).into(), SOCKET_BUFFER)?;
    TokioRuntime.wrap_udp_socket(socket)
}

/// A node's end of all its connections: it calls peers and, once [`Self::serve`] runs, answers them.
#[derive(Clone)]
pub struct Endpoint {
    shared: Arc<Shared>,
}

struct Shared {
    dialler: Dialler,
    office: Arc<Office>,
    meters: Arc<Meters>,
    max_connections: usize,
}

impl std::fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Endpoint").finish_non_exhaustive()
    }
}

impl Endpoint {
    /// Listens on a socket, with an identity that ends with this process. Must be called within a tokio runtime.
    ///
    /// # Errors
    /// When the identity does not serve for TLS, an option is out of range or the socket does not work.
    pub fn bind(
        identity: &Identity,
        socket: Arc<dyn AsyncUdpSocket>,
        options: &Options,
    ) -> Result<Self, BindError> {
        Self::open(Member::passing(identity)?, socket, options)
    }

    /// Listens on a socket as a node of a network, whose certificate [`Self::keep`] renews. Must be called within a
    /// tokio runtime.
    ///
    /// # Errors
    /// When an option is out of range or the socket does not work.
    pub fn open(
        member: Member,
        socket: Arc<dyn AsyncUdpSocket>,
        options: &Options,
    ) -> Result<Self, BindError> {
        let member = Arc::new(member);
        let trust = member.trust();
        let transport = options.transport()?;
        let mut server = ServerConfig::with_crypto(Arc::new(tls::server(trust)));
        server.transport_config(Arc::clone(&transport));
        let mut client = ClientConfig::new(Arc::new(tls::client(trust, tls::PEER)));
        client.transport_config(Arc::clone(&transport));
        let config = reset::endpoint_config(member.key(), options)?;
        let runtime = Arc::new(TokioRuntime);
        let mut endpoint = quinn::Endpoint::new_with_abstract_socket(config, Some(server), socket, runtime)?;
        endpoint.set_default_client_config(client);
        let live = Arc::new(Live::new(Arc::clone(&member)));
        let asker = Asker::new(endpoint.clone(), trust, transport);
        let office = Office::new(member, Arc::default(), Arc::clone(&live), asker)?;
        Ok(Self {
            shared: Arc::new(Shared {
                dialler: Dialler::new(endpoint, options.connect_timeout, live),
                office: Arc::new(office),
                meters: Arc::default(),
                max_connections: options.max_connections,
            }),
        })
    }

    /// Where it listens.
    ///
    /// # Errors
    /// When the system does not say.
    pub fn local_address(&self) -> io::Result<SocketAddr> {
        self.shared.dialler.endpoint.local_addr()
    }

    /// Says where a peer is; a new address replaces the old one, and the next call connects to it.
    pub fn know(&self, peer: &NodeName, address: SocketAddr) {
        self.shared.office.directory.know(peer, address);
    }

    /// Forgets where a peer is, and closes the connection that was made to it: calls that are under way on it are
    /// lost, further ones fail at once.
    pub fn forget(&self, peer: &NodeName) {
        self.shared.office.directory.forget(peer);
        self.shared.office.live.forget(peer);
    }

    /// Says which nodes have the authority's key: they are asked first for certificates. As long as nobody has said
    /// it, all peers are asked in the order of their names, up to eight.
    pub fn issued_by(&self, issuers: BTreeSet<NodeName>) {
        self.shared.office.directory.issued_by(issuers);
    }

    /// Whether this node has the authority's key.
    #[must_use]
    pub fn issues(&self) -> bool {
        self.shared.office.issues()
    }

    /// What is known of the way to each peer, by what was measured.
    #[must_use]
    pub fn paths(&self) -> BTreeMap<NodeName, PathFigures> {
        self.shared.meters.figures()
    }

    /// Measures the way to these peers: takes up what the transport knows of those that this node is connected with,
    /// and sends something where little was sent of late. To be called about once a second; it does not wait.
    pub fn measure<'a>(&self, peers: impl Iterator<Item = &'a NodeName>) {
        let rtts = self.live().rtts();
        for peer in peers {
            let meter = self.shared.meters.of(peer);
            if let Some(rtt) = rtts.get(peer) {
                // It acknowledges at least what keeps the connection alive.
                meter.delivered(0, *rtt);
            }
            if let Some(probe) = meter.probe_due() {
                let (it, peer) = (self.clone(), peer.clone());
                self.dialler()
                    .spawn(async move { it.probe(&peer, probe, &meter).await });
            }
        }
    }

    async fn probe(&self, peer: &NodeName, probe: Probe, meter: &Meter) {
        let Ok(remote) = self.remote(peer) else { return };
        let deadline = Instant::now() + self.dialler().timeout;
        let Ok(connection) = remote.connection(self.dialler(), deadline).await else {
            return;
        };
        // A connection that was just made knows the round trip of its handshake.
        if probe == Probe::Message {
            return;
        }
        if let Some(took) = notice::block(&connection).await {
            meter.delivered(notice::BLOCK_BYTES, took);
        }
    }

    /// Says that the time is not below this, whatever the machine's clock says (R18).
    pub fn not_before(&self, floor: Timestamp) {
        self.shared.office.member.trust().not_before(floor);
    }

    /// Renews the node's certificate in good time, and closes connections with nodes whose certificates are over. It
    /// does so until it is dropped.
    pub async fn keep(&self) {
        loop {
            self.tend().await;
            tokio::time::sleep(TEND_EVERY).await;
        }
    }

    #[cfg(test)]
    pub(super) fn member(&self) -> &Member {
        &self.shared.office.member
    }

    /// What [`Self::keep`] does now and then.
    pub(super) async fn tend(&self) {
        let office = &self.shared.office;
        enrol::renew(office).await;
        office.live.tend().await;
    }

    /// Makes the connection to a peer unless there is one, so that the first call finds it warm.
    ///
    /// # Errors
    /// When the peer is unknown or does not answer in time.
    pub async fn connect(&self, peer: &NodeName, deadline: Instant) -> Result<(), CallError> {
        let remote = self.remote(peer)?;
        remote.connection(&self.shared.dialler, deadline).await?;
        Ok(())
    }

    /// Sends a request to a peer and waits for its reply. If the future is dropped, the peer drops its
    /// handler.
    ///
    /// A peer that cannot be reached costs one such wait: further calls fail at once, for a time that doubles
    /// from 100 ms to 5 s.
    ///
    /// # Errors
    /// [`CallError::may_have_run`] tells whether the peer may have carried the request out all the same.
    pub async fn call(
        &self,
        peer: &NodeName,
        request: Message,
        deadline: Instant,
    ) -> Result<Message, CallError> {
        let remote = self.remote(peer)?;
        let connection = remote.connection(&self.shared.dialler, deadline).await?;
        let mut exchange = Exchange {
            peer,
            deadline,
            doing: "opening a stream",
            sent: false,
        };
        let heard = connection.stats().udp_rx.datagrams;
        let started = Instant::now();
        let exchanged = exchange.run(&connection, request, &self.shared.meters);
        let result = timeout_at(deadline.into(), exchanged).await;
        result.unwrap_or_else(|_| {
            let silent = remote.suspect(&connection, heard, started.elapsed());
            Err(exchange.late(silent))
        })
    }

    /// Answers peers until the endpoint is closed. Dropped, it drops all handlers with it.
    pub async fn serve(&self, handler: Arc<dyn Handler>) {
        let server = Server {
            endpoint: self.shared.dialler.endpoint.clone(),
            handler,
            office: Arc::clone(&self.shared.office),
            meters: Arc::clone(&self.shared.meters),
            max_connections: self.shared.max_connections,
            handshake_timeout: self.shared.dialler.timeout,
        };
        Arc::new(server).run().await;
    }

    /// Bytes and calls to and from each peer, since the start.
    #[must_use]
    pub fn traffic(&self) -> BTreeMap<NodeName, Traffic> {
        self.shared.meters.snapshot()
    }

    /// What passed as gossip, which [`Self::traffic`] does not count.
    #[must_use]
    pub fn gossiped(&self) -> Gossiped {
        self.live().gossip.gossiped()
    }

    /// Counts what a call to a peer carried for an invocation under a model.
    pub(crate) fn carried(
        &self,
        peer: &NodeName,
        model: ExecutionModel,
        sent: model::Bytes,
        received: model::Bytes,
    ) {
        self.shared.meters.of(peer).carried(model, sent, received);
    }

    /// Closes all connections, and waits for so long at most until the peers have been told.
    pub async fn close(&self, patience: Duration) {
        let endpoint = &self.shared.dialler.endpoint;
        endpoint.close(VarInt::from_u32(0), b"shut down");
        // Peers that do not hear of it find out by their idle timeout.
        let _ = tokio::time::timeout(patience, endpoint.wait_idle()).await;
    }

    pub(super) fn live(&self) -> &Live {
        &self.shared.office.live
    }

    pub(super) fn dialler(&self) -> &Dialler {
        &self.shared.dialler
    }

    fn remote(&self, peer: &NodeName) -> Result<Arc<Remote>, CallError> {
        let remote = self.shared.office.directory.remote(peer);
        remote.ok_or_else(|| CallError::Unknown { peer: peer.clone() })
    }
}

/// One request and its reply.
struct Exchange<'a> {
    peer: &'a NodeName,
    deadline: Instant,
    doing: &'static str,
    sent: bool,
}

impl Exchange<'_> {
    async fn run(
        &mut self,
        connection: &Connection,
        request: Message,
        meters: &Meters,
    ) -> Result<Message, CallError> {
        let meter = meters.of(self.peer);
        let (send, receive) = connection.open_bi().await.map_err(|error| self.lost(&error))?;
        let mut outgoing = Outgoing::new(send, Arc::clone(&meter));
        let mut incoming = Incoming::new(receive, Arc::clone(&meter));
        let remaining = self
            .deadline
            .saturating_duration_since(Instant::now())
            .as_micros() as u64;
        let pieces = frame::pieces(request, Some(remaining)).map_err(|over| {
            outgoing.complete();
            CallError::TooLarge {
                peer: self.peer.clone(),
                what: over.what,
                size: over.size,
                limit: over.limit,
            }
        })?;
        (self.doing, self.sent) = ("sending the request", true);
        let (started, size) = (Instant::now(), pieces.iter().map(Bytes::len).sum());
        match outgoing.frame(pieces).await {
            // A peer that reads no further may have replied already, and says in the reply's place why.
            Ok(()) | Err(WriteError::Stopped(_)) => {}
            Err(WriteError::ConnectionLost(error)) => return Err(self.lost(&error)),
            Err(error) => return Err(self.gave_up(&error)),
        }
        self.doing = "waiting for the reply";
        let reply = tokio::select! {
            biased;
            // Acknowledged often with the first bytes of the reply, which waits for nothing here.
            reply = async {
                outgoing.delivered(size, started).await;
                std::future::pending().await
            } => reply,
            reply = incoming.message() => reply,
        };
        let reply = reply.map_err(|failure| self.unread(&failure))?;
        outgoing.complete();
        meter.called();
        Ok(reply)
    }

    fn unread(&self, failure: &ReadFailure) -> CallError {
        match failure {
            ReadFailure::Stream(ReadError::ConnectionLost(error)) => self.lost(error),
            ReadFailure::Stream(ReadError::Reset(stream::DEADLINE)) => self.late(false),
            other => self.gave_up(other),
        }
    }

    fn late(&self, silent: bool) -> CallError {
        CallError::Deadline {
            peer: self.peer.clone(),
            doing: self.doing,
            sent: self.sent,
            silent,
        }
    }

    fn lost(&self, error: &quinn::ConnectionError) -> CallError {
        CallError::Lost {
            peer: self.peer.clone(),
            doing: self.doing,
            cause: error.to_string(),
            sent: self.sent,
        }
    }

    fn gave_up(&self, cause: &dyn std::error::Error) -> CallError {
        CallError::GaveUp {
            peer: self.peer.clone(),
            doing: self.doing,
            cause: cause.to_string(),
        }
    }
}
