//! What is said of envelopes that are missing, or not what they should be.

use fogline_protocol::problem::Kind;
use fogline_state::seal::{SealError, Why};

use crate::fault::Fault;

/// The session is with its client, who has not sent what it holds.
pub(crate) fn missing() -> Fault {
    Fault::new(
        Kind::EnvelopeMissing,
        "the session is with its client, and the envelopes of its states were not sent",
        "send each as a part state.NAME of multipart/form-data",
    )
}

/// The client shows an envelope of a time before the session moved away from it.
pub(crate) fn old() -> Fault {
    Fault::new(
        Kind::BadEnvelope,
        "the envelopes are of a time before the session moved: it is no longer with this client",
        "send the request without envelopes",
    )
}

/// An envelope is not what it should be.
pub(super) fn of_seal(error: &SealError) -> Fault {
    let (kind, hint) = match &error.why {
        Why::Missing(_) | Why::MissingByMark => (
            Kind::EnvelopeMissing,
            "send the envelope of each state that the function declares",
        ),
        Why::AheadOfMark(..) => (
            Kind::StateRegressed,
            "the store that marks this session's versions was restored from an older copy",
        ),
        Why::NoBytes => (Kind::Internal, "please report this"),
        _ => (
            Kind::BadEnvelope,
            "send the envelopes that the last answer gave, as they are, all together",
        ),
    };
    Fault::new(kind, error.to_string(), hint)
}
