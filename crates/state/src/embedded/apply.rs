//! One change, within the transaction of its group.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use fogline_core::model::CommitId;
use fogline_core::session::{BlobName, Expect};
use redb::{ReadableTable, Table, WriteTransaction};
use serde::{Deserialize, Serialize};

use super::file::{BLOBS, HEADS, META, STAGED};
use super::read::{ReadError, blob_key};
use crate::store::{decode, holds};
use crate::{Committed, key};

/// What the writer is asked to do, and what the log holds: what it does depends on nothing but what is in the tables.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum Change {
    /// Replace a head.
    Commit {
        key: String,
        expect: Expect,
        /// The new head's, and that head.
        commit: CommitId,
        head: Bytes,
        /// All blobs that it names.
        named: BTreeSet<BlobName>,
        /// Those of them that come with it, and perhaps others, which are not kept.
        blobs: BTreeMap<BlobName, Bytes>,
    },
    /// Keep a blob for the commit that is to name it.
    Stage {
        key: String,
        name: BlobName,
        blob: Bytes,
    },
    /// Drop what waits for a commit of this record.
    Unstage { key: String },
    /// Remove a record; what is staged stays.
    Erase { key: String },
    /// Set or remove what the node keeps for itself.
    Meta {
        table: String,
        key: Vec<u8>,
        value: Option<Bytes>,
    },
}

impl Change {
    pub(super) fn bytes(&self) -> u64 {
        match self {
            Self::Commit { head, blobs, .. } => {
                (head.len() + blobs.values().map(Bytes::len).sum::<usize>()) as u64
            }
            Self::Stage { blob, .. } => blob.len() as u64,
            Self::Unstage { .. } | Self::Erase { .. } => 0,
            Self::Meta { value, .. } => value.as_ref().map_or(0, |value| value.len() as u64),
        }
    }
}

/// The tables of a transaction, and how many bytes it has added to them.
pub(super) struct Tables<'txn> {
    heads: Table<'txn, &'static str, &'static [u8]>,
    blobs: Table<'txn, &'static str, &'static [u8]>,
    meta: Table<'txn, (&'static str, &'static [u8]), &'static [u8]>,
    /// Bytes put in, and taken out.
    pub(super) put: u64,
    pub(super) taken: u64,
}

impl<'txn> Tables<'txn> {
    pub(super) fn open(transaction: &'txn WriteTransaction) -> Result<Self, redb::Error> {
        Ok(Self {
            heads: transaction.open_table(HEADS)?,
            blobs: transaction.open_table(BLOBS)?,
            meta: transaction.open_table(META)?,
            put: 0,
            taken: 0,
        })
    }

    /// Whether anything was changed.
    pub(super) fn changed(&self) -> bool {
        self.put + self.taken > 0
    }

    /// Makes one change, or leaves everything as it was.
    pub(super) fn apply(&mut self, change: &Change) -> Result<Committed, ReadError> {
        match change {
            Change::Commit {
                key,
                expect,
                commit: _,
                head,
                named,
                blobs,
            } => self.commit(key, *expect, head, named, blobs),
            Change::Stage { key, name, blob } => self.stage(key, name, blob),
            Change::Unstage { key } => self.unstage(key),
            Change::Erase { key } => self.erase(key),
            Change::Meta { table, key, value } => self.meta(table, key, value.as_ref()),
        }
    }

