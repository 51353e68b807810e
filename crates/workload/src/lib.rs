//! What is simulated: networks and traces, read, written and generated.

pub mod network;
pub mod random;
pub mod trace;
