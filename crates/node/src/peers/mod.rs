//! Calls between nodes: QUIC with mutual authentication, one warm connection to each peer, a stream a call; gossip
//! takes the same connections.

mod connect;
mod directory;
mod endpoint;
mod enrol;
mod error;
mod frame;
mod gossip;
mod live;
mod message;
mod notice;
mod options;
mod reset;
mod serve;
mod stream;
#[cfg(test)]
mod tests;
mod tls;
mod traffic;
mod trust;

pub use endpoint::{Endpoint, udp_socket};
pub use enrol::{Refusal, revoke};
pub use error::{BindError, CallError, EnrolError, IdentityError};
pub use gossip::Gossiped;
pub use message::{MAX_FRAME, MAX_HEAD, MAX_PARTS, Message};
pub use options::{Mtu, Options};
pub use serve::Handler;
pub use traffic::{Carried, Traffic};
pub use trust::{
    Authority, Credentials, Identity, Member, NoToken, Revocation, Stranger, Terms, Token, WallClock,
    system_clock,
};
