//! What a client has seen of a session: what no later answer may fall behind (R12).

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::head::{Head, Lost};

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

    /// Whether `head` is older than what was seen, or without it.
    #[must_use]
    pub fn is_ahead_of(&self, head: &Head) -> bool {
        let lost = |lost: &Lost| self.epoch == lost.epoch && self.version > lost.after;
        (self.epoch, self.version) > (head.epoch, head.version) || head.lost.iter().any(lost)
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{CommitId, Timestamp};

    #[test]
    fn whoever_has_seen_what_was_lost_with_an_owner_is_ahead_of_all_that_came_later() {
        let mut head = Head::new(CommitId([1; 16]), Timestamp(0));
        (head.epoch, head.version) = (3, 10);
        head.cut();
        (head.epoch, head.version) = (4, 20);
        let seen = |epoch, version| Seen {
            epoch,
            version,
            durable: 0,
        };
        for (epoch, version, ahead) in [
            (2, 9, false),
            (3, 10, false),
            (3, 11, true),
            (3, 15, true),
            (4, 20, false),
            (4, 21, true),
        ] {
            assert_eq!(
                seen(epoch, version).is_ahead_of(&head),
                ahead,
                "{epoch}.{version}"
            );
        }
    }
}
