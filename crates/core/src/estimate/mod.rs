//! What a node learns from what it does: how long functions take, and what lies between it and other nodes.
//!
//! Every time given here is a `Duration` since some moment of the caller's choice on its own monotonic clock,
//! the same for all calls.

mod mean;
mod path;
mod service;

pub use mean::FadingMean;
pub use path::{LONG, PathEstimate, Probe, Transfer};
pub use service::ServiceTimes;
