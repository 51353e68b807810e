//! Reading, within one transaction: everything is of one moment.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;

use bytes::Bytes;
use fogline_core::model::{AppName, StateName, TenantName};
use fogline_core::session::{BlobName, Content, Head, Snapshot};
use redb::{Database, ReadTransaction, ReadableDatabase};

use super::file::{BLOBS, HEADS, META};
use crate::store::{decode, listed};
use crate::{Listed, StoreError, key};

/// Why nothing was read.
pub(super) enum ReadError {
    /// The file cannot be read.
    Medium(redb::Error),
    /// A record cannot be understood.
    Record(StoreError),
}

impl<E: Into<redb::Error>> From<E> for ReadError {
    fn from(error: E) -> Self {
        Self::Medium(error.into())
    }
}

pub(super) struct Read(ReadTransaction);

impl Read {
    pub(super) fn begin(db: &Database) -> Result<Self, redb::Error> {
        Ok(Self(db.begin_read()?))
    }

    pub(super) fn load(
        &self,
        key: &str,
        states: &BTreeSet<StateName>,
    ) -> Result<Option<Snapshot>, ReadError> {
        let Some(head) = self.0.open_table(HEADS)?.get(key)? else {
            return Ok(None);
        };
        let head = decode(key, head.value()).map_err(ReadError::Record)?;
        let mut values = BTreeMap::new();
        let mut blobs = None;
        for state in states {
            let value = match head.states.get(state).map(|entry| &entry.content) {
                Some(Content::Inline(bytes)) => bytes.clone(),
                Some(Content::Blob { name, .. }) => {
                    let blobs = match &mut blobs {
                        Some(blobs) => blobs,
                        none => none.insert(self.0.open_table(BLOBS)?),
                    };
                    match blobs.get(blob_key(key, name).as_str())? {
                        Some(bytes) => Bytes::copy_from_slice(bytes.value()),
                        None => continue,
                    }
                }
                Some(Content::Held { .. }) | None => continue,
            };
            values.insert(state.clone(), value);
        }
        Ok(Some(Snapshot { head, values }))
    }

    pub(super) fn blob(&self, key: &str, name: &BlobName) -> Result<Option<Bytes>, ReadError> {
        let bytes = self.0.open_table(BLOBS)?.get(blob_key(key, name).as_str())?;
        Ok(bytes.map(|bytes| Bytes::copy_from_slice(bytes.value())))
    }

    pub(super) fn head(&self, key: &str) -> Result<Option<Head>, ReadError> {
        let head = self.0.open_table(HEADS)?.get(key)?;
        head.map(|head| decode(key, head.value()).map_err(ReadError::Record))
            .transpose()
    }

    pub(super) fn list(
        &self,
        tenant: &TenantName,
        app: &AppName,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<Listed>, ReadError> {
        let (first, end) = key::scope(tenant, app);
        let first = match after {
            Some(after) if after >= end.as_str() => return Ok(Vec::new()),
            Some(after) if after >= first.as_str() => Bound::Excluded(after),
            _ => Bound::Included(first.as_str()),
        };
        let heads = self.0.open_table(HEADS)?;
        let mut found = Vec::new();
        let mut rows = heads.range::<&str>((first, Bound::Excluded(end.as_str())))?;
        while found.len() < limit
            && let Some(row) = rows.next()
        {
            let (key, head) = row?;
            found.extend(listed(key.value(), head.value()));
        }
        Ok(found)
    }

    pub(super) fn meta(&self, table: &str, key: &[u8]) -> Result<Option<Bytes>, ReadError> {
        let value = self.0.open_table(META)?.get((table, key))?;
        Ok(value.map(|value| Bytes::copy_from_slice(value.value())))
    }

    pub(super) fn metas(
        &self,
        table: &str,
        after: Option<&[u8]>,
        limit: usize,
    ) -> Result<Vec<(Bytes, Bytes)>, ReadError> {
        let first = after.map_or(Bound::Included((table, &[][..])), |after| {
            Bound::Excluded((table, after))
        });
        let rows = self.0.open_table(META)?;
        let mut found = Vec::new();
        for row in rows
            .range::<(&str, &[u8])>((first, Bound::Unbounded))?
            .take(limit)
        {
            let (key, value) = row?;
            let (of, key) = key.value();
            if of != table {
                break;
            }
            found.push((Bytes::copy_from_slice(key), Bytes::copy_from_slice(value.value())));
        }
        Ok(found)
    }
}

pub(super) fn blob_key(key: &str, name: &BlobName) -> String {
    format!("{key}/{name}")
}

#[cfg(test)]
mod tests {
    use fogline_core::session::Expect;

    use super::super::{Change, EmbeddedOptions, EmbeddedStore};
    use super::Bytes;
    use crate::conformance::Scene;
    use crate::{Committed, Store, StoreError};

    #[tokio::test]
    async fn a_record_that_cannot_be_read_hides_no_other_from_a_list() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("store.redb");
        let store = EmbeddedStore::open(&path, &EmbeddedOptions::default()).unwrap();
        let scene = Scene::new("damaged");
        for number in 1..=5 {
            let done = store.commit(&scene.key(number), scene.birth()).await;
            assert_eq!(done.unwrap(), Committed::Done);
        }
        let damaged = scene.key(3);
        store.erase(&damaged).await.unwrap();
        let done = store.write(Change::Commit {
            key: damaged.to_string(),
            expect: Expect::Absent,
            commit: scene.id(),
            head: Bytes::from_static(b"damaged"),
            named: Default::default(),
            blobs: Default::default(),
        });
        assert_eq!(done.await.unwrap(), Committed::Done);

        let list = async |after, limit| {
            let listed = store.list(&scene.tenant, &scene.app, after, limit).await.unwrap();
            listed.into_iter().map(|listed| listed.key).collect::<Vec<_>>()
        };
        let others = [1, 2, 4, 5].map(|number| scene.key(number));
        assert_eq!(list(None, 100).await, others);
        assert_eq!(list(Some(&others[0]), 2).await, others[1..3], "a page is full");
        let itself = store.load(&damaged, &Default::default()).await;
        assert!(matches!(itself, Err(StoreError::Damaged { .. })));
    }
}
