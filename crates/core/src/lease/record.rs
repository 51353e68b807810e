//! The record, and what the machines are told and say.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::model::Incarnation;

/// How long a lease is held from the sending of its last renewal. With the tenth that a contender adds and
/// the calls that it makes, another node answers 1 to 1.3 s after the death of the owner.
pub const TERM: Duration = Duration::from_millis(800);

/// What stands in the store for a node.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeaseRecord {
    /// The life of the node that holds the lease, or held it last.
    pub incarnation: Incarnation,
    /// Raised by each renewal, so that no two records are the same.
    pub counter: u64,
    /// For how long it holds from the sending of a renewal; what contenders go by, whatever their own term
    /// is.
    pub term: Duration,
    /// Whether that life may go on. Once false, it stays so for this incarnation: the record is kept until
    /// another life of the node takes its place.
    pub alive: bool,
}

impl LeaseRecord {
    /// Whether this life of the node is over, and its sessions may be taken.
    #[must_use]
    pub fn is_over(&self, incarnation: Incarnation) -> bool {
        !self.alive || self.incarnation != incarnation
    }

    /// What replaces this record.
    #[must_use]
    pub(super) fn next(&self, alive: bool) -> Self {
        let counter = self.counter + 1;
        Self {
            counter,
            alive,
            ..self.clone()
        }
    }

    /// How long this record must have been seen unchanged until its holder has certainly stopped holding it:
    /// a tenth more than its term, for clocks that do not run equally fast.
    #[must_use]
    pub(super) fn patience(&self) -> Duration {
        self.term * 11 / 10
    }
}

/// What a machine is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LeaseEvent {
    /// It begins, or the time that it asked to be woken at has come.
    Wake,
    /// This is what stands: the answer to [`LeaseAction::Read`], or to a [`LeaseAction::Swap`] that found
    /// something else than expected and changed nothing.
    Stands(Option<LeaseRecord>),
    /// The swap is done.
    Swapped,
    /// There was no answer, or none that says what happened: the swap may have been done, or may be done
    /// later.
    Unanswered,
}

/// What the owner of a machine does for it. A machine waits for one thing at a time: what it asks for takes
/// the place of a time to be woken at that it named before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LeaseAction {
    /// Read the record.
    Read,
    /// Replace the record, if this stands there.
    Swap {
        /// What is expected; nothing if the node had no life before.
        expect: Option<LeaseRecord>,
        /// What replaces it.
        new: LeaseRecord,
    },
    /// Tell [`LeaseEvent::Wake`] at this time.
    WakeAt(Duration),
    /// The life in question is over, for ever. Its holder drops what is in its memory, and begins another
    /// life if it goes on; a contender's owner takes its sessions.
    Over,
}
