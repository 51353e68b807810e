//! A store whose calls are spans of whatever causes them.

use std::collections::BTreeSet;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use fogline_core::model::{AppName, NodeName, StateName, TenantName, Timestamp};
use fogline_core::session::{BlobName, Commit, RecordKey, Snapshot};
use fogline_state::{Committed, Durable, Listed, Store, StoreError};

use super::{Kind, Span, Tracer};

/// The store between a node and another.
pub(super) struct Traced {
    pub(super) inner: Arc<dyn Store>,
    pub(super) tracer: Tracer,
    /// The node that keeps it, if another one does.
    pub(super) at: Option<NodeName>,
}

impl Traced {
    fn span(&self, name: &'static str, operation: &'static str) -> Span<'_> {
        let mut span = self.tracer.caused(Kind::Client, name);
        if span.is_recorded() {
            span.is("db.system.name", self.inner.system());
            span.is("db.operation.name", operation);
            if let Some(at) = &self.at {
                span.is("fogline.node", at.to_string());
            }
        }
        span
    }
}

async fn call<T>(
    mut span: Span<'_>,
    work: impl Future<Output = Result<T, StoreError>>,
) -> Result<T, StoreError> {
    let result = span.around(work).await;
    if let Err(error) = &result {
        let kind = match error {
            StoreError::Unavailable { .. } => "unavailable",
            StoreError::Damaged { .. } | StoreError::DamagedLease { .. } => "damaged",
            StoreError::OverQuota { .. } => "quota-exceeded",
            StoreError::TooLarge { .. } => "too-large",
        };
        // What went wrong may name the session, whose id is a secret.
        span.failed(kind, "");
    }
    result
}

#[async_trait]
impl Store for Traced {
    fn durable(&self) -> Durable {
        self.inner.durable()
    }

    fn system(&self) -> &'static str {
        self.inner.system()
    }

    async fn load(
        &self,
        key: &RecordKey,
        states: &BTreeSet<StateName>,
    ) -> Result<Option<Snapshot>, StoreError> {
        call(self.span("store load", "load"), self.inner.load(key, states)).await
    }

    async fn commit(&self, key: &RecordKey, commit: Commit) -> Result<Committed, StoreError> {
        let mut span = self.span("store commit", "commit");
        span.is("fogline.model", key.model.name());
        call(span, self.inner.commit(key, commit)).await
    }

    async fn blob(&self, key: &RecordKey, name: &BlobName) -> Result<Option<Bytes>, StoreError> {
        call(self.span("store blob", "blob"), self.inner.blob(key, name)).await
    }

    async fn list(
        &self,
        tenant: &TenantName,
        app: &AppName,
        after: Option<&RecordKey>,
        limit: usize,
    ) -> Result<Vec<Listed>, StoreError> {
        let listing = self.inner.list(tenant, app, after, limit);
        call(self.span("store list", "list"), listing).await
    }

    async fn erase(&self, key: &RecordKey) -> Result<(), StoreError> {
        call(self.span("store erase", "erase"), self.inner.erase(key)).await
    }

    async fn old_forwards(
        &self,
        tenant: &TenantName,
        app: &AppName,
        now: Timestamp,
    ) -> Result<Vec<RecordKey>, StoreError> {
        let listing = self.inner.old_forwards(tenant, app, now);
        call(self.span("store list", "list"), listing).await
    }
}
