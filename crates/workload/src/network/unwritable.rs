//! What stands against writing a network.

use thiserror::Error;

use super::text::excerpt;

/// Why a network cannot be written in a format.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("\"{vertex}\" cannot be written: {problem}")]
pub struct Unwritable {
    /// Name of the node, link or switch.
    pub vertex: String,
    /// What stands against it.
    pub problem: String,
}

impl Unwritable {
    pub(super) fn new(vertex: &str, problem: impl Into<String>) -> Self {
        Self {
            vertex: excerpt(vertex),
            problem: problem.into(),
        }
    }
}
