//! What every store of session records can do.

use std::collections::{BTreeMap, BTreeSet};
use std::error::Error as _;

use async_trait::async_trait;
use fogline_core::lease::BadLease;
use fogline_core::model::limits::{MAX_STATE, MAX_STATES};
use fogline_core::model::{AppName, Bytes, CommitId, NodeName, StateName, TenantName, Timestamp};
use fogline_core::session::{self, BadHead, BlobName, Commit, Expect, Head, RecordKey, Snapshot};
use thiserror::Error;

use crate::key;

/// Largest commit, head and blobs together: all states of a session at their largest, which is what a move carries.
pub const MAX_COMMIT: Bytes = Bytes(MAX_STATE.0 * MAX_STATES as u64 + (16 << 20));

/// A store of session records, each a head and its blobs.
///
/// What a store claims, the conformance suite has shown; a caller bounds each call with its own deadline, and may
/// drop the future of a call at any time: the outcome of a dropped [`Store::commit`] is unknown.
#[async_trait]
pub trait Store: Send + Sync {
    /// What a commit survives once it is acknowledged.
    fn durable(&self) -> Durable;

    /// What it is, as `db.system.name` of OpenTelemetry's conventions: `redb`, `redis`.
    fn system(&self) -> &'static str;

    /// The head and the bytes of those of `states` that exist, as of one moment; a state that the client holds
    /// ([`fogline_core::session::Content::Held`]) has no bytes here. `None` if there is no record.
    ///
    /// # Errors
    /// When the store cannot be reached or its data is damaged.
    async fn load(
        &self,
        key: &RecordKey,
        states: &BTreeSet<StateName>,
    ) -> Result<Option<Snapshot>, StoreError>;

    /// Replaces the head if what is expected holds; head and blobs together or not at all (R7). Blobs that the new
    /// head names no more are dropped.
    ///
    /// # Errors
    /// When the store certainly did nothing. Where it may have, the answer is [`Committed::Unknown`].
    async fn commit(&self, key: &RecordKey, commit: Commit) -> Result<Committed, StoreError>;

    /// A blob; `None` if it is gone, which sends the reader back to the head (R6).
    ///
    /// # Errors
    /// When the store cannot be reached.
    async fn blob(&self, key: &RecordKey, name: &BlobName) -> Result<Option<bytes::Bytes>, StoreError>;

    /// The records of an application in key order, behind `after`, at most `limit`: fewer only where they end. Those
    /// that cannot be read are left out.
    ///
    /// # Errors
    /// When the store cannot be reached.
    async fn list(
        &self,
        tenant: &TenantName,
        app: &AppName,
        after: Option<&RecordKey>,
        limit: usize,
    ) -> Result<Vec<Listed>, StoreError>;

    /// Removes a record with its blobs, whatever it is: for sessions that ended long ago.
    ///
    /// # Errors
    /// When the store cannot be reached.
    async fn erase(&self, key: &RecordKey) -> Result<(), StoreError>;

    /// The records of an application that lead to another home and whose time is over at `now`, of a store that drops
    /// sessions that have ended by itself, and not these: only nodes can find out whether they are needed. Any other store
    /// has none: the node that keeps it looks after all that is in it.
    ///
    /// # Errors
    /// When the store cannot be reached or its data is damaged.
    async fn old_forwards(
        &self,
        _tenant: &TenantName,
        _app: &AppName,
        _now: Timestamp,
    ) -> Result<Vec<RecordKey>, StoreError> {
        Ok(Vec::new())
    }
}

/// What came of a commit.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(
    clippy::large_enum_variant,
    reason = "it is taken apart where it arrives, and a box would be an allocation for each conflict"
)]
pub enum Committed {
    /// It is done.
    Done,
    /// Something else stands there, or nothing where something was expected.
    Conflict(Option<Head>),
    /// It may have been done or not: whoever asked reads the record again (R2).
    Unknown,
}

/// The head of the record of this key.
pub(crate) fn decode(key: &str, bytes: &[u8]) -> Result<Head, StoreError> {
    session::decode(bytes).map_err(|source| StoreError::Damaged {
        key: key.to_owned(),
        source,
    })
}

/// The record of this key, for a list; nothing if it cannot be read, which its log says and whoever asks for this very
/// record is told: it hides no other.
pub(crate) fn listed(key: &str, head: &[u8]) -> Option<Listed> {
    let read = || {
        Ok::<_, StoreError>(Listed {
            key: key::read(key)?,
            head: decode(key, head)?,
        })
    };
    read()
        .inspect_err(|error| {
            let reason = error.source().map(ToString::to_string);
            tracing::warn!(key, reason, "a record that cannot be read is left out of a list");
        })
        .ok()
}

/// Whether what a commit expects holds where this commit's head stands.
pub(crate) fn holds(expect: Expect, stands: Option<CommitId>) -> bool {
    match expect {
        Expect::Absent => stands.is_none(),
        Expect::Commit(commit) => stands == Some(commit),
    }
}

/// A record that [`Store::list`] found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// Its key.
    pub key: RecordKey,
    /// Its head.
    pub head: Head,
}

/// What an acknowledged commit survives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Durable {
    /// Nothing.
    Memory,
    /// The end of the process, not of the machine.
    Process,
    /// The end of the machine: the commit was on disk before it was acknowledged.
    Disk,
}

/// Why a store did nothing.
#[derive(Debug, Error)]
pub enum StoreError {
    /// It cannot be reached, or has no room: try again later, or look after it.
    #[error("{doing}: {problem}\nhint: {hint}")]
    Unavailable {
        /// What we were doing, as `reading a session from redis at …`.
        doing: String,
        /// What happened.
        problem: String,
        /// What its operator can do.
        hint: &'static str,
    },
    /// A record cannot be read.
    #[error("reading the record {key}")]
    Damaged {
        /// Its key.
        key: String,
        /// What is wrong with it.
        source: BadHead,
    },
    /// The lease of a node cannot be read.
    #[error("reading the lease of the node {node}")]
    DamagedLease {
        /// The node.
        node: NodeName,
        /// What is wrong with it.
        source: BadLease,
    },
    /// The tenant's quota is used up.
    #[error("{what}")]
    OverQuota {
        /// Whose, which and where.
        what: String,
    },
    /// The commit is larger than the store takes.
    #[error("{what}")]
    TooLarge {
        /// How large it is, and the most.
        what: String,
    },
}

impl StoreError {
    /// A commit of so many bytes, where the most is less.
    #[must_use]
    pub fn too_large(bytes: Bytes, most: Bytes) -> Self {
        let what = format!("{bytes} in one commit, {most} are the most");
        Self::TooLarge { what }
    }

    /// Refuses a commit above [`MAX_COMMIT`].
    pub(crate) fn check_size(head: &[u8], blobs: &BTreeMap<BlobName, bytes::Bytes>) -> Result<(), Self> {
        let bytes = head.len() as u64 + blobs.values().map(|blob| blob.len() as u64).sum::<u64>();
        if bytes > MAX_COMMIT.0 {
            return Err(Self::too_large(Bytes(bytes), MAX_COMMIT));
        }
        Ok(())
    }
}
