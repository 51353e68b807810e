//! Whether a node is sent anything.

use serde::{Deserialize, Serialize};

/// Whether a node is sent anything.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Standing {
    /// It is.
    #[default]
    Up,
    /// It does not answer, as far as is known.
    Away,
    /// It is being emptied: what it owns stays until it moves, nothing new is sent.
    Draining,
}
