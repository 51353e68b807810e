//! Why a command of the workshop failed.

use std::path::Path;

use thiserror::Error;

/// What failed, and what to do about it.
#[derive(Debug, Error)]
#[error("{problem}\nhint: {hint}")]
pub(crate) struct Failure {
    problem: String,
    hint: String,
}

impl Failure {
    /// A failure and what to do about it.
    pub(crate) fn new(problem: impl Into<String>, hint: impl Into<String>) -> Self {
        Self {
            problem: problem.into(),
            hint: hint.into(),
        }
    }

    /// The machine did not do what was asked of a file or folder.
    pub(crate) fn file(doing: &str, path: &Path, source: &std::io::Error) -> Self {
        Self::new(
            format!("{doing} {}: {source}", path.display()),
            "check that it exists, may be read and written, and that the disk has room",
        )
    }
}
