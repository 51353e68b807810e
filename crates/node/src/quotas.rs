//! What tenants may use of this node, and what they do.
//!
//! Requests are counted where they come in. Sessions and bytes are counted by what stands between the node and its
//! store, so each where it is kept: a quota is one of this node, and says nothing of others. What an owner has in its memory
//! is counted there, and not again when it is stored. What is used is counted anew with each sweep, because of commits of
//! which nobody heard whether they were done.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use async_trait::async_trait;
use bytes::Bytes;
use fogline_core::model::{self, AppName, ExecutionModel, NodeName, StateName, TenantName};
use fogline_core::quota::{Bucket, Quota, Usage};
use fogline_core::session::{BlobName, Commit, Expect, Head, RecordKey, Snapshot, Status};
use fogline_protocol::api;
use fogline_protocol::problem::Kind;
use fogline_state::{Committed, Durable, Listed, Store, StoreError};

use crate::fault::Fault;

/// What tenants may use, and do.
pub(crate) struct Quotas {
    quotas: BTreeMap<TenantName, Quota>,
    tenants: Mutex<BTreeMap<TenantName, Tenant>>,
    /// What was counted of sessions that have been written to in their owner's memory.
    in_memory: Mutex<HashMap<RecordKey, Usage>>,
    origin: Instant,
}

#[derive(Clone, Copy, Default)]
struct Tenant {
    bucket: Bucket,
    usage: Usage,
}

impl Quotas {
    pub(crate) fn new(quotas: BTreeMap<TenantName, Quota>) -> Self {
        let tenants = quotas.keys().map(|tenant| (tenant.clone(), Tenant::default()));
        Self {
            tenants: Mutex::new(tenants.collect()),
            quotas,
            in_memory: Mutex::default(),
            origin: Instant::now(),
        }
    }

    fn tenants(&self) -> MutexGuard<'_, BTreeMap<TenantName, Tenant>> {
        self.tenants.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn quota(&self, tenant: &TenantName) -> Quota {
        self.quotas.get(tenant).copied().unwrap_or_default()
    }

    /// Admits a request of a tenant, or not.
    pub(crate) fn admit(&self, tenant: &TenantName) -> Result<(), Fault> {
        let Some(rate) = self.quota(tenant).rate else {
            return Ok(());
        };
        let now = self.origin.elapsed();
        let admits = |it: &mut Tenant| it.bucket.admits(rate, now);
        if self.tenants().get_mut(tenant).is_none_or(admits) {
            return Ok(());
        }
        let title = format!(
            "tenant {tenant} has used up its quota of {} requests/s at this node",
            rate.per_second
        );
        Err(Fault::new(
            Kind::Overloaded,
            title,
            "send fewer, or have the quota raised (rate)",
        ))
    }

    /// Whether a tenant may store so much more than `before` as `after` is.
    pub(crate) fn check_bytes(
        &self,
        tenant: &TenantName,
        before: Usage,
        after: Usage,
    ) -> Result<(), StoreError> {
        let grows = after.bytes.0.saturating_sub(before.bytes.0);
        let used = self.usage(tenant).bytes.0;
        match self.quota(tenant).bytes {
            Some(most) if grows > 0 && used.saturating_add(grows) > most.0 => Err(StoreError::OverQuota {
                what: format!(
                    "tenant {tenant} would use more than its quota of {most} at the node that keeps this session"
                ),
            }),
            _ => Ok(()),
        }
    }

    fn check_sessions(&self, tenant: &TenantName) -> Result<(), StoreError> {
        match self.quota(tenant).sessions {
            Some(most) if self.usage(tenant).sessions >= most => Err(StoreError::OverQuota {
                what: format!(
                    "tenant {tenant} has used up its quota of {most} sessions at the node that would keep this one"
                ),
            }),
            _ => Ok(()),
        }
    }

    fn usage(&self, tenant: &TenantName) -> Usage {
        self.tenants().get(tenant).map(|it| it.usage).unwrap_or_default()
    }

    fn change(&self, tenant: &TenantName, before: Usage, after: Usage) {
        if let Some(it) = self.tenants().get_mut(tenant) {
            it.usage.change(before, after);
        }
    }

    fn in_memory(&self) -> MutexGuard<'_, HashMap<RecordKey, Usage>> {
        self.in_memory.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts what an owner has put into its memory in the place of `before`.
    pub(crate) fn committed(&self, key: &RecordKey, before: &Head, after: &Head) {
        if !self.quotas.contains_key(&key.tenant) {
            return;
        }
        let (before, after) = (usage_of(key, before), usage_of(key, after));
        self.change(&key.tenant, before, after);
        self.in_memory().insert(key.clone(), after);
    }

    /// An owner has taken what is stored into its memory, in the place of what it had written there.
    pub(crate) fn put_back(&self, key: &RecordKey, stored: &Head) {
        if let Some(before) = self.forget(key) {
            self.change(&key.tenant, before, usage_of(key, stored));
        }
    }

