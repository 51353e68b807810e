//! What a node keeps beside sessions: small tables of keys and values, through the same writer.

use bytes::Bytes;

use super::EmbeddedStore;
use super::apply::Change;
use crate::StoreError;

impl EmbeddedStore {
    /// The value of a key.
    ///
    /// # Errors
    /// When the disk fails.
    pub fn meta_get(&self, table: &str, key: &[u8]) -> Result<Option<Bytes>, StoreError> {
        self.shared
            .read("reading the node's records", |read| read.meta(table, key))
    }

    /// Keys and values in the order of keys, behind `after`, at most `limit`.
    ///
    /// # Errors
    /// When the disk fails.
    pub fn meta_list(
        &self,
        table: &str,
        after: Option<&[u8]>,
        limit: usize,
    ) -> Result<Vec<(Bytes, Bytes)>, StoreError> {
        self.shared.read("listing the node's records", |read| {
            read.metas(table, after, limit)
        })
    }

    /// Sets a key; on disk when this returns.
    ///
    /// # Errors
    /// When the disk fails; the key may be set then.
    pub async fn meta_put(&self, table: &str, key: &[u8], value: Bytes) -> Result<(), StoreError> {
        self.meta_set(table, key, Some(value)).await
    }

    /// Removes a key; on disk when this returns.
    ///
    /// # Errors
    /// When the disk fails; the key may be removed then.
    pub async fn meta_delete(&self, table: &str, key: &[u8]) -> Result<(), StoreError> {
        self.meta_set(table, key, None).await
    }

    async fn meta_set(&self, table: &str, key: &[u8], value: Option<Bytes>) -> Result<(), StoreError> {
        let change = Change::Meta {
            table: table.to_owned(),
            key: key.to_vec(),
            value,
        };
        self.set(change, "writing the node's records").await
    }
}
