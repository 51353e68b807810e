//! Where an invocation runs, decided by each node for itself.
//!
//! A node knows a [`Map`] of the network and how many executions it has sent where; a placement policy scores the
//! nodes that can run the function with the same legs and paths as the simulator.

mod flat;
mod map;
mod place;

pub use map::{Machine, Map};
pub use place::{Request, nearest, owner, place};
