//! From envelopes to a snapshot: what the client presents is the record, where nobody else keeps one
//! (`guard = "none"`).

use std::collections::{BTreeMap, BTreeSet};

use fogline_core::model::StateName;
use fogline_core::session::{Content, Entry, Head, Replies, Snapshot, Status};

use super::envelope::{Opened, Sibling};
use super::error::{SealError, Why};

/// Refuses a set in which one envelope is older than another one knows its state to be (R14).
///
/// An envelope that knows less of a state than the state's own envelope says is no fault: concurrent steps write
/// different states on top of one head.
pub(super) fn check_siblings(opened: &[Opened]) -> Result<(), SealError> {
    for own in opened {
        for other in opened {
            let Some(known) = other.siblings.get(&own.state) else {
                continue;
            };
            let than = || other.state.clone();
            if known.version > own.written() {
                return Err(Why::OlderSibling(than()).of(&own.state));
            }
            if known.version == own.written() && own.own.is_none_or(|own| own.commit != known.commit) {
                return Err(Why::Forked(than()).of(&own.state));
            }
        }
    }
    Ok(())
}

/// The snapshot that envelopes stand for, of epoch and version of the newest; states that exist and did not come are
/// in the head as held by the client. `None` if none came.
///
/// # Errors
/// When a state of `declared` exists, and did not come.
pub fn assemble(opened: Vec<Opened>, declared: &BTreeSet<StateName>) -> Result<Option<Snapshot>, SealError> {
    // Among heads of one version, which concurrent steps made, any will do; it is the same whoever asks.
    let Some(newest) = opened
        .iter()
        .max_by_key(|opened| (opened.epoch, opened.version, opened.head))
    else {
        return Ok(None);
    };
    let (epoch, version, commit, of) = (newest.epoch, newest.version, newest.head, newest.state.clone());
    let expires = opened
        .iter()
        .map(|opened| opened.expires)
        .max()
        .unwrap_or_default();
    let mut known: BTreeMap<StateName, Sibling> = BTreeMap::new();
    for (state, sibling) in opened.iter().flat_map(|opened| &opened.siblings) {
        let latest = known.entry(state.clone()).or_insert(*sibling);
        if sibling.version > latest.version {
            *latest = *sibling;
        }
    }
    let came: BTreeSet<&StateName> = opened.iter().map(|opened| &opened.state).collect();
    if let Some(missing) = declared
        .iter()
        .find(|state| known.contains_key(*state) && !came.contains(state))
    {
        return Err(Why::Missing(of).of(missing));
    }
    let held = |sibling: Sibling| Content::Held { bytes: sibling.bytes };
    let mut states: BTreeMap<_, _> = known
        .into_iter()
        .map(|(state, sibling)| (state, entry(sibling, held(sibling))))
        .collect();
    let mut values = BTreeMap::new();
    for Opened {
        state, own, value, ..
    } in opened
    {
        match own.zip(value) {
            None => drop(states.remove(&state)),
            Some((own, value)) => {
                states.insert(state.clone(), entry(own, Content::Inline(value.clone())));
                values.insert(state, value);
            }
        }
    }
    let replies = Replies::default();
    let head = Head {
        status: Status::Live,
        epoch,
        version,
        commit,
        expires,
        states,
        replies,
        lost: Box::default(),
    };
    Ok(Some(Snapshot { head, values }))
}

fn entry(sibling: Sibling, content: Content) -> Entry {
    let Sibling {
        commit,
        version,
        schema,
        bytes: _,
    } = sibling;
    Entry {
        schema,
        commit,
        version,
        content,
    }
}
