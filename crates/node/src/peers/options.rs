//! How a node's transport is set.

use std::sync::Arc;
use std::time::Duration;

use fogline_core::model::Bytes;
use quinn::congestion::CubicConfig;
use quinn::{IdleTimeout, TransportConfig, VarInt};

use super::error::BindError;
use super::message::MAX_FRAME;
use super::notice::MAX_NOTICES;

/// Bytes that QUIC may put into one UDP datagram.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mtu {
    /// Begin with 1200, which every path carries, and find out how many more do.
    Discover,
    /// The path is known to carry so many; at least 1200.
    Fixed(u16),
}

/// How a node's transport is set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options {
    /// What a new connection may have under way unacknowledged. The default carries 1 MiB in one round trip
    /// over 50 Mb/s and 120 ms: it is paced at 1.25 windows a round trip, and no loss has been seen.
    pub initial_window: Bytes,
    /// Size of datagrams.
    pub mtu: Mtu,
    /// A silent connection says something this often.
    pub keep_alive: Duration,
    /// A connection that has heard nothing for so long is lost.
    pub idle_timeout: Duration,
    /// How long a peer has to answer a new connection before it counts as down.
    pub connect_timeout: Duration,
    /// Calls that one peer may have under way here; further ones wait at the caller.
    pub max_calls: u32,
    /// Connections that this node serves; further ones are refused.
    pub max_connections: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            initial_window: Bytes(5 << 18),
            mtu: Mtu::Discover,
            keep_alive: Duration::from_secs(1),
            idle_timeout: Duration::from_secs(5),
            connect_timeout: Duration::from_secs(3),
            max_calls: 1024,
            max_connections: 1024,
        }
    }
}

/// Bytes that a connection's receiver takes before it has read them: several of the largest messages, so that
/// one does not hold up the others.
const CONNECTION_WINDOW: u32 = 64 << 20;

impl Options {
    pub(super) fn transport(&self) -> Result<Arc<TransportConfig>, BindError> {
        let idle = IdleTimeout::try_from(self.idle_timeout).map_err(|_| BindError::Option {
            what: "the idle timeout",
            limit: "2^62 ms",
        })?;
        let mut cubic = CubicConfig::default();
        cubic.initial_window(self.initial_window.0);
        let mut transport = TransportConfig::default();
        transport
            .congestion_controller_factory(Arc::new(cubic))
            .max_concurrent_bidi_streams(VarInt::from_u32(self.max_calls))
            .max_concurrent_uni_streams(VarInt::from_u32(MAX_NOTICES))
            .datagram_receive_buffer_size(None)
            // One of the largest messages, with its lengths.
            .stream_receive_window(VarInt::from_u32(MAX_FRAME.0 as u32 + (64 << 10)))
            .receive_window(VarInt::from_u32(CONNECTION_WINDOW))
            .send_window(u64::from(CONNECTION_WINDOW))
            .max_idle_timeout(Some(idle))
            .keep_alive_interval(Some(self.keep_alive));
        if let Mtu::Fixed(bytes) = self.mtu {
            transport
                .initial_mtu(bytes)
                .min_mtu(bytes)
                .mtu_discovery_config(None);
        }
        Ok(Arc::new(transport))
    }
}
