//! Why a command failed, split by who must act.

use std::error::Error;
use std::path::Path;
use std::process::ExitCode;

use fogline_core::model::BadInput;
use fogline_protocol::problem::Blame;

/// A failed command.
#[derive(Debug, thiserror::Error)]
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
    /// A network, or a tool below us, says no.
    #[error("{problem}\nhint: {hint}")]
    Remote {
        /// What it says.
        problem: String,
        /// What to do about it.
        hint: String,
        /// By who must act: 2 the caller, 3 the function's author, 1 whoever runs the network.
        exit_code: u8,
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
            Self::Remote { exit_code, .. } => ExitCode::from(*exit_code),
        }
    }
}

impl From<fogline_client::Error> for Failure {
    fn from(error: fogline_client::Error) -> Self {
        let exit_code = match error.blame() {
            Blame::Caller => 2,
            Blame::Function => 3,
            Blame::Load | Blame::Operator | Blame::Platform => 1,
        };
        Self::Remote {
            problem: chain(&error),
            hint: hint(&error),
            exit_code,
        }
    }
}

/// What to do with the command; what else there is to do needs a program.
fn hint(error: &fogline_client::Error) -> String {
    use fogline_client::Error::{Interrupted, Outstanding, Unanswered};
    match error {
        Unanswered { .. } | Interrupted { .. } => {
            "the next `fogline invoke` in this session asks for its answer first".to_owned()
        }
        Outstanding { .. } => {
            "`fogline invoke` in this session asks for its answer first; then do this again".to_owned()
        }
        other => other.hint(),
    }
}

impl From<fogline_testbed::TestbedError> for Failure {
    fn from(error: fogline_testbed::TestbedError) -> Self {
        match error {
            fogline_testbed::TestbedError::Input(fault) => Self::Input(fault),
            other => Self::Remote {
                problem: chain(&other),
                hint: "another network may be using the same folder; see --data".to_owned(),
                exit_code: 1,
            },
        }
    }
}

/// An error and its causes, in one line.
pub(crate) fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        text = format!("{text}: {cause}");
        next = cause.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use fogline_client::Error;
    use fogline_core::model::{Birth, RunId, SessionId};

    use super::Failure;

    /// There is no command that resumes one request or run, or abandons it.
    #[test]
    fn what_was_not_answered_is_asked_for_by_a_command_that_there_is() {
        let session = SessionId::mint("n".parse().unwrap(), vec![Birth::InClient], [1; 16]).unwrap();
        let timed_out = || {
            Box::new(Error::TimedOut {
                url: "http://n".to_owned(),
            })
        };
        let errors = [
            Error::Unanswered {
                session: session.clone(),
                number: 3,
                source: timed_out(),
            },
            Error::Interrupted {
                session: session.clone(),
                run: RunId([1; 16]),
                source: timed_out(),
            },
            Error::Outstanding { session, number: 3 },
        ];
        for error in errors {
            let said = Failure::from(error).to_string();
            assert!(
                said.contains("hint: ") && said.contains("`fogline invoke`"),
                "{said}"
            );
        }
    }
}
