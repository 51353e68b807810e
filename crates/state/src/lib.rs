//! The homes of state: the store trait, its conformance suite, backends, sealing.

pub mod conformance;
mod embedded;
mod etcd;
mod key;
mod leases;
mod memory;
mod redis;
pub mod seal;
mod store;

pub use embedded::{EmbeddedOptions, EmbeddedStore, OpenError};
pub use etcd::{EtcdConnectError, EtcdCredentials, EtcdOptions, EtcdStore, EtcdTls, EtcdUpkeep};
pub use leases::{Leased, Leases};
pub use memory::MemoryStore;
pub use redis::{ConnectError, RedisOptions, RedisStore};
pub use store::{Committed, Durable, Listed, MAX_COMMIT, Store, StoreError};
