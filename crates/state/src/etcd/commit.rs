//! A commit as transactions: one if it fits, else blobs first.

use std::collections::BTreeMap;

use bytes::Bytes;
use fogline_core::model;
use fogline_core::session::{BlobName, Commit, Expect, Head, RecordKey};
use prost::Message;

use super::keys::{Keys, chunk, without};
use super::messages::{Compare, Op, RequestOp, TxnRequest, delete, put, range};
use crate::StoreError;

/// A blob up to this size is one value.
const CHUNK: usize = 1 << 20;

/// Room for what the servers put around a request before they compare its size.
const ENVELOPE: usize = 4 << 10;

/// Operations of one list; servers take 128 unless told otherwise (`--max-txn-ops`), those around a nested
/// list included.
const MAX_OPS: usize = 60;

/// The requests that make a commit.
#[derive(Debug)]
pub(super) struct Plan {
    /// Blobs that must be written before, because the commit is larger than a request. Nobody sees them until
    /// the head names them, and if it never does, the next commit deletes them.
    pub(super) before: Vec<TxnRequest>,
    /// What makes it visible.
    pub(super) last: TxnRequest,
    /// What is written before.
    pub(super) early: Vec<BlobName>,
}

/// Plans a commit with requests of at most `max_request`.
pub(super) fn plan(
    keys: &Keys,
    key: &RecordKey,
    commit: Commit,
    encoded: Vec<u8>,
    max_request: model::Bytes,
) -> Result<Plan, StoreError> {
    let Commit { expect, head, blobs } = commit;
    let record = key.to_string();
    let named = head.blobs();
    let chunks: Vec<RequestOp> = blobs
        .iter()
        .filter(|(name, _)| named.contains(name))
        .flat_map(|(name, bytes)| chunks(keys, &record, name, bytes))
        .collect();
    let compare = || {
        let commit = match expect {
            Expect::Absent => None,
            Expect::Commit(commit) => Some(Bytes::copy_from_slice(&commit.0)),
        };
        vec![Compare::stands(keys.commit(&record), commit)]
    };
    // What is between the blobs that are named is garbage, and need not be known to be deleted.
    let keep = named.iter().map(|name| keys.blob(&record, name)).collect();
    let garbage = without(keys.blobs(&record), keep);
    let mut ops: Vec<_> = garbage.into_iter().map(|(from, end)| delete(from, end)).collect();
    ops.push(put(keys.head(&record), encoded.into()));
    ops.push(put(keys.commit(&record), Bytes::copy_from_slice(&head.commit.0)));

    let most = usize::try_from(max_request.0)
        .unwrap_or(usize::MAX)
        .saturating_sub(ENVELOPE);
    let size = |ops: &[RequestOp]| ops.iter().map(|op| op.encoded_len() + 8).sum::<usize>();
    let failure = || vec![range(keys.head(&record), String::new())];
    let fits = size(&ops) + size(&chunks) <= most;
    let (together, apart) = if fits {
        (chunks, Vec::new())
    } else {
        (Vec::new(), chunks)
    };
    ops.extend(together);
    let early = if apart.is_empty() {
        Vec::new()
    } else {
        blobs.into_keys().collect()
    };
    if size(&ops) > most || apart.iter().any(|chunk| chunk.encoded_len() > most) {
        let largest = apart.iter().map(Message::encoded_len).max().unwrap_or_default();
        let bytes = model::Bytes((size(&ops).max(largest) + ENVELOPE) as u64);
        return Err(StoreError::too_large(bytes, max_request));
    }
    let before = batches(apart, most);
    Ok(Plan {
        before: before
            .into_iter()
            .map(|ops| transaction(compare(), ops, failure()))
            .collect(),
        last: transaction(compare(), ops, failure()),
        early,
    })
}

/// Deletes blobs that were written early for nothing, if this head stands still and does not name them: it
/// does if it is of that very commit, made before by an earlier call, or on top of it.
pub(super) fn undo(keys: &Keys, record: &str, early: &[BlobName], stands: Option<&Head>) -> TxnRequest {
    let named = stands.map(Head::blobs).unwrap_or_default();
    let ours = early.iter().filter(|name| !named.contains(name));
    let ops = ours
        .map(|name| keys.blob(record, name))
        .map(|(from, end)| delete(from, end))
        .collect();
    let commit = stands.map(|head| Bytes::copy_from_slice(&head.commit.0));
    transaction(
        vec![Compare::stands(keys.commit(record), commit)],
        ops,
        Vec::new(),
    )
}

fn chunks(keys: &Keys, record: &str, name: &BlobName, bytes: &Bytes) -> Vec<RequestOp> {
    let blob = keys.blob(record, name);
    let count = bytes.len().div_ceil(CHUNK).max(1);
    let part = |index: usize| bytes.slice(index * CHUNK..bytes.len().min((index + 1) * CHUNK));
    (0..count)
        .map(|index| put(chunk(&blob, index, count), part(index)))
        .collect()
}

