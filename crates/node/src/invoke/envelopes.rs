//! What an answer has room for of envelopes, and what is said of those that are missing, or not what they should be.

use bytes::Bytes;
use fogline_core::model::StateName;
use fogline_core::model::limits::MAX_BODY;
use fogline_protocol::problem::Kind;
use fogline_state::seal::{SealError, Why};

use crate::fault::Fault;

/// Sealed states, each with its name.
pub(super) type Envelopes = Vec<(StateName, Bytes)>;

fn size_of(envelopes: &Envelopes) -> usize {
    envelopes.iter().map(|(_, sealed)| sealed.len()).sum()
}

/// Refuses, before anything is committed, what could be sent to the client from this node only, and not from another one to
/// which it talks: an answer has to fit into a frame.
pub(super) fn check_answer(output: usize, new: &Envelopes) -> Result<(), Fault> {
    let envelopes = size_of(new);
    if (output + envelopes) as u64 <= MAX_BODY.0 {
        return Ok(());
    }
    Err(Fault::new(
        Kind::TooLarge,
        format!(
            "the output has {output} bytes and the states that its client has to keep {envelopes}: an answer has at most {}",
            MAX_BODY.0
        ),
        "return less, or write less at once; or keep the session elsewhere than in-client",
    ))
}

/// Adds to what an answer carries beside its output what it has room for of envelopes that only end later than those that
/// the client has.
pub(super) fn add_renewed(output: usize, carried: &mut Envelopes, renewed: Envelopes) {
    for (state, sealed) in renewed {
        if (output + size_of(carried) + sealed.len()) as u64 <= MAX_BODY.0 {
            carried.push((state, sealed));
        }
    }
}

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

#[cfg(test)]
mod tests {
    use super::{Envelopes, MAX_BODY, add_renewed};

    #[test]
    fn what_is_only_renewed_goes_as_far_as_there_is_room() {
        let sealed = |name: &str, length: u64| (name.parse().unwrap(), vec![0; length as usize].into());
        let output = (MAX_BODY.0 / 2) as usize;
        let mut carried: Envelopes = vec![sealed("written", MAX_BODY.0 / 4)];
        add_renewed(
            output,
            &mut carried,
            vec![
                sealed("large", MAX_BODY.0 / 4 + 1),
                sealed("fits", MAX_BODY.0 / 4),
            ],
        );
        let names: Vec<_> = carried.iter().map(|(state, _)| state.as_str()).collect();
        assert_eq!(names, ["written", "fits"]);
    }
}
