//! The configuration of a node, as `fogline node --config` reads it.

mod check;
mod file;
mod in_edge;

pub(crate) use file::without_password;
pub use file::{
    DispatchSection, EtcdSection, ExternalStore, InEdgeStore, LimitsSection, NodeConfig, Peering, SecretUrl,
    Telemetry, TenantSection,
};
