//! What an error of a server means.

use tonic::{Code, ConnectError, Status};

/// What to make of a status that is no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Meaning {
    /// The request was not carried out, and no server will.
    Refused,
    /// The request was not carried out, because our token is not, or no longer, good.
    Stranger,
    /// The request was not carried out; another server, or this one later, may.
    NotHere,
    /// Nobody knows.
    Perhaps,
}

/// Messages are those of etcd's `rpctypes`, the same from 3.4 to 3.6; gRPC's codes alone do not tell a
/// request that was never proposed from one that was and timed out. A message that is not known here means
/// the worse.
pub(super) fn meaning(status: &Status) -> Meaning {
    let says = |what: &str| status.message().contains(what);
    match status.code() {
        Code::Unauthenticated => Meaning::Stranger,
        Code::InvalidArgument if says("revision of auth store is old") => Meaning::Stranger,
        Code::ResourceExhausted if says("too many requests") => Meaning::NotHere,
        Code::InvalidArgument
        | Code::PermissionDenied
        | Code::FailedPrecondition
        | Code::OutOfRange
        | Code::ResourceExhausted
        | Code::NotFound
        | Code::Unimplemented => Meaning::Refused,
        Code::Unavailable if says("etcdserver: no leader") => Meaning::NotHere,
        _ if was_never_connected(status) => Meaning::NotHere,
        _ => Meaning::Perhaps,
    }
}

fn was_never_connected(status: &Status) -> bool {
    let mut source = std::error::Error::source(status);
    while let Some(error) = source {
        if error.is::<ConnectError>() {
            return true;
        }
        source = error.source();
    }
    false
}

/// The whole chain: a status of the client itself says only "transport error", its sources say what happened.
pub(super) fn problem(status: &Status) -> String {
    let mut text = status.message().to_owned();
    let mut source = std::error::Error::source(status);
    while let Some(error) = source {
        let more = error.to_string();
        if !text.contains(&more) {
            text = if text.is_empty() {
                more
            } else {
                format!("{text}: {more}")
            };
        }
        source = error.source();
    }
    text
}

/// What an operator can do about a problem.
pub(super) fn hint(problem: &str) -> &'static str {
    if problem.contains("database space exceeded") {
        "compact and defragment etcd, disarm its alarm, and turn auto-compaction on (manual: State, \"etcd\")"
    } else if problem.contains("request is too large") {
        "start the servers with --max-request-bytes as large as this store's largest request"
    } else if problem.contains("permission denied") || problem.contains("user name is empty") {
        "give the user a role that reads and writes everything under the store's prefix"
    } else {
        "check that more than half of the etcd servers run and can be reached from here"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_known_to_change_nothing_counts_as_not_done() {
        for (code, message, is) in [
            (Code::Unavailable, "etcdserver: no leader", Meaning::NotHere),
            (
                Code::Unavailable,
                "etcdserver: request timed out",
                Meaning::Perhaps,
            ),
            (Code::Unavailable, "etcdserver: leader changed", Meaning::Perhaps),
            (Code::Unknown, "transport error", Meaning::Perhaps),
            (Code::DeadlineExceeded, "", Meaning::Perhaps),
            (
                Code::Unauthenticated,
                "etcdserver: invalid auth token",
                Meaning::Stranger,
            ),
            (
                Code::PermissionDenied,
                "etcdserver: permission denied",
                Meaning::Refused,
            ),
            (
                Code::InvalidArgument,
                "etcdserver: request is too large",
                Meaning::Refused,
            ),
            (
                Code::ResourceExhausted,
                "etcdserver: too many requests",
                Meaning::NotHere,
            ),
            (
                Code::ResourceExhausted,
                "etcdserver: mvcc: database space exceeded",
                Meaning::Refused,
            ),
        ] {
            assert_eq!(meaning(&Status::new(code, message)), is, "{message}");
        }
    }
}
