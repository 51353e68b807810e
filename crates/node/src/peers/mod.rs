//! Calls between nodes: QUIC with mutual authentication, one warm connection to each peer, a stream a call.

mod connect;
mod endpoint;
mod error;
mod frame;
mod identity;
mod message;
mod options;
mod reset;
mod serve;
mod stream;
#[cfg(test)]
mod tests;
mod tls;
mod traffic;

pub use endpoint::{Endpoint, udp_socket};
pub use error::{BindError, CallError, IdentityError};
pub use identity::{Authority, Identity};
pub use message::{MAX_FRAME, MAX_HEAD, MAX_PARTS, Message};
pub use options::{Mtu, Options};
pub use serve::Handler;
pub use traffic::Traffic;
