//! The network of a scenario under real sockets: datagrams wait for links and cross distances as they would
//! there, and QUIC above them is the one that nodes speak anywhere.

mod clockwork;
mod flight;
mod queue;
mod route;
mod shaped;
mod socket;
#[cfg(test)]
mod tests;

pub use queue::LinkTraffic;
pub use shaped::{Lateness, ShapeOptions, ShapedNetwork};
pub use socket::ShapedSocket;