    fn commit(
        &mut self,
        key: &str,
        expect: Expect,
        head: &[u8],
        named: &BTreeSet<BlobName>,
        blobs: &BTreeMap<BlobName, Bytes>,
    ) -> Result<Committed, ReadError> {
        let old = match self.heads.get(key)? {
            Some(old) => Some(decode(key, old.value()).map_err(ReadError::Record)?),
            None => None,
        };
        if !holds(expect, old.as_ref().map(|old| old.commit)) {
            return Ok(Committed::Conflict(old));
        }
        let had = old.map(|old| old.blobs()).unwrap_or_default();
        for gone in had.difference(named) {
            self.remove_blob(&blob_key(key, gone))?;
        }
        if !named.is_empty() {
            self.settle(key, named)?;
        }
        for (name, bytes) in blobs.iter().filter(|(name, _)| named.contains(name)) {
            self.blobs.insert(blob_key(key, name).as_str(), bytes.as_ref())?;
            self.put += bytes.len() as u64;
        }
        let replaced = self.heads.insert(key, head)?;
        self.taken += replaced.map_or(0, |old| (old.value().len() + key.len()) as u64);
        self.put += (head.len() + key.len()) as u64;
        Ok(Committed::Done)
    }

    fn stage(&mut self, key: &str, name: &BlobName, blob: &Bytes) -> Result<Committed, ReadError> {
        let row = blob_key(key, name);
        self.blobs.insert(row.as_str(), blob.as_ref())?;
        self.meta.insert((STAGED, row.as_bytes()), &[][..])?;
        self.put += 1 + blob.len() as u64;
        Ok(Committed::Done)
    }

    pub(super) fn unstage(&mut self, key: &str) -> Result<Committed, ReadError> {
        let head = match self.heads.get(key)? {
            Some(head) => Some(decode(key, head.value()).map_err(ReadError::Record)?),
            None => None,
        };
        self.settle(key, &head.map(|head| head.blobs()).unwrap_or_default())?;
        Ok(Committed::Done)
    }

    /// Nothing of a record waits any longer: what is named stays, the rest goes.
    fn settle(&mut self, key: &str, named: &BTreeSet<BlobName>) -> Result<(), ReadError> {
        let (first, end) = key::blobs(key);
        let range = (STAGED, first.as_bytes())..(STAGED, end.as_bytes());
        let mut waited = Vec::new();
        for row in self.meta.extract_from_if(range, |_, _| true)? {
            waited.push(row?.0.value().1.to_vec());
        }
        self.taken += waited.len() as u64;
        let named: BTreeSet<_> = match waited.is_empty() {
            true => return Ok(()),
            false => named.iter().map(|name| blob_key(key, name)).collect(),
        };
        for row in waited {
            let row = String::from_utf8_lossy(&row);
            if !named.contains(row.as_ref()) {
                self.remove_blob(&row)?;
            }
        }
        Ok(())
    }

    fn remove_blob(&mut self, row: &str) -> Result<(), ReadError> {
        let removed = self.blobs.remove(row)?;
        self.taken += removed.map_or(0, |bytes| bytes.value().len() as u64);
        Ok(())
    }

    fn erase(&mut self, key: &str) -> Result<Committed, ReadError> {
        let removed = self.heads.remove(key)?;
        self.taken += removed.map_or(0, |head| (head.value().len() + key.len()) as u64);
        let (first, end) = key::blobs(key);
        // What waits for a commit is not of the record that is erased: whoever sent it relies on it.
        let mut waiting = BTreeSet::new();
        for row in self
            .meta
            .range((STAGED, first.as_bytes())..(STAGED, end.as_bytes()))?
        {
            waiting.insert(row?.0.value().1.to_vec());
        }
        let goes = |row: &str, _: &[u8]| !waiting.contains(row.as_bytes());
        for row in self.blobs.extract_from_if(first.as_str()..end.as_str(), goes)? {
            self.taken += row?.1.value().len() as u64;
        }
        Ok(Committed::Done)
    }

    fn meta(&mut self, table: &str, key: &[u8], value: Option<&Bytes>) -> Result<Committed, ReadError> {
        let length =
            |old: Option<redb::AccessGuard<'_, &[u8]>>| old.map_or(0, |old| 1 + old.value().len() as u64);
        match value {
            Some(value) => {
                self.taken += length(self.meta.insert((table, key), value.as_ref())?);
                self.put += 1 + value.len() as u64;
            }
            None => self.taken += length(self.meta.remove((table, key))?),
        }
        Ok(Committed::Done)
    }
}
