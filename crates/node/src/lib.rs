//! The node: gateway, dispatch, peers, state access.
//!
//! One invocation: `gateway` admits it, `invoke` finds the node that executes it and drives a
//! [`fogline_core::session::Attempt`] there, `homes` reach the head wherever it lives.

mod admit;
mod apps;
mod calls;
mod clock;
mod convert;
mod decisions;
mod deletion;
mod drain;
mod failover;
mod fault;
mod follow;
mod forwards;
mod gateway;
mod homes;
mod incarnation;
mod invoke;
mod limits;
mod locate;
mod logs;
mod members;
mod metrics;
mod node;
pub mod peers;
mod quotas;
mod random;
mod requested;
mod runs;
mod sessions;
mod site;
mod slots;
mod staged;
mod start;
mod sweep;
mod tokens;
mod trace;

pub use gateway::{Body, Response};
pub use limits::Limits;
pub use members::{Detector, Gossip, GossipError, Others, Pace, memory};
pub use start::{External, Handle, Options, Quorum, StartError, start, start_with};
pub use tokens::{Operator, Tenants};
pub use trace::TraceOptions;
