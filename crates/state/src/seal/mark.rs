//! With `guard = "mark"`: the head is in a store, and only bytes travel with the client (R14).

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use fogline_core::model::StateName;
use fogline_core::session::{BlobOf, Commit, Content, Head};

use super::envelope::Opened;
use super::error::{SealError, Why};

/// The bytes of the states that came, each being what the head says: of the very commit that wrote the state last.
///
/// # Errors
/// When an envelope is of an earlier commit, so it was used before, or newer than the head; and when a state of
/// `declared` exists, and did not come.
pub fn check_against_mark(
    head: &Head,
    opened: Vec<Opened>,
    declared: &BTreeSet<StateName>,
) -> Result<BTreeMap<StateName, Bytes>, SealError> {
    let held = |state: &&StateName| {
        head.states
            .get(*state)
            .is_some_and(|entry| matches!(entry.content, Content::Held { .. }))
    };
    let came: BTreeSet<&StateName> = opened.iter().map(|opened| &opened.state).collect();
    if let Some(missing) = declared.iter().filter(held).find(|state| !came.contains(state)) {
        return Err(Why::MissingByMark.of(missing));
    }
    let mut values = BTreeMap::new();
    for opened in opened {
        let why = match (head.states.get(&opened.state), &opened.own) {
            _ if (opened.epoch, opened.version) > (head.epoch, head.version) => {
                Why::AheadOfMark(opened.version, opened.epoch)
            }
            (Some(entry), Some(own)) if entry.commit == own.commit => {
                values.extend(opened.value.map(|value| (opened.state, value)));
                continue;
            }
            (Some(entry), _) => Why::Reused(entry.version),
            (None, Some(_)) => Why::Deleted,
            (None, None) => continue,
        };
        return Err(why.of(&opened.state));
    }
    Ok(values)
}

/// What a commit leaves in the store, and the bytes of the states that go to the client: replies stay, bytes of
/// states do not.
#[must_use]
pub fn leave_bytes_with_client(mut commit: Commit) -> (Commit, BTreeMap<StateName, Bytes>) {
    let mut values = BTreeMap::new();
    for (state, entry) in &mut commit.head.states {
        let bytes = entry.content.len();
        match std::mem::replace(&mut entry.content, Content::Held { bytes }) {
            Content::Inline(value) => drop(values.insert(state.clone(), value)),
            Content::Blob { name, .. } => {
                values.extend(
                    commit
                        .blobs
                        .get(&name)
                        .map(|value| (state.clone(), value.clone())),
                );
            }
            Content::Held { .. } => {}
        }
    }
    commit
        .blobs
        .retain(|name, _| !matches!(name.of, BlobOf::State(_)));
    (commit, values)
}
