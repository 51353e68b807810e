//! What a client has seen of a session: what no later answer may fall behind (R12).

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::head::Head;

/// Epoch and version of a head, and the version up to which it is durable. Its text is `EPOCH.VERSION.DURABLE`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seen {
    /// The epoch.
    pub epoch: u64,
    /// The version.
    pub version: u64,
    /// What is as durable as the session's model and durability promise.
    pub durable: u64,
}

impl Seen {
    /// What a reply from this head shows, where all of it is durable.
    #[must_use]
    pub fn of(head: &Head) -> Self {
        Self {
            epoch: head.epoch,
            version: head.version,
            durable: head.version,
        }
    }

    /// Whether `head` is older than what was seen.
    #[must_use]
    pub fn is_ahead_of(&self, head: &Head) -> bool {
        (self.epoch, self.version) > (head.epoch, head.version)
    }
}

impl fmt::Display for Seen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.epoch, self.version, self.durable)
    }
}

impl FromStr for Seen {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let numbers: Option<Vec<u64>> = text.split('.').map(|part| part.parse().ok()).collect();
        match numbers.as_deref() {
            Some(&[epoch, version, durable]) => Ok(Self {
                epoch,
                version,
                durable,
            }),
            _ => Err(format!(
                "\"{}\" is not EPOCH.VERSION.DURABLE",
                text.chars().take(80).collect::<String>()
            )),
        }
    }
}
