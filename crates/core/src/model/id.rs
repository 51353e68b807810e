//! Identifiers that machines make: random or hashed, never counted.

use std::fmt;
use std::str::FromStr;

use data_encoding::HEXLOWER;
use serde::{Deserialize, Serialize};
use thiserror::Error;

/// Why a text is not an identifier.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("\"{text}\" is not {what}")]
pub struct BadId {
    /// The text.
    pub text: String,
    /// What was expected, with its form.
    pub what: &'static str,
}

macro_rules! id {
    ($(#[$doc:meta])* $name:ident, $bytes:literal, $what:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub [u8; $bytes]);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&HEXLOWER.encode(&self.0))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }

        impl FromStr for $name {
            type Err = BadId;

            fn from_str(text: &str) -> Result<Self, BadId> {
                HEXLOWER
                    .decode(text.as_bytes())
                    .ok()
                    .and_then(|bytes| bytes.try_into().ok())
                    .map(Self)
                    .ok_or_else(|| BadId { text: text.chars().take(64).collect(), what: $what })
            }
        }
    };
}

id! {
    /// A commit of a session's head, random: the token that compare-and-swap compares (R3).
    CommitId, 16, "a commit id: 32 hexadecimal digits"
}
id! {
    /// An invocation, fixed at its first admission and kept through every retry (R2).
    InvocationId, 16, "an invocation id: 32 hexadecimal digits"
}
id! {
    /// A run of a workflow.
    RunId, 16, "a run id: 32 hexadecimal digits"
}
id! {
    /// A client: a device that owns sessions and numbers its requests (R5).
    ClientId, 16, "a client id: 32 hexadecimal digits"
}
id! {
    /// Bytes by what they are, SHA-256: of a package of an application, or of a file of one.
    Digest, 32, "a digest: 64 hexadecimal digits"
}
id! {
    /// One life of a node, from its start to its end, random: what owns sessions (R11).
    Incarnation, 16, "an incarnation: 32 hexadecimal digits"
}
id! {
    /// A trace: all that one request caused, on all machines.
    TraceId, 16, "a trace id: 32 hexadecimal digits"
}
id! {
    /// A span: one piece of work of a trace.
    SpanId, 8, "a span id: 16 hexadecimal digits"
}
