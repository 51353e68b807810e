//! Records in the quorum, as a node reaches them while it can.

use std::collections::BTreeSet;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use fogline_core::model::{AppName, StateName, TenantName};
use fogline_core::session::{BlobName, Commit, RecordKey, Snapshot};
use fogline_state::{Committed, Durable, EtcdStore, Listed, Store, StoreError};

use super::Lease;

/// The records of one node. Whoever waits for them is told at once that this node is cut off from the quorum, and not
/// when the patience with its servers is at its end.
pub(super) struct Records {
    etcd: EtcdStore,
    lease: Arc<Lease>,
}

impl Records {
    pub(super) fn new(etcd: EtcdStore, lease: Arc<Lease>) -> Self {
        Self { etcd, lease }
    }

    async fn meanwhile<T>(
        &self,
        asking: impl Future<Output = Result<T, StoreError>>,
    ) -> Result<T, StoreError> {
        tokio::select! {
            biased;
            error = self.lease.cut_off() => Err(error),
            found = asking => found,
        }
    }
}

#[async_trait]
impl Store for Records {
    fn durable(&self) -> Durable {
        self.etcd.durable()
    }

    fn system(&self) -> &'static str {
        self.etcd.system()
    }

    async fn load(
        &self,
        key: &RecordKey,
        states: &BTreeSet<StateName>,
    ) -> Result<Option<Snapshot>, StoreError> {
        self.meanwhile(self.etcd.load(key, states)).await
    }

    async fn commit(&self, key: &RecordKey, commit: Commit) -> Result<Committed, StoreError> {
        // Before it is begun, it certainly is not done.
        if let Some(error) = self.lease.is_cut_off() {
            return Err(error);
        }
        tokio::select! {
            done = self.etcd.commit(key, commit) => done,
            _ = self.lease.cut_off() => Ok(Committed::Unknown),
        }
    }

    async fn blob(&self, key: &RecordKey, name: &BlobName) -> Result<Option<Bytes>, StoreError> {
        self.meanwhile(self.etcd.blob(key, name)).await
    }

    async fn list(
        &self,
        tenant: &TenantName,
        app: &AppName,
        after: Option<&RecordKey>,
        limit: usize,
    ) -> Result<Vec<Listed>, StoreError> {
        self.meanwhile(self.etcd.list(tenant, app, after, limit)).await
    }

    async fn erase(&self, key: &RecordKey) -> Result<(), StoreError> {
        self.meanwhile(self.etcd.erase(key)).await
    }
}
