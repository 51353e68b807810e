//! What is simulated: networks and traces, read, written and generated.

pub mod trace;
