//! Who is in the cluster, who is alive, and what each node says of itself: by gossip, without a centre.
//!
//! Views of membership are hints for placement. They never decide who owns a session (R10, R11).

mod carrier;
mod error;
mod member;
mod membership;
pub mod memory;
mod options;
mod roster;
mod socket;
mod udp;
mod wire;

pub use carrier::{Carrier, MAX_MESSAGE};
pub use error::MembershipError;
pub use member::{Member, Presence};
pub use membership::Membership;
pub use options::{Addresses, Detector, Incarnation, Options, Pace};
pub use udp::UdpCarrier;
pub use wire::MAX_TOLD;
