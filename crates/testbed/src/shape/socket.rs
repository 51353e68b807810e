//! A UDP socket whose datagrams travel through the shaped network.

use std::io::{self, IoSliceMut};
use std::net::{SocketAddr, UdpSocket};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use fogline_core::network::VertexId;
use quinn::udp::{EcnCodepoint, RecvMeta, Transmit, UdpSocketState};
use quinn::{AsyncUdpSocket, Runtime, TokioRuntime, UdpPoller};

use super::clockwork::{Clockwork, Deliver};
use super::shaped::Map;

/// Bytes that a socket should hold until its owner reads them; the system gives what it allows.
const BUFFER: usize = 4 << 20;

/// A UDP socket at a vertex of the network. What it sends waits for the links on its way and is then really
/// sent; what it receives comes from its kind, through the loopback.
#[derive(Debug)]
pub struct ShapedSocket {
    at: VertexId,
    inner: Arc<dyn AsyncUdpSocket>,
    outlet: Arc<Outlet>,
    map: Arc<Map>,
    clockwork: Arc<Clockwork<Datagram>>,
}

/// Where datagrams leave for real.
#[derive(Debug)]
struct Outlet {
    socket: UdpSocket,
    state: UdpSocketState,
}

/// A datagram and whence it is sent.
#[derive(Debug)]
pub(super) struct Datagram {
    from: Arc<Outlet>,
    destination: SocketAddr,
    ecn: Option<EcnCodepoint>,
    payload: Box<[u8]>,
}

impl Deliver for Datagram {
    /// Loopback sockets take datagrams at once; one that does not is full, as a real one would be.
    fn deliver(self) -> bool {
        let transmit = Transmit {
            destination: self.destination,
            ecn: self.ecn,
            contents: &self.payload,
            segment_size: None,
            src_ip: None,
        };
        self.from
            .state
            .try_send((&self.from.socket).into(), &transmit)
            .is_ok()
    }
}

impl ShapedSocket {
    pub(super) fn bind(
        at: VertexId,
        address: SocketAddr,
        map: Arc<Map>,
        clockwork: Arc<Clockwork<Datagram>>,
    ) -> io::Result<Self> {
        let socket = UdpSocket::bind(address)?;
        let outlet = socket.try_clone()?;
        let state = UdpSocketState::new((&outlet).into())?;
        state.set_recv_buffer_size((&outlet).into(), BUFFER)?;
        state.set_send_buffer_size((&outlet).into(), BUFFER)?;
        let inner = TokioRuntime.wrap_udp_socket(socket)?;
        map.place(inner.local_addr()?, at);
        Ok(Self {
            at,
            inner,
            outlet: Arc::new(Outlet {
                socket: outlet,
                state,
            }),
            map,
            clockwork,
        })
    }

    /// Its vertex.
    #[must_use]
    pub fn at(&self) -> VertexId {
        self.at
    }
}

impl AsyncUdpSocket for ShapedSocket {
    fn create_io_poller(self: Arc<Self>) -> Pin<Box<dyn UdpPoller>> {
        Box::pin(AlwaysWritable)
    }

    fn try_send(&self, transmit: &Transmit<'_>) -> io::Result<()> {
        let Some(route) = self.map.route(self.at, transmit.destination) else {
            // As a network does with an address that it does not know: the sender hears nothing.
            return Ok(());
        };
        let size = transmit.segment_size.unwrap_or(transmit.contents.len()).max(1);
        let datagrams = transmit.contents.chunks(size).map(|payload| {
            let datagram = Datagram {
                from: Arc::clone(&self.outlet),
                destination: transmit.destination,
                ecn: transmit.ecn,
                payload: payload.into(),
            };
            (payload.len(), datagram)
        });
        self.clockwork.send(&route, datagrams);
        Ok(())
    }

    fn poll_recv(
        &self,
        cx: &mut Context<'_>,
        bufs: &mut [IoSliceMut<'_>],
        meta: &mut [RecvMeta],
    ) -> Poll<io::Result<usize>> {
        self.inner.poll_recv(cx, bufs, meta)
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.inner.local_addr()
    }

    fn max_transmit_segments(&self) -> usize {
        // Split here anyway: fewer calls, one lock for all of them.
        self.inner.max_transmit_segments()
    }

    fn max_receive_segments(&self) -> usize {
        self.inner.max_receive_segments()
    }

    fn may_fragment(&self) -> bool {
        self.inner.may_fragment()
    }
}

/// A full queue drops, as a router does; it holds nobody up.
#[derive(Debug)]
struct AlwaysWritable;

impl UdpPoller for AlwaysWritable {
    fn poll_writable(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}
