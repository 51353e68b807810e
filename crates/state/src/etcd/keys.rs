//! Where things are in etcd.
//!
//! | key | value |
//! | --- | --- |
//! | `PREFIX/head/RECORD` | the head |
//! | `PREFIX/commit/RECORD` | its commit id |
//! | `PREFIX/blob/RECORD/WHAT/VERSION/COMMIT/CHUNK` | a blob, or a part of a large one |
//! | `PREFIX/lease/NODE` | the lease of a node |
//! | `PREFIX/node/NODE/…` | the records of one node, as above |
//!
//! The commit id has a key of its own because a transaction compares whole values, or revisions: whoever
//! commits knows the commit id that must stand, but neither the revision nor all bytes of that head. Heads
//! are apart from blobs so that a list reads heads only; what a blob holds comes first in its name, so that a
//! state's bytes are found without the head.

use fogline_core::model::{NodeName, StateName};
use fogline_core::session::{BlobName, BlobOf};

use crate::key;

/// A range of keys: from the first, included, to the second, excluded.
pub(super) type Span = (String, String);

#[derive(Clone, Debug)]
pub(super) struct Keys {
    pub(super) prefix: String,
}

impl Keys {
    pub(super) fn head(&self, record: &str) -> String {
        format!("{}/head/{record}", self.prefix)
    }

    pub(super) fn commit(&self, record: &str) -> String {
        format!("{}/commit/{record}", self.prefix)
    }

    /// Those of one node's records.
    pub(super) fn of_node(&self, node: &NodeName) -> Self {
        let prefix = format!("{}/node/{node}", self.prefix);
        Self { prefix }
    }

    /// All leases.
    pub(super) fn leases(&self) -> Span {
        key::blobs(&format!("{}/lease", self.prefix))
    }

    pub(super) fn lease(&self, node: &NodeName) -> String {
        format!("{}/lease/{node}", self.prefix)
    }

    /// All blobs of a record.
    pub(super) fn blobs(&self, record: &str) -> Span {
        key::blobs(&format!("{}/blob/{record}", self.prefix))
    }

    /// All blobs of a state.
    pub(super) fn state(&self, record: &str, state: &StateName) -> Span {
        key::blobs(&format!("{}/blob/{record}/state/{state}", self.prefix))
    }

    /// All chunks of a blob.
    pub(super) fn blob(&self, record: &str, name: &BlobName) -> Span {
        let BlobName { version, commit, of } = name;
        let of = match of {
            BlobOf::State(state) => format!("state/{state}"),
            BlobOf::Reply => "reply".to_owned(),
            BlobOf::SealedReply => "sealed-reply".to_owned(),
        };
        let prefix = &self.prefix;
        key::blobs(&format!("{prefix}/blob/{record}/{of}/{version:020}/{commit}"))
    }
}

/// A chunk's key within its blob's span: it says how many there are, so that a blob is known to be whole.
pub(super) fn chunk(blob: &Span, index: usize, count: usize) -> String {
    format!("{}{index:04x}.{count:04x}", blob.0)
}

/// How many chunks the blob of this chunk has.
pub(super) fn count(chunk: &[u8]) -> Option<usize> {
    let digits = chunk.rsplit(|byte| *byte == b'.').next()?;
    usize::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()
}

/// What is left of a span without some spans that lie in it.
pub(super) fn without(all: Span, mut keep: Vec<Span>) -> Vec<Span> {
    keep.sort();
    let (mut from, end) = all;
    let mut left = Vec::with_capacity(keep.len() + 1);
    for (first, behind) in keep {
        left.push((from, first));
        from = behind;
    }
    left.push((from, end));
    left
}

#[cfg(test)]
mod tests {
    use fogline_core::model::CommitId;

    use super::*;

    #[test]
    fn what_is_left_covers_every_key_that_is_not_kept_and_none_that_is() {
        let keys = Keys {
            prefix: "p".to_owned(),
        };
        let name = |version, of| BlobName {
            version,
            commit: CommitId([3; 16]),
            of,
        };
        let state = |state: &str| BlobOf::State(state.parse().unwrap());
        let blobs: Vec<_> = [
            name(3, BlobOf::Reply),
            name(12, BlobOf::SealedReply),
            name(1, state("a")),
            name(2, state("a")),
            name(1, state("a-b")),
            name(7, state("ab")),
        ]
        .iter()
        .map(|name| keys.blob("r", name))
        .collect();
        for kept in 0..1 << blobs.len() {
            let keep = |at: &usize| kept & (1 << at) != 0;
            let (keep, drop): (Vec<_>, Vec<_>) = (0..blobs.len()).partition(keep);
            let keep: Vec<_> = keep.into_iter().map(|at| blobs[at].clone()).collect();
            let left = without(keys.blobs("r"), keep.clone());
            let hit = |span: &Span| {
                let key = chunk(span, 0, 1);
                left.iter().any(|(from, end)| *from <= key && key < *end)
            };
            assert!(left.iter().all(|(from, end)| from < end), "{left:?}");
            assert!(!keep.iter().any(hit));
            assert!(drop.iter().all(|at| hit(&blobs[*at])));
        }
    }

    #[test]
    fn a_chunk_says_how_many_there_are() {
        let span = ("b/".to_owned(), "b0".to_owned());
        assert_eq!(count(chunk(&span, 3, 272).as_bytes()), Some(272));
        assert_eq!(count(b"b/"), None);
    }
}
