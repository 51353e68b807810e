//! Gossip over plain UDP: for tests and trusted networks, because it authenticates nobody.

use std::io;
use std::net::SocketAddr;

use async_trait::async_trait;
use bytes::Bytes;
use tokio::net::UdpSocket;

use crate::carrier::{Carrier, MAX_MESSAGE};

/// Carries messages as UDP datagrams.
#[derive(Debug)]
pub struct UdpCarrier {
    socket: UdpSocket,
}

impl UdpCarrier {
    /// Receives at an address; port 0 takes a free one.
    ///
    /// # Errors
    /// When the address cannot be bound.
    pub async fn bind(address: SocketAddr) -> io::Result<Self> {
        let socket = UdpSocket::bind(address).await?;
        // Until the runtime has heard of a new socket, it takes it for full.
        socket.writable().await?;
        Ok(Self { socket })
    }

    /// Where it receives.
    ///
    /// # Errors
    /// When the system does not say.
    pub fn address(&self) -> io::Result<SocketAddr> {
        self.socket.local_addr()
    }
}

#[async_trait]
impl Carrier for UdpCarrier {
    fn send(&self, to: SocketAddr, message: Bytes) {
        if let Err(error) = self.socket.try_send_to(&message, to) {
            tracing::debug!(%to, bytes = message.len(), %error, "a gossip message was lost");
        }
    }

    async fn receive(&self) -> io::Result<(SocketAddr, Bytes)> {
        let mut buffer = vec![0; MAX_MESSAGE];
        loop {
            match self.socket.recv_from(&mut buffer).await {
                Ok((length, from)) => return Ok((from, Bytes::copy_from_slice(&buffer[..length]))),
                // What an earlier datagram to a closed port left behind.
                Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {}
                Err(error) if error.kind() == io::ErrorKind::ConnectionReset => {}
                Err(error) => return Err(error),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, SocketAddr};
    use std::time::Duration;

    use bytes::Bytes;
    use tokio::time::timeout;

    use super::UdpCarrier;
    use crate::carrier::Carrier as _;

    #[tokio::test]
    async fn a_message_to_nobody_is_lost_and_the_next_arrives() {
        let anywhere = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let here = UdpCarrier::bind(anywhere).await.unwrap();
        let closed = UdpCarrier::bind(anywhere).await.unwrap().address().unwrap();
        let there = UdpCarrier::bind(anywhere).await.unwrap();
        here.send(closed, Bytes::from_static(b"lost"));
        there.send(here.address().unwrap(), Bytes::from_static(b"found"));
        let received = timeout(Duration::from_secs(10), here.receive()).await;
        let (from, message) = received.unwrap().unwrap();
        assert_eq!((from, &message[..]), (there.address().unwrap(), &b"found"[..]));
    }
}
