//! A store in a quorum of etcd servers: the in-edge home that goes on when a node is lost.

mod cluster;
mod commit;
mod connect;
mod fault;
mod keys;
mod leases;
mod messages;
mod options;
mod store;
mod upkeep;

pub use options::{EtcdConnectError, EtcdCredentials, EtcdOptions, EtcdTls};
pub use store::EtcdStore;
pub use upkeep::EtcdUpkeep;
