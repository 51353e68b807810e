//! Why a command failed, split by who must act.

use std::path::Path;
use std::process::ExitCode;

use fogline_core::model::BadInput;
use thiserror::Error;

/// A failed command.
#[derive(Debug, Error)]
pub(crate) enum Failure {
    /// The caller gave a file that cannot be read, or a combination of options that cannot be done. Exit code 2.
    #[error("{0}")]
    Input(#[from] BadInput),
    /// The machine did not do what was asked: disk full, permission denied. Exit code 1.
    #[error("{doing}: {source}\nhint: {hint}")]
    System {
        /// What we were doing, as `writing out/jobs.parquet`.
        doing: String,
        /// What to do about it.
        hint: String,
        /// What the system said.
        source: std::io::Error,
    },
    /// The work was done and the answer is no: a rerun differs, a check does not hold. Exit code 3.
    #[error("{problem}\nhint: {hint}")]
    Check {
        /// What does not hold.
        problem: String,
        /// What to do about it.
        hint: String,
    },
}

impl Failure {
    /// The caller asked for something that cannot be done.
    pub(crate) fn usage(problem: impl Into<String>, hint: impl Into<String>) -> Self {
        Self::Input(BadInput::whole("command line", problem, hint))
    }

    /// Writing a file failed.
    pub(crate) fn writing(path: &Path, source: std::io::Error) -> Self {
        Self::System {
            doing: format!("writing {}", path.display()),
            hint: "check that the folder exists, may be written and has room".to_owned(),
            source,
        }
    }

    /// What the shell gets to see.
    pub(crate) fn exit_code(&self) -> ExitCode {
        match self {
            Self::Input(_) => ExitCode::from(2),
            Self::System { .. } => ExitCode::from(1),
            Self::Check { .. } => ExitCode::from(3),
        }
    }
}
