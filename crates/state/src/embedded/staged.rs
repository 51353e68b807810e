//! Blobs that are here ahead of the commit that names them, so that it has little to write.

use std::collections::BTreeSet;

use bytes::Bytes;
use fogline_core::session::{BlobName, RecordKey};
use redb::Database;

use super::EmbeddedStore;
use super::apply::{Change, Tables};
use super::file::STAGED;
use super::read::{Read, ReadError};
use crate::{StoreError, key};

impl EmbeddedStore {
    /// Keeps a blob for a commit, which need not bring it then; on disk when this returns. It waits until a commit of
    /// its record names blobs, this or others, [`Self::unstage`] is called, or the store is opened again; erasing the
    /// record leaves it. That it still waits is for whoever commits to know: heads may name what is not here.
    ///
    /// # Errors
    /// When the disk fails.
    pub async fn stage(&self, key: &RecordKey, name: &BlobName, blob: Bytes) -> Result<(), StoreError> {
        let (key, name) = (key.to_string(), name.clone());
        self.set(Change::Stage { key, name, blob }, "keeping a blob")
            .await
    }

    /// Drops the blobs of a record that wait.
    ///
    /// # Errors
    /// When the disk fails; they may be dropped then.
    pub async fn unstage(&self, key: &RecordKey) -> Result<(), StoreError> {
        let key = key.to_string();
        self.set(Change::Unstage { key }, "dropping blobs").await
    }
}

/// Drops all that waits: whoever sent it has lost the connection on which it would have sent the commit.
pub(super) fn drop_all(db: &Database) -> Result<(), redb::Error> {
    let waiting = Read::begin(db)?.metas(STAGED, None, usize::MAX).map_err(medium)?;
    if waiting.is_empty() {
        return Ok(());
    }
    let rows = waiting.iter().map(|(row, _)| String::from_utf8_lossy(row));
    let records = rows.filter_map(|row| key::of_blob(&row).map(str::to_owned));
    let records: BTreeSet<String> = records.collect();
    let mut transaction = db.begin_write()?;
    transaction.set_quick_repair(true);
    let mut tables = Tables::open(&transaction)?;
    for record in &records {
        tables.unstage(record).map_err(medium)?;
    }
    drop(tables);
    transaction.commit()?;
    Ok(())
}

/// An error where records are the store's own.
pub(super) fn medium(error: ReadError) -> redb::Error {
    match error {
        ReadError::Medium(error) => error,
        ReadError::Record(error) => redb::Error::Corrupted(error.to_string()),
    }
}
