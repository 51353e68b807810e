//! The configuration of a node, as `fogline node --config` reads it.

mod check;
mod file;

pub(crate) use file::without_password;
pub use file::{ExternalStore, LimitsSection, NodeConfig, Peering, SecretUrl, Telemetry, TenantSection};
