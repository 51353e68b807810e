//! The head, and the commit that replaces it.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::time::Duration;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::home::Home;
use super::replies::Replies;
use crate::model::limits::MAX_INLINE_STATE;
use crate::model::{CommitId, StateName, Timestamp};

/// How often a session may be taken from owners that may have lost some of it before the first time is forgotten: by then
/// its clients have asked again, or never will. When the power of a site fails each node is such an owner, once.
const MAX_LOST: usize = 32;

/// SHA-256 of what was asked: function and input.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct BodyHash(pub [u8; 32]);

impl fmt::Debug for BodyHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, d, ..] = self.0;
        write!(f, "{a:02x}{b:02x}{c:02x}{d:02x}…")
    }
}

/// Whether a head may be committed to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Status {
    /// Yes.
    Live,
    /// No: whoever meets it finishes the move to there, at the next epoch (R9).
    Moving(Home),
    /// No: the session is there.
    Moved(Home),
    /// No: the session was deleted.
    Deleted,
    /// No: a move to here was given up; the session stayed there (R9).
    Abandoned(Home),
}

/// Where the bytes of a state are.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Content {
    /// Here.
    Inline(Bytes),
    /// Beside the head, under this name.
    Blob {
        /// The name.
        name: BlobName,
        /// How many bytes.
        bytes: u64,
    },
    /// With the client (R14).
    Held {
        /// How many bytes.
        bytes: u64,
    },
}

impl Content {
    /// The content of a state that a commit writes: small ones are inline, a larger one is put into `blobs` (R6).
    #[must_use]
    pub fn keep(
        state: &StateName,
        value: &Bytes,
        version: u64,
        commit: CommitId,
        blobs: &mut BTreeMap<BlobName, Bytes>,
    ) -> Self {
        let bytes = value.len() as u64;
        if bytes <= MAX_INLINE_STATE.0 {
            return Self::Inline(value.clone());
        }
        let of = BlobOf::State(state.clone());
        let name = BlobName { version, commit, of };
        blobs.insert(name.clone(), value.clone());
        Self::Blob { name, bytes }
    }

    /// How many bytes the state has.
    #[must_use]
    pub fn len(&self) -> u64 {
        match self {
            Self::Inline(bytes) => bytes.len() as u64,
            Self::Blob { bytes, .. } | Self::Held { bytes } => *bytes,
        }
    }

    /// Whether the state has no byte.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// The name of a blob within its record: unique to the attempt that wrote it, because two attempts at one
/// invocation may write different bytes (R6).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct BlobName {
    /// The version whose commit wrote it.
    pub version: u64,
    /// That commit.
    pub commit: CommitId,
    /// What it holds.
    pub of: BlobOf,
}

/// What a blob holds.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum BlobOf {
    /// A state.
    State(StateName),
    /// The reply of the invocation that committed.
    Reply,
    /// The reply, with the envelopes that its client must get (R14).
    SealedReply,
}

impl fmt::Display for BlobName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { version, commit, of } = self;
        match of {
            // Padded, so that the order of texts is that of versions.
            BlobOf::State(state) => write!(f, "{version:020}/{commit}/state/{state}"),
            BlobOf::Reply => write!(f, "{version:020}/{commit}/reply"),
            BlobOf::SealedReply => write!(f, "{version:020}/{commit}/sealed-reply"),
        }
    }
}

/// A state in the head.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// The schema number that it was written with.
    pub schema: u32,
    /// The commit that wrote it.
    pub commit: CommitId,
    /// That commit's version.
    pub version: u64,
    /// Its bytes.
    pub content: Content,
}

/// The record from which all states of a part of a session hang.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Head {
    /// Whether it may be committed to.
    pub status: Status,
    /// Raised by each move.
    pub epoch: u64,
    /// Raised by each commit.
    pub version: u64,
    /// The commit that made it: the token of compare-and-swap, random (R3).
    pub commit: CommitId,
    /// When the session ends, unless it is used before (R20).
    pub expires: Timestamp,
    /// The states that exist.
    pub states: BTreeMap<StateName, Entry>,
    /// The replies that are kept for retries.
    pub replies: Replies,
    /// What may have been lost with owners; the newest are kept.
    pub lost: Box<[Lost]>,
}

