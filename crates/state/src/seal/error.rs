//! Why an envelope is refused.

use fogline_core::model::{Birth, Bytes, StateName};
use thiserror::Error;

/// An envelope is refused. Nothing of it was used.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("the envelope of the state {state} {why}")]
pub struct SealError {
    /// The state that it was presented for.
    pub state: StateName,
    /// Why.
    pub why: Why,
}

/// Why an envelope is refused; each continues `the envelope of the state S …`.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Why {
    /// A newer version of the platform made it, or it is none.
    #[error("is of format {0}, this version opens format 1")]
    UnknownFormat(u8),
    /// A newer version of the platform made it.
    #[error("is sealed by an algorithm of number {0}, this version knows 2 (AEGIS-256)")]
    UnknownAlgorithm(u8),
    /// This node's keyring lacks the key: another provider sealed it, or the key was withdrawn.
    #[error("is sealed under key {0}, which this node does not hold")]
    UnknownKey(u32),
    /// The number is known, and stands for another key here.
    #[error("is sealed under another key of number {0} than this node holds")]
    OtherKey(u32),
    /// It belongs to another tenant.
    #[error("was sealed for another tenant")]
    OtherTenant,
    /// It belongs to another application.
    #[error("was sealed for another application")]
    OtherApp,
    /// It belongs to another session.
    #[error("was sealed for another session")]
    OtherSession,
    /// It belongs to another part of the session.
    #[error("was sealed for another part of the session than {}", .0.letter())]
    OtherPart(Birth),
    /// It belongs to another state.
    #[error("was sealed for another state")]
    OtherState,
    /// It belongs to another client.
    #[error("was sealed for another client")]
    OtherHolder,
    /// It is too short.
    #[error("is cut: it has {0}, and the shortest has {1}")]
    Cut(Bytes, Bytes),
    /// It is too long.
    #[error("has {0}, the longest has {1}")]
    TooLarge(Bytes, Bytes),
    /// Bytes were changed or lost.
    #[error("is damaged or cut: it is not what was sealed")]
    Damaged,
    /// The state was written again before another of the envelopes was made (R14).
    #[error("is older than the envelope of {0} that came with it: the state was written again in between")]
    OlderSibling(StateName),
    /// Two writes of one state at the same version: the session was forked.
    #[error("belongs to another branch of the session than the envelope of {0} that came with it")]
    Forked(StateName),
    /// The others say that there is one.
    #[error("is missing: the state exists, by the envelope of {0} that came")]
    Missing(StateName),
    /// The record of the session says that there is one (`guard = "mark"`).
    #[error("is missing: the state exists, by the record of the session")]
    MissingByMark,
    /// The state was written again since (`guard = "mark"`).
    #[error("was used before: the state was written again since, at version {0}")]
    Reused(u64),
    /// The state was deleted since (`guard = "mark"`).
    #[error("was used before: the state was deleted since")]
    Deleted,
    /// The record has fallen behind what it once acknowledged (`guard = "mark"`, R12).
    #[error("is newer than the record of the session: version {0} of epoch {1}")]
    AheadOfMark(u64, u64),
    /// To be sealed, and its bytes are not here.
    #[error("cannot be made: its bytes are not here")]
    NoBytes,
}

impl Why {
    /// A short name for programs, that stays as it is.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::UnknownFormat(_) => "unknown-format",
            Self::UnknownAlgorithm(_) => "unknown-algorithm",
            Self::UnknownKey(_) => "unknown-key",
            Self::OtherKey(_) => "other-key",
            Self::OtherTenant => "other-tenant",
            Self::OtherApp => "other-app",
            Self::OtherSession => "other-session",
            Self::OtherPart(_) => "other-part",
            Self::OtherState => "other-state",
            Self::OtherHolder => "other-holder",
            Self::Cut(..) => "cut",
            Self::TooLarge(..) => "too-large",
            Self::Damaged => "damaged",
            Self::OlderSibling(_) => "older-sibling",
            Self::Forked(_) => "forked",
            Self::Missing(_) | Self::MissingByMark => "missing",
            Self::Reused(_) | Self::Deleted => "re-used",
            Self::AheadOfMark(..) => "ahead-of-mark",
            Self::NoBytes => "no-bytes",
        }
    }

    pub(super) fn of(self, state: &StateName) -> SealError {
        SealError {
            state: state.clone(),
            why: self,
        }
    }
}
