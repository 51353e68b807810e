//! A store in memory: for tests, and for nodes without a disk.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use fogline_core::lease::LeaseRecord;
use fogline_core::model::{AppName, NodeName, StateName, TenantName};
use fogline_core::session::{self, BlobName, Commit, Content, Head, RecordKey, Snapshot};

use crate::store::{decode, holds};
use crate::{Committed, Durable, Leased, Leases, Listed, Store, StoreError, key};

/// A store in memory. It keeps heads encoded, as every store does, so that what it takes is what others take.
#[derive(Debug, Default)]
pub struct MemoryStore {
    records: Mutex<BTreeMap<String, Record>>,
    leases: Mutex<BTreeMap<NodeName, LeaseRecord>>,
}

#[derive(Debug)]
struct Record {
    key: RecordKey,
    head: Vec<u8>,
    blobs: BTreeMap<BlobName, Bytes>,
}

impl Record {
    fn head(&self) -> Result<Head, StoreError> {
        decode(&self.key.to_string(), &self.head)
    }
}

impl MemoryStore {
    /// An empty store.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Every change is made at once at the end of its critical section, so what a panic left behind is whole.
    fn records(&self) -> MutexGuard<'_, BTreeMap<String, Record>> {
        self.records.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Store for MemoryStore {
    fn durable(&self) -> Durable {
        Durable::Memory
    }

    fn system(&self) -> &'static str {
        "memory"
    }

    async fn load(
        &self,
        key: &RecordKey,
        states: &BTreeSet<StateName>,
    ) -> Result<Option<Snapshot>, StoreError> {
        let records = self.records();
        let Some(record) = records.get(&key.to_string()) else {
            return Ok(None);
        };
        let head = record.head()?;
        let mut values = BTreeMap::new();
        for state in states {
            let value = match head.states.get(state).map(|entry| &entry.content) {
                Some(Content::Inline(bytes)) => Some(bytes.clone()),
                Some(Content::Blob { name, .. }) => record.blobs.get(name).cloned(),
                Some(Content::Held { .. }) | None => None,
            };
            values.extend(value.map(|value| (state.clone(), value)));
        }
        Ok(Some(Snapshot { head, values }))
    }

    async fn commit(&self, key: &RecordKey, commit: Commit) -> Result<Committed, StoreError> {
        let Commit { expect, head, blobs } = commit;
        let encoded = session::encode(&head);
        StoreError::check_size(&encoded, &blobs)?;
        let named = head.blobs();
        let text = key.to_string();
        let mut records = self.records();
        let old = records.get(&text).map(Record::head).transpose()?;
        if !holds(expect, old.as_ref().map(|head| head.commit)) {
            return Ok(Committed::Conflict(old));
        }
        let empty = || Record {
            key: key.clone(),
            head: Vec::new(),
            blobs: BTreeMap::new(),
        };
        let record = records.entry(text).or_insert_with(empty);
        record.head = encoded;
        record.blobs.extend(blobs);
        record.blobs.retain(|name, _| named.contains(name));
        Ok(Committed::Done)
    }

    async fn blob(&self, key: &RecordKey, name: &BlobName) -> Result<Option<Bytes>, StoreError> {
        let records = self.records();
        Ok(records
            .get(&key.to_string())
            .and_then(|record| record.blobs.get(name).cloned()))
    }

    async fn list(
        &self,
        tenant: &TenantName,
        app: &AppName,
        after: Option<&RecordKey>,
        limit: usize,
    ) -> Result<Vec<Listed>, StoreError> {
        let (first, end) = key::scope(tenant, app);
        let first = match after.map(ToString::to_string) {
            Some(after) if after >= end => return Ok(Vec::new()),
            Some(after) if after >= first => Bound::Excluded(after),
            _ => Bound::Included(first),
        };
        let records = self.records();
        let found = records.range((first, Bound::Excluded(end))).take(limit);
        found
            .map(|(_, record)| {
                Ok(Listed {
                    key: record.key.clone(),
                    head: record.head()?,
                })
            })
            .collect()
    }

    async fn erase(&self, key: &RecordKey) -> Result<(), StoreError> {
        self.records().remove(&key.to_string());
        Ok(())
    }
}

#[async_trait]
impl Leases for MemoryStore {
    async fn holders(&self, _: Duration) -> Result<BTreeSet<NodeName>, StoreError> {
        let leases = self.leases.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(leases.keys().cloned().collect())
    }

    async fn lease(&self, node: &NodeName, _: Duration) -> Result<Option<LeaseRecord>, StoreError> {
        let leases = self.leases.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(leases.get(node).cloned())
    }

    async fn swap_lease(
        &self,
        node: &NodeName,
        expect: Option<&LeaseRecord>,
        new: &LeaseRecord,
        _: Duration,
    ) -> Result<Leased, StoreError> {
        let mut leases = self.leases.lock().unwrap_or_else(PoisonError::into_inner);
        let stands = leases.get(node);
        if stands != expect {
            return Ok(Leased::Conflict(stands.cloned()));
        }
        leases.insert(node.clone(), new.clone());
        Ok(Leased::Done)
    }
}
