//! Names that people give: of nodes, tenants, applications, functions, states and steps.

use std::fmt;
use std::str::FromStr;

use compact_str::CompactString;
use serde::{Deserialize, Serialize};
use thiserror::Error;

/// Longest name, in bytes: as a DNS label, so that names fit into host names, paths and metrics.
pub const MAX_NAME: usize = 63;

/// Why a text is not a name.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error(
    "\"{0}\" is not a name: expected 1 to {MAX_NAME} characters of a-z, 0-9 and -, not beginning or ending with -"
)]
pub struct BadName(pub String);

/// Names of up to 24 bytes need no memory of their own: an invocation takes its names along many times.
fn checked(text: &str) -> Result<CompactString, BadName> {
    let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    let fits = (1..=MAX_NAME).contains(&text.len());
    if fits && text.bytes().all(allowed) && !text.starts_with('-') && !text.ends_with('-') {
        Ok(text.into())
    } else {
        Err(BadName(text.chars().take(2 * MAX_NAME).collect()))
    }
}

macro_rules! name {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(CompactString);

        impl $name {
            /// The text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = BadName;

            fn from_str(text: &str) -> Result<Self, BadName> {
                checked(text).map(Self)
            }
        }

        impl TryFrom<String> for $name {
            type Error = BadName;

            fn try_from(text: String) -> Result<Self, BadName> {
                checked(&text).map(Self)
            }
        }

        impl From<$name> for String {
            fn from(name: $name) -> Self {
                name.0.into_string()
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Debug::fmt(self.as_str(), f)
            }
        }
    };
}

name! {
    /// A node of the edge network.
    NodeName
}
name! {
    /// Whoever owns applications and sessions; tenants never see each other's.
    TenantName
}
name! {
    /// An application: functions, states and a workflow.
    AppName
}
name! {
    /// A function of an application.
    FunctionName
}
name! {
    /// A named piece of a session's data.
    StateName
}
name! {
    /// A step of an application's workflow.
    StepName
}

#[cfg(test)]
mod tests {
    use super::StateName;

    #[test]
    fn only_dns_labels_are_names() {
        for good in ["a", "s-1", "0", &"x".repeat(63)] {
            assert!(good.parse::<StateName>().is_ok(), "{good}");
        }
        for bad in ["", "-a", "a-", "A", "a_b", "a.b", "ä", "a/b", &"x".repeat(64)] {
            assert!(bad.parse::<StateName>().is_err(), "{bad}");
        }
    }
}
