//! One change, within the transaction of its group.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use fogline_core::model::{self, CommitId};
use fogline_core::session::{BlobName, Expect};
use redb::{ReadableTable, Table, WriteTransaction};

use super::file::{BLOBS, HEADS, META};
use super::read::{ReadError, blob_key};
use crate::store::{decode, holds};
use crate::{Committed, key};

/// What the writer is asked to do.
#[derive(Debug)]
pub(super) enum Change {
    /// Replace a head.
    Commit {
        key: String,
        expect: Expect,
        /// The new head's, and that head.
        commit: CommitId,
        head: Vec<u8>,
        /// All blobs that it names.
        named: BTreeSet<BlobName>,
        /// Those of them that come with it, and perhaps others, which are not kept.
        blobs: BTreeMap<BlobName, Bytes>,
        /// Size of it all.
        bytes: model::Bytes,
    },
    /// Remove a record.
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
            Self::Commit { bytes, .. } => bytes.0,
            Self::Erase { .. } => 0,
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
                bytes: _,
            } => self.commit(key, *expect, head, named, blobs),
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
        for gone in old
            .iter()
            .flat_map(|old| old.blobs())
            .filter(|old| !named.contains(old))
        {
            let removed = self.blobs.remove(blob_key(key, &gone).as_str())?;
            self.taken += removed.map_or(0, |bytes| bytes.value().len() as u64);
        }
        for (name, bytes) in blobs.iter().filter(|(name, _)| named.contains(name)) {
            self.blobs.insert(blob_key(key, name).as_str(), bytes.as_ref())?;
            self.put += bytes.len() as u64;
        }
        let replaced = self.heads.insert(key, head)?;
        self.taken += replaced.map_or(0, |old| old.value().len() as u64);
        self.put += (head.len() + key.len()) as u64;
        Ok(Committed::Done)
    }

    fn erase(&mut self, key: &str) -> Result<Committed, ReadError> {
        let removed = self.heads.remove(key)?;
        self.taken += removed.map_or(0, |head| (head.value().len() + key.len()) as u64);
        let (first, end) = key::blobs(key);
        for row in self
            .blobs
            .extract_from_if(first.as_str()..end.as_str(), |_, _| true)?
        {
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
