//! The decisions of Fogline: vocabulary, network, cost of the execution models, placement policies.
//!
//! Everything here is pure. There is no clock, no IO, no ambient randomness: the simulator and the nodes
//! call the same functions and only differ in where the numbers come from.

pub mod application;
pub mod catalogue;
pub mod cost;
pub mod dispatch;
pub mod estimate;
pub mod lease;
pub mod model;
pub mod network;
pub mod policy;
pub mod quota;
pub mod record;
pub mod session;
pub mod telemetry;
pub mod workflow;
