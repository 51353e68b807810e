//! The configuration of a node, as `fogline node --config` reads it.

mod check;
mod file;

pub use file::{ExternalStore, NodeConfig, PeerNode, Peering, TenantSection};
