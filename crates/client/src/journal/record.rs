//! All that a client keeps of one session.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use fogline_core::model::{AppName, Birth, ExecutionModel, RunId, SessionId, StateName};
use fogline_core::session::Seen;
use serde::{Deserialize, Serialize};

use crate::reply::Target;

/// The format that is written; one, once released, is read for ever.
const FORMAT: u8 = 1;

/// Largest value that stands in the record; each larger one costs a file of its own and a second wait for the disk.
pub(super) const MAX_INLINE: usize = 16 << 10;

/// All that a client keeps of one session.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Record {
    /// The application.
    pub(crate) app: AppName,
    /// The highest number that a request of this session had.
    pub(crate) last_number: u64,
    /// Where each part of the session is, in the order of its id.
    pub(crate) models: Vec<ExecutionModel>,
    /// What was seen of each part (R12).
    pub(crate) seen: BTreeMap<Birth, Seen>,
    /// How often the primary part has come here or left. An answer that moves it counts only if nothing moved it since
    /// its request was made: answers overtake each other, and what one brings others may have changed or sent on.
    pub(crate) moves: u64,
    /// The envelopes: one consistent set.
    pub(crate) envelopes: BTreeMap<StateName, Kept>,
    /// Requests that were sent, or about to be, and not answered.
    pub(crate) unanswered: BTreeMap<u64, Request>,
    /// Runs of the client that have not ended.
    pub(crate) runs: BTreeMap<RunId, Kept>,
    /// The model that the session leaves the client for: begun, and not known to be done.
    pub(crate) leaving_for: Option<ExecutionModel>,
    /// The accepted run that the envelopes were sent with: until it ends they are its to change.
    pub(crate) lent: Option<RunId>,
}

/// A request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Request {
    /// What it is for.
    pub(crate) target: Target,
    /// Its input.
    pub(crate) input: Kept,
}

/// Bytes that are kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Kept {
    /// In the record.
    Inline(Bytes),
    /// In a file of this name in the record's folder.
    File(String),
}

impl Record {
    /// What is known of a session from its id alone.
    pub(crate) fn new(app: AppName, session: &SessionId) -> Self {
        Self {
            app,
            last_number: 0,
            models: session.parts().iter().map(|part| part.model()).collect(),
            seen: BTreeMap::new(),
            moves: 0,
            envelopes: BTreeMap::new(),
            unanswered: BTreeMap::new(),
            runs: BTreeMap::new(),
            leaving_for: None,
            lent: None,
        }
    }

    /// Whether states of the session live here.
    pub(crate) fn is_in_client(&self) -> bool {
        self.models.contains(&ExecutionModel::InClient) || !self.envelopes.is_empty()
    }

    /// Whether states live with a client, and not with this one.
    pub(crate) fn is_with_another(&self) -> bool {
        self.models.contains(&ExecutionModel::InClient) && self.envelopes.is_empty()
    }

    /// Whether the primary part lives here.
    pub(crate) fn has_primary(&self) -> bool {
        self.models.first() == Some(&ExecutionModel::InClient)
    }

    /// Whether the primary part lives here, and not with another client.
    pub(crate) fn holds_primary(&self) -> bool {
        self.has_primary() && !self.envelopes.is_empty()
    }

    /// Whether this client has used the session.
    pub(crate) fn is_used(&self) -> bool {
        self.last_number > 0 || !self.seen.is_empty() || !self.runs.is_empty()
    }

    /// Never less than before: answers overtake each other.
    pub(crate) fn see(&mut self, part: Birth, seen: Seen) {
        let known = self.seen.entry(part).or_default();
        if (seen.epoch, seen.version) >= (known.epoch, known.version) {
            *known = seen;
        }
    }

    /// The primary part is no longer here, as the answer to a request says that was made after so many `moves`. `others`
    /// are the states that are with another part.
    pub(crate) fn release(&mut self, moves: u64, models: Vec<ExecutionModel>, others: &BTreeSet<StateName>) {
        if moves != self.moves {
            return;
        }
        if self.has_primary() {
            self.moves += 1;
        }
        self.models = models;
        self.envelopes.retain(|state, _| others.contains(state));
        self.leaving_for = None;
    }

    /// Keeps a new envelope; an empty one says that it is no longer needed.
    pub(crate) fn keep(&mut self, state: StateName, envelope: Bytes) {
        if envelope.is_empty() {
            self.envelopes.remove(&state);
        } else {
            self.envelopes.insert(state, Kept::Inline(envelope));
        }
    }

    /// The primary part is here and does not leave, as the answer to a request says that was made after so many `moves`.
    pub(crate) fn stay(&mut self, moves: u64) {
        if moves == self.moves {
            self.leaving_for = None;
        }
    }

    /// The primary part comes to the client, with the answer to a request that was made after so many `moves`. Nodes
    /// keep what they hand over until it is presented, so what is not taken is handed over again.
    pub(crate) fn arrive(&mut self, moves: u64, envelopes: Vec<(StateName, Bytes)>) {
        if moves != self.moves {
            return;
        }
        self.moves += 1;
        for (state, envelope) in envelopes {
            self.keep(state, envelope);
        }
        if let Some(primary) = self.models.first_mut() {
            *primary = ExecutionModel::InClient;
        }
    }

    /// All values that it keeps.
    pub(super) fn kept(&self) -> impl Iterator<Item = &Kept> {
        let inputs = self.unanswered.values().map(|request| &request.input);
        self.envelopes.values().chain(inputs).chain(self.runs.values())
    }

    /// All values that it keeps.
    pub(super) fn kept_mut(&mut self) -> impl Iterator<Item = &mut Kept> {
        let inputs = self.unanswered.values_mut().map(|request| &mut request.input);
        self.envelopes
            .values_mut()
            .chain(inputs)
            .chain(self.runs.values_mut())
    }

    /// Its bytes: a format number, then the record in postcard's encoding.
    pub(super) fn encode(&self) -> Vec<u8> {
        let bytes =
            postcard::to_extend(&FORMAT, Vec::new()).and_then(|bytes| postcard::to_extend(self, bytes));
        bytes.expect("a record has no value that postcard cannot write, and a vector grows")
    }

    /// The record that bytes stand for, or what is wrong with them.
    pub(super) fn decode(bytes: &[u8]) -> Result<Self, String> {
        let (format, bytes) = bytes.split_first().ok_or("it is empty")?;
        if *format != FORMAT {
            return Err(format!("format {format}, this version reads up to {FORMAT}"));
        }
        match postcard::take_from_bytes(bytes) {
            Ok((record, [])) => Ok(record),
            Ok((_, rest)) => Err(format!("it is damaged: {} bytes too many", rest.len())),
            Err(error) => Err(format!("it is damaged: {error}")),
        }
    }
}
