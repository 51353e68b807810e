//! Real nodes on an emulated network in one process: real QUIC between them, over links with the scenario's rates and
//! latencies.

mod error;
mod network;
mod paced;
pub mod shape;
mod testbed;

pub use error::TestbedError;
pub use network::Plan;
pub use testbed::{Testbed, Traffic};
