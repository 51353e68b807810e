//! The etcd store, on real servers that each test starts and stops.
#![expect(clippy::unwrap_used, reason = "a test fails where it stands")]

mod access;
mod cluster;
mod faults;
mod leases;
mod records;
mod upkeep;

/// The servers, or nothing where none is installed; in CI they must be.
macro_rules! started {
    ($size:expr, $settings:expr) => {
        match crate::cluster::Cluster::start($size, $settings) {
            Some(cluster) => cluster,
            None => return,
        }
    };
}
use started;