/// What an owner had in its memory only, when a session was taken from it (R12).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lost {
    /// The epoch that ended so.
    pub epoch: u64,
    /// The last of its versions that was not lost.
    pub after: u64,
}

/// Whether the end of what is used is to be moved (R20): a tenth of the time to live has passed since it last was.
#[must_use]
pub fn end_is_due(expires: Timestamp, now: Timestamp, ttl: Duration) -> bool {
    expires <= now.after(ttl - ttl / 10)
}

impl Head {
    /// The head of a session without any state.
    #[must_use]
    pub fn new(commit: CommitId, expires: Timestamp) -> Self {
        Self {
            status: Status::Live,
            epoch: 0,
            version: 0,
            commit,
            expires,
            states: BTreeMap::new(),
            replies: Replies::default(),
            lost: Box::default(),
        }
    }

    /// What an owner goes on with that may have lost what it had in memory only.
    #[must_use]
    pub fn after_crash(mut self) -> Self {
        self.cut();
        self.epoch += 1;
        self
    }

    /// Takes up that this epoch ends without what its owner had in memory only.
    pub(super) fn cut(&mut self) {
        let Self { epoch, version, .. } = *self;
        let oldest = (self.lost.len() + 1).saturating_sub(MAX_LOST);
        let kept = self.lost.iter().skip(oldest).copied();
        let after = version;
        self.lost = kept.chain([Lost { epoch, after }]).collect();
    }

    /// The blobs that it names; every other blob numbered at or below its version is garbage (R6).
    #[must_use]
    pub fn blobs(&self) -> BTreeSet<BlobName> {
        let states = self.states.values().filter_map(|entry| match &entry.content {
            Content::Blob { name, .. } => Some(name.clone()),
            Content::Inline(_) | Content::Held { .. } => None,
        });
        states.chain(self.replies.blobs()).collect()
    }

    /// Whether a session that is read, and not written, is to be prolonged now (R20): once a tenth of its time to live
    /// has passed since its end was last moved, which keeps the commits that do so rare.
    #[must_use]
    pub fn is_due(&self, now: Timestamp, ttl: Duration) -> bool {
        self.status == Status::Live && self.expires >= now && end_is_due(self.expires, now, ttl)
    }

    /// The commit that only moves the session's end to `ttl` from now.
    #[must_use]
    pub fn prolonged(&self, now: Timestamp, ttl: Duration, commit: CommitId) -> Commit {
        let head = Self {
            version: self.version + 1,
            commit,
            expires: now.after(ttl),
            ..self.clone()
        };
        Commit {
            expect: Expect::Commit(self.commit),
            head,
            blobs: BTreeMap::new(),
        }
    }

    /// Whether none of these states was written, deleted or made since `base`.
    #[must_use]
    pub fn agrees_on(&self, base: &Self, states: &BTreeSet<StateName>) -> bool {
        let commit = |head: &Self, state| head.states.get(state).map(|entry| entry.commit);
        self.epoch == base.epoch
            && states
                .iter()
                .all(|state| commit(self, state) == commit(base, state))
    }
}

/// A head, and the bytes of the states that were asked for and exist.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Snapshot {
    /// The head.
    pub head: Head,
    /// Bytes by state.
    pub values: BTreeMap<StateName, Bytes>,
}

/// What must hold for a commit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Expect {
    /// There is no record.
    Absent,
    /// The record's head is of this commit.
    Commit(CommitId),
}

/// A replacement of a head, done as a whole or not at all (R7).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Commit {
    /// What must hold.
    pub expect: Expect,
    /// The new head.
    pub head: Head,
    /// The blobs that it names and that are not stored yet.
    pub blobs: BTreeMap<BlobName, Bytes>,
}
