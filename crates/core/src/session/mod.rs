//! The record of a session: one small head, from which all states hang, wherever it lives.
//!
//! A commit replaces the head by compare-and-swap on its commit id. That is the only point at which anything
//! happens, so one commit changes several states at once on any store that can compare and swap one key, and a
//! retried invocation finds its earlier reply.
//!
//! Nothing here waits or reads a clock: [`Attempt`] and [`Move`] say what to do next and are told what came of it.

mod attempt;
mod encoding;
mod head;
mod home;
mod moving;
mod replies;
mod seen;

pub use attempt::{Action, Attempt, Event, Executed, Invocation, Outcome, Refusal};
pub use encoding::{BadHead, decode, encode, encoded_len};
pub use head::{
    BlobName, BlobOf, BodyHash, Commit, Content, Entry, Expect, Head, Lost, Snapshot, Status, end_is_due,
};
pub use home::{Home, RecordKey, SessionKey};
pub use moving::{Move, MoveAction, MoveEvent, Whole};
pub use replies::{Lookup, Origin, Replies, Reply, ReplyOutput};
pub use seen::Seen;
