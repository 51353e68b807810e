//! What carries gossip from node to node.

use std::io;
use std::net::SocketAddr;

use async_trait::async_trait;
use bytes::Bytes;

/// Largest message, in bytes: what fits into a UDP datagram over IPv4. Most are far smaller
/// (docs/src/membership.md).
pub const MAX_MESSAGE: usize = 65_507;

/// Carries messages between the gossip addresses of nodes. Messages may be lost, doubled and come in any
/// order; gossip repairs that.
///
/// Who carries decides who may speak: gossip itself does not authenticate. A carrier over the connections
/// between nodes hands on only what came from an enrolled node.
#[async_trait]
pub trait Carrier: Send + Sync + 'static {
    /// Sends a message of at most [`MAX_MESSAGE`] bytes, or loses it. Never waits: a node that does not
    /// answer must not hold up gossip with the others.
    fn send(&self, to: SocketAddr, message: Bytes);

    /// The next message, and the address at which its sender receives. Waiting may be broken off at any time,
    /// and loses nothing then.
    ///
    /// # Errors
    /// When nothing can be received any more; gossip ends then.
    async fn receive(&self) -> io::Result<(SocketAddr, Bytes)>;
}
