//! What can go wrong for a client.

use std::io;
use std::path::PathBuf;

use fogline_core::model::{AppName, RunId, SessionId};
use fogline_protocol::problem::{Blame, Kind, Problem};
use thiserror::Error;

use crate::package::BadPackage;

/// What went wrong. [`Error::blame`] says who must act, [`Error::hint`] how.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum Error {
    /// A node refused, or the function did.
    #[error("{}{}", step(problem), problem.title)]
    Problem {
        /// What it said.
        problem: Box<Problem>,
    },
    /// Nobody knows whether the request was executed. Under its number it can be sent again, and is then executed
    /// once: [`crate::Client::resume`].
    #[error("request {number} of session {session} was not answered in time: it may have been executed")]
    Unanswered {
        /// The session.
        session: SessionId,
        /// The request's number.
        number: u64,
        /// Why the last attempt failed.
        source: Box<Error>,
    },
    /// The answer to an earlier request of the session is outstanding, and may hold newer states than those that are
    /// here. This request was not sent, and is none of the session's.
    #[error(
        "request {number} of session {session} was not answered, and may have changed its states: this one was not sent"
    )]
    Outstanding {
        /// The session.
        session: SessionId,
        /// The earlier request's number.
        number: u64,
    },
    /// A workflow was interrupted. What has finished is kept: [`crate::Client::resume_workflow`].
    #[error("run {run} of session {session} was interrupted")]
    Interrupted {
        /// The session.
        session: SessionId,
        /// The run.
        run: RunId,
        /// Why.
        source: Box<Error>,
    },
    /// The request did not reach a node.
    #[error("reaching {url}")]
    Unreachable {
        /// The node.
        url: String,
        /// Why not.
        source: reqwest::Error,
    },
    /// The deadline has passed.
    #[error("{url} did not answer in time")]
    TimedOut {
        /// The node.
        url: String,
    },
    /// Other requests of this session, whose answers this one needs, took all of the time.
    #[error("earlier requests of session {0} took all of the time")]
    Crowded(SessionId),
    /// An accepted run has the session's states, and has not ended in time.
    #[error("run {run}, which has the states of session {session}, has not ended")]
    Lent {
        /// The session.
        session: SessionId,
        /// The run.
        run: RunId,
    },
    /// The node does not know the accepted run that has the session's states: another one has accepted it, or it ended
    /// longer ago than runs are kept. With [`crate::Client::abandon_workflow`] the session goes on from the states that
    /// were sent with it.
    #[error("{url} does not know run {run}, which has the states of session {session}")]
    RunForgotten {
        /// The session.
        session: SessionId,
        /// The run.
        run: RunId,
        /// The node.
        url: String,
    },
    /// What answered is not a node, or one of another version.
    #[error("{url} answered what no node answers: {what}")]
    Answer {
        /// Who answered.
        url: String,
        /// What is wrong with it.
        what: String,
    },
    /// The address is not one.
    #[error("\"{url}\" is not the address of a node: {why}")]
    Address {
        /// The address.
        url: String,
        /// Why not.
        why: String,
    },
    /// The token cannot be sent.
    #[error("the token has characters that no header may have")]
    Token,
    /// The application has no such workflow, or one that cannot be run.
    #[error("application {app} cannot be run")]
    Workflow {
        /// The application.
        app: AppName,
        /// Why.
        source: fogline_core::workflow::BadRun,
    },
    /// There is no such request or run in the journal.
    #[error("session {session} has no unanswered {what}")]
    NothingPending {
        /// The session.
        session: SessionId,
        /// The request or run.
        what: String,
    },
    /// The value is none that JSON can write. Nothing was sent.
    #[error("writing the input as JSON")]
    Input(#[source] serde_json::Error),
    /// The output is no JSON of the type that is asked for. The request was executed.
    #[error("reading the output as JSON")]
    Output(#[source] serde_json::Error),
    /// The project cannot be deployed.
    #[error(transparent)]
    Package(#[from] BadPackage),
    /// The journal cannot be read or written. What was there before is unharmed.
    #[error("{doing} {}", path.display())]
    Journal {
        /// `reading` or `writing`.
        doing: &'static str,
        /// The file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// The journal holds what this version cannot read.
    #[error("{}: {what}", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        what: String,
    },
    /// Another process uses the session's journal.
    #[error("another process uses {}", path.display())]
    Busy {
        /// The session's folder.
        path: PathBuf,
    },
}

fn step(problem: &Problem) -> String {
    problem
        .step
        .as_ref()
        .map(|step| format!("step {step}: "))
        .unwrap_or_default()
}

impl From<Problem> for Error {
    fn from(problem: Problem) -> Self {
        Self::Problem {
            problem: Box::new(problem),
        }
    }
}

impl Error {
    /// Who must act.
    #[must_use]
    pub fn blame(&self) -> Blame {
        match self {
            Self::Problem { problem } => problem.blame,
            Self::Unanswered { source, .. } | Self::Interrupted { source, .. } => source.blame(),
            Self::Unreachable { .. } | Self::TimedOut { .. } => Blame::Operator,
            Self::Crowded(_) | Self::Lent { .. } => Blame::Load,
            Self::Answer { .. } => Blame::Platform,
            Self::Outstanding { .. }
            | Self::Address { .. }
            | Self::Token
            | Self::Workflow { .. }
            | Self::NothingPending { .. }
            | Self::RunForgotten { .. }
            | Self::Input(_)
            | Self::Output(_)
            | Self::Package(_)
            | Self::Busy { .. } => Blame::Caller,
            Self::Journal { .. } | Self::Damaged { .. } => Blame::Operator,
        }
    }

    /// What to do, in one sentence.
    #[must_use]
    pub fn hint(&self) -> String {
        let hint = match self {
            Self::Problem { problem } if problem.kind == Kind::StateRegressed => {
                "go on from what is left with `fogline state accept SESSION`"
            }
            Self::Problem { problem } => return problem.hint.clone(),
            Self::Package(bad) => return bad.hint(),
            Self::Unanswered { .. } => "resume it under its number, or abandon it",
            Self::Outstanding { .. } => {
                "resume that one under its number, or abandon it; then send this one again"
            }
            Self::Interrupted { .. } => "resume the run under its id, or abandon it",
            Self::Unreachable { .. } => "check that a node runs there, and its address",
            Self::TimedOut { .. } | Self::Crowded(_) | Self::Lent { .. } => "try again, or allow more time",
            Self::RunForgotten { .. } => "ask the node that has accepted it, or abandon the run",
            Self::Answer { .. } => "check that the address is that of a node of this version",
            Self::Address { .. } => "write it as http://HOST:PORT",
            Self::Token => "write the token as it was given out",
            Self::Workflow { .. } => "invoke its functions by name, or give its manifest a [workflow]",
            Self::NothingPending { .. } => "it has been answered, or abandoned",
            Self::Journal { .. } => "check that the folder exists, may be written and has room",
            Self::Damaged { .. } => {
                "use the version that wrote it; or remove the folder, and its states with it"
            }
            Self::Input(_) => "give it a type whose values JSON can write",
            Self::Output(_) => "ask for the type that the function gives, or take the bytes",
            Self::Busy { .. } => "wait until it has ended",
        };
        hint.to_owned()
    }
}
