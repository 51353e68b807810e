//! Where state lives between two invocations.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// An execution model: where the state of a session lives, and who moves it.
///
/// The first four are the paper's; the other three are the authors' follow-up work ("FaaS execution models
/// for edge applications", PMC 86, 2022).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ExecutionModel {
    /// A store in the cloud: read before the execution, written after it.
    External,
    /// A store kept by the edge nodes.
    InEdge,
    /// The memory of a worker pinned to the session.
    InFunction,
    /// The client: states travel in arguments and return values; each invocation carries what it declares.
    InClient,
    /// As in-client, but every invocation carries all states of the session.
    PureFaas,
    /// All states travel with the arguments from one function to the next, without coming back to the client.
    StatePropagate,
    /// Arguments travel from one function to the next; a state stays where it was last used and is fetched.
    StateLocal,
}

impl ExecutionModel {
    /// All seven, the paper's four first.
    pub const ALL: [Self; 7] = [
        Self::External,
        Self::InEdge,
        Self::InFunction,
        Self::InClient,
        Self::PureFaas,
        Self::StatePropagate,
        Self::StateLocal,
    ];

    /// The four that the paper compares.
    pub const PAPER: [Self; 4] = [Self::External, Self::InEdge, Self::InFunction, Self::InClient];

    /// The name in files, on the command line and in figures.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::External => "external",
            Self::InEdge => "in-edge",
            Self::InFunction => "in-function",
            Self::InClient => "in-client",
            Self::PureFaas => "pure-faas",
            Self::StatePropagate => "state-propagate",
            Self::StateLocal => "state-local",
        }
    }
}

impl fmt::Display for ExecutionModel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for ExecutionModel {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        Self::ALL
            .into_iter()
            .find(|model| model.name() == name)
            .ok_or_else(|| {
                let all: Vec<_> = Self::ALL.iter().map(|model| model.name()).collect();
                format!(
                    "unknown execution model \"{name}\", expected one of {}",
                    all.join(", ")
                )
            })
    }
}