/// In their order, as many as fit at a time.
fn batches(chunks: Vec<RequestOp>, most: usize) -> Vec<Vec<RequestOp>> {
    let mut batches: Vec<Vec<RequestOp>> = Vec::new();
    let mut room = 0;
    for chunk in chunks {
        let size = chunk.encoded_len() + 8;
        match batches.last_mut().filter(|_| size <= room) {
            Some(batch) => batch.push(chunk),
            None => {
                room = most;
                batches.push(vec![chunk]);
            }
        }
        room = room.saturating_sub(size);
    }
    batches
}

/// A transaction, its operations in nested ones where they are more than a server takes in one list.
fn transaction(compare: Vec<Compare>, ops: Vec<RequestOp>, failure: Vec<RequestOp>) -> TxnRequest {
    let success = if ops.len() <= MAX_OPS {
        ops
    } else {
        let nest = |ops: &[RequestOp]| RequestOp {
            op: Some(Op::Txn(TxnRequest {
                success: ops.to_vec(),
                ..TxnRequest::default()
            })),
        };
        ops.chunks(MAX_OPS).map(nest).collect()
    };
    TxnRequest {
        compare,
        success,
        failure,
    }
}

/// The bytes of a blob from its chunks, in the order of their keys; `None` if one is missing.
pub(super) fn whole<'a>(chunks: impl IntoIterator<Item = (&'a [u8], &'a Bytes)>) -> Option<Bytes> {
    let chunks: BTreeMap<_, _> = chunks.into_iter().collect();
    let count = super::keys::count(chunks.keys().next()?)?;
    if chunks.len() != count {
        return None;
    }
    let mut parts = chunks.into_values();
    match (count, parts.next()) {
        (1, Some(all)) => Some(all.clone()),
        (_, first) => Some(first.into_iter().chain(parts).flatten().copied().collect()),
    }
}

#[cfg(test)]
mod tests {
    use fogline_core::session::encode;

    use super::*;
    use crate::conformance::Scene;

    fn planned(states: &[(&str, usize)], most: u64) -> Result<Plan, StoreError> {
        let scene = Scene::new("plan");
        let base = scene.birth().head;
        let writes: Vec<_> = states
            .iter()
            .map(|(state, length)| (*state, Some(Bytes::from(vec![7; *length]))))
            .collect();
        let commit = scene.next(&base, &writes);
        let encoded = encode(&commit.head);
        let keys = Keys {
            prefix: "p".to_owned(),
        };
        plan(&keys, &scene.key(1), commit, encoded, model::Bytes(most))
    }

    const DEFAULT: u64 = 3 << 19;

    #[test]
    fn a_megabyte_is_one_value_in_one_transaction() {
        let plan = planned(&[("a", 1 << 20)], DEFAULT).unwrap();
        assert!(plan.before.is_empty() && plan.early.is_empty());
        assert_eq!(
            plan.last.success.len(),
            5,
            "two gaps, head, commit, and one value"
        );
        assert!(plan.last.encoded_len() <= DEFAULT as usize - ENVELOPE);
    }

    #[test]
    fn no_request_is_larger_than_the_servers_take() {
        let plan = planned(
            &[("a", 8 << 20), ("b", 700_000), ("c", 700_000), ("d", 30_000)],
            DEFAULT,
        )
        .unwrap();
        assert_eq!(plan.before.len(), 9, "eight for a, and one for the rest");
        for request in plan.before.iter().chain([&plan.last]) {
            assert!(request.encoded_len() <= DEFAULT as usize - ENVELOPE);
            assert_eq!(request.compare.len(), 1, "each on the expected head only");
        }
    }

    #[test]
    fn what_no_request_carries_is_too_large() {
        assert!(matches!(
            planned(&[("a", 1 << 20)], 1 << 20),
            Err(StoreError::TooLarge { .. })
        ));
    }

    #[test]
    fn long_lists_are_nested_below_the_servers_limit() {
        let ops: Vec<_> = (0..900)
            .map(|at| delete(format!("{at:04}"), String::new()))
            .collect();
        let nested = transaction(Vec::new(), ops, Vec::new());
        let inner = nested.success.iter().map(|op| match &op.op {
            Some(Op::Txn(inner)) => inner.success.len(),
            _ => 0,
        });
        let (longest, all) = (inner.clone().max().unwrap(), inner.sum::<usize>());
        assert_eq!(all, 900);
        assert!(
            nested.success.len() + longest <= 128,
            "{} and {longest}",
            nested.success.len()
        );
    }

    #[test]
    fn a_blob_with_a_missing_chunk_is_none() {
        let part = Bytes::from_static(b"x");
        let all = [(&b"b/0000.0002"[..], &part), (b"b/0001.0002", &part)];
        assert_eq!(whole(all), Some(Bytes::from_static(b"xx")));
        assert_eq!(whole(all.into_iter().take(1)), None);
        assert_eq!(whole([]), None);
    }
}
