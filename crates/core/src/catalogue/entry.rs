//! One application in the catalogue, and how it changes.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::DELETED_FOR;
use crate::model::{AppName, Digest, NodeName, TenantName, Timestamp};

/// Versions behind the one that is deployed that can be rolled back to.
pub const KEPT_BEFORE: usize = 3;

/// An application of a tenant; as text, `TENANT/APP`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct AppKey {
    /// Whose.
    pub tenant: TenantName,
    /// Its name.
    pub app: AppName,
}

impl fmt::Display for AppKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.tenant, self.app)
    }
}

/// Why a text is not the key of an application.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("\"{0}\" is not TENANT/APP")]
pub struct BadKey(pub String);

impl FromStr for AppKey {
    type Err = BadKey;

    fn from_str(text: &str) -> Result<Self, BadKey> {
        let parts = text.split_once('/');
        let key = parts.and_then(|(tenant, app)| {
            Some(Self {
                tenant: tenant.parse().ok()?,
                app: app.parse().ok()?,
            })
        });
        key.ok_or_else(|| BadKey(text.chars().take(128).collect()))
    }
}

/// When a change was made, and where: of two changes the later one stands. No two changes have the same.
///
/// The time is the clock's of the node that made the change, raised above all that this node had heard of; so a change
/// that was made in knowledge of another one is later, whatever the clocks say.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Stamp {
    /// When.
    pub at: Timestamp,
    /// By which node.
    pub node: NodeName,
}

/// What was done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Change {
    /// It was deployed.
    Deployed {
        /// The package.
        package: Digest,
        /// What was deployed before it, the latest first, at most [`KEPT_BEFORE`].
        before: Vec<Digest>,
        /// The deletion that it followed, if there was one that the node knew of: what is older is to be removed.
        after: Option<Stamp>,
    },
    /// It was deleted, and its sessions with it.
    Deleted,
}

/// The last change of an application.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// When and where it was made.
    pub stamp: Stamp,
    /// What it is.
    pub change: Change,
}

impl Entry {
    /// A deployment after what was known. An older version that is deployed again is no longer one of those before.
    #[must_use]
    pub fn deployed(known: Option<&Self>, package: Digest, stamp: Stamp) -> Self {
        let (before, after) = match known.map(|known| (&known.stamp, &known.change)) {
            None => (Vec::new(), None),
            Some((deleted, Change::Deleted)) => (Vec::new(), Some(deleted.clone())),
            Some((
                _,
                Change::Deployed {
                    package: last,
                    before,
                    after,
                },
            )) => {
                let before = std::iter::once(last).chain(before);
                let others = before.filter(|other| **other != package).copied();
                (others.take(KEPT_BEFORE).collect(), after.clone())
            }
        };
        Self {
            stamp,
            change: Change::Deployed {
                package,
                before,
                after,
            },
        }
    }

    /// A deployment of the version before; none if no such is known.
    #[must_use]
    pub fn rolled_back(&self, stamp: Stamp) -> Option<Self> {
        let Change::Deployed { before, after, .. } = &self.change else {
            return None;
        };
        let (last, before) = before.split_first()?;
        Some(Self {
            stamp,
            change: Change::Deployed {
                package: *last,
                before: before.to_vec(),
                after: after.clone(),
            },
        })
    }

    /// A deletion.
    #[must_use]
    pub fn deleted(stamp: Stamp) -> Self {
        Self {
            stamp,
            change: Change::Deleted,
        }
    }

    /// The package that is deployed.
    #[must_use]
    pub fn package(&self) -> Option<Digest> {
        match &self.change {
            Change::Deployed { package, .. } => Some(*package),
            Change::Deleted => None,
        }
    }

    /// The packages that a node keeps for it: the one that is deployed, and those that can be rolled back to, the latest
    /// first.
    pub fn packages(&self) -> impl Iterator<Item = Digest> {
        let (package, before) = match &self.change {
            Change::Deployed { package, before, .. } => (Some(*package), before.as_slice()),
            Change::Deleted => (None, &[][..]),
        };
        package.into_iter().chain(before.iter().copied())
    }

    /// The deletion before which no record is to be left.
    #[must_use]
    pub fn emptied(&self) -> Option<&Stamp> {
        match &self.change {
            Change::Deployed { after, .. } => after.as_ref(),
            Change::Deleted => Some(&self.stamp),
        }
    }

    /// Whether it is a deletion that need not be remembered any longer.
    #[must_use]
    pub fn is_over(&self, now: Timestamp) -> bool {
        self.change == Change::Deleted && now.since(self.stamp.at) > DELETED_FOR
    }
}