    /// An owner's memory has nothing of a session that is not stored; gives what was counted there.
    pub(crate) fn forget(&self, key: &RecordKey) -> Option<Usage> {
        self.in_memory().remove(key)
    }

    /// An owner's memory is empty. What of it was not stored is counted until the next sweep.
    pub(crate) fn forget_memory(&self) {
        self.in_memory().clear();
    }

    /// Takes up what was counted.
    pub(crate) fn counted(&self, mut counted: BTreeMap<TenantName, Usage>) {
        for (tenant, it) in &mut *self.tenants() {
            it.usage = counted.remove(tenant).unwrap_or_default();
        }
    }

    /// What a tenant may use of the node of this name, and uses.
    pub(crate) fn describe(&self, node: &NodeName, tenant: &TenantName) -> api::Quota {
        let it = self.tenants().get(tenant).copied().unwrap_or_default();
        let (quota, now) = (self.quota(tenant), self.origin.elapsed());
        let share = |used, most: Option<u64>| most.map(|most| api::Share { used, most });
        api::Quota {
            node: node.clone(),
            tenant: tenant.clone(),
            sessions: share(it.usage.sessions, quota.sessions),
            bytes: share(it.usage.bytes.0, quota.bytes.map(|most| most.0)),
            requests: quota.rate.map(|rate| api::Requests {
                left: it.bucket.left(rate, now),
                per_second: rate.per_second.get(),
                burst: rate.burst.get(),
            }),
        }
    }

    /// What tenants with a quota use.
    pub(crate) fn all(&self) -> Vec<(TenantName, Usage)> {
        let tenants = self.tenants();
        let all = tenants.iter();
        all.map(|(tenant, it)| (tenant.clone(), it.usage)).collect()
    }

    /// Puts the quotas between a node and its store.
    pub(crate) fn between(self: &Arc<Self>, inner: Arc<dyn Store>) -> Arc<dyn Store> {
        if self.quotas.is_empty() {
            return inner;
        }
        let quotas = Arc::clone(self);
        Arc::new(Metered { inner, quotas })
    }
}

/// What a record uses: a session is where its primary part is, and ends with it.
pub(crate) fn usage_of(key: &RecordKey, head: &Head) -> Usage {
    if !matches!(head.status, Status::Live | Status::Moving(_)) {
        return Usage::default();
    }
    let bytes = head.states.values().map(|entry| entry.content.len()).sum();
    Usage {
        sessions: u64::from(key.part == key.session.primary()),
        bytes: model::Bytes(bytes),
    }
}

/// A store that counts what tenants with a quota use of it.
struct Metered {
    inner: Arc<dyn Store>,
    quotas: Arc<Quotas>,
}

impl Metered {
    async fn stored(&self, key: &RecordKey) -> Result<Option<Head>, StoreError> {
        let found = self.inner.load(key, &BTreeSet::new()).await?;
        Ok(found.map(|found| found.head))
    }
}

#[async_trait]
impl Store for Metered {
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
        self.inner.load(key, states).await
    }

    async fn commit(&self, key: &RecordKey, commit: Commit) -> Result<Committed, StoreError> {
        let tenant = &key.tenant;
        if !self.quotas.quotas.contains_key(tenant) {
            return self.inner.commit(key, commit).await;
        }
        let stored = self.stored(key).await?;
        let before = stored
            .as_ref()
            .map(|head| usage_of(key, head))
            .unwrap_or_default();
        let after = usage_of(key, &commit.head);
        // A session that moves here was somewhere before, and is not to be lost on its way.
        let born = commit.expect == Expect::Absent && commit.head.epoch == 0;
        if born && after.sessions > before.sessions {
            self.quotas.check_sessions(tenant)?;
        }
        // What is in its owner's memory was let in there.
        let moved = stored.is_none_or(|head| head.epoch < commit.head.epoch);
        if !moved && key.model != ExecutionModel::InFunction {
            self.quotas.check_bytes(tenant, before, after)?;
        }
        let is_owners = !moved && commit.head.status == Status::Live;
        let committed = self.inner.commit(key, commit).await?;
        let is_counted = is_owners && self.quotas.in_memory().contains_key(key);
        if committed == Committed::Done && !is_counted {
            let before = self.quotas.forget(key).unwrap_or(before);
            self.quotas.change(tenant, before, after);
        }
        Ok(committed)
    }

    async fn blob(&self, key: &RecordKey, name: &BlobName) -> Result<Option<Bytes>, StoreError> {
        self.inner.blob(key, name).await
    }

    async fn list(
        &self,
        tenant: &TenantName,
        app: &AppName,
        after: Option<&RecordKey>,
        limit: usize,
    ) -> Result<Vec<Listed>, StoreError> {
        self.inner.list(tenant, app, after, limit).await
    }

    async fn erase(&self, key: &RecordKey) -> Result<(), StoreError> {
        let stored = self.stored(key).await?;
        let before = stored.map(|head| usage_of(key, &head)).unwrap_or_default();
        self.inner.erase(key).await?;
        let before = self.quotas.forget(key).unwrap_or(before);
        self.quotas.change(&key.tenant, before, Usage::default());
        Ok(())
    }
}
