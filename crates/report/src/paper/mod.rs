//! The statements that the paper draws from its Figures 4, 5 and 6, each with a criterion in numbers, held
//! against a summary.
//!
//! The paper is "In-Network Computing with `FaaS` at the Edge" (Cicconetti, Conti, Passarella). It states them
//! in words ("much", "slightly", "noticeably"); the criteria here make those words numbers, so that the same
//! question can be put to the reference's arithmetic and to the corrected one.

mod compare;
mod figure_4;
mod figure_5;
mod figure_6;
mod placement;
mod view;

use std::fmt;

use serde::Serialize;

pub use compare::{Compared, Judged, compare};
pub use placement::{Placement, count_placements};

use crate::summary::Summary;
use view::View;

/// What became of a statement.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Finding {
    /// It holds as stated.
    Holds,
    /// Its tendency is there, with an exception or without certainty.
    Loosely,
    /// It does not hold.
    No,
    /// The conditions that it speaks of were not run.
    NotTested,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Holds => "holds",
            Self::Loosely => "loosely",
            Self::No => "no",
            Self::NotTested => "not tested",
        })
    }
}

/// A statement of the paper, held against one network.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Statement {
    /// Name, the same for every network.
    pub id: &'static str,
    /// Figure of the paper that it is drawn from: 4, 5 or 6.
    pub figure: u8,
    /// What it says.
    pub text: &'static str,
    /// When it holds, in numbers.
    pub criterion: &'static str,
    /// The network that it was held against; empty where none was run.
    pub network: String,
    /// The outcome.
    pub finding: Finding,
    /// The figures behind the outcome.
    pub evidence: String,
}

/// The placement policy that looks at processing only.
const LOAD: &str = "load";
/// The placement policy that looks at processing and transfers.
const LOAD_NET: &str = "load-net";

/// A statement and how to test it.
struct Entry {
    id: &'static str,
    figure: u8,
    text: &'static str,
    criterion: &'static str,
    /// What must have been run.
    needs: &'static str,
    /// Outcome and evidence; `None` where what it needs was not run.
    test: fn(&View<'_>) -> Option<(Finding, String)>,
}

/// Holds every statement against every network of a summary, by network, then in the paper's order.
///
/// `placements` says where the functions went ([`count_placements`]); the one statement that needs it is not
/// tested without.
#[must_use]
pub fn statements(summary: &Summary, placements: &[Placement]) -> Vec<Statement> {
    let mut networks: Vec<&str> = summary
        .conditions
        .iter()
        .map(|found| found.condition.network.as_str())
        .collect();
    networks.dedup();
    if networks.is_empty() {
        networks.push("");
    }
    let entries = || {
        figure_4::ENTRIES
            .iter()
            .chain(figure_5::ENTRIES)
            .chain(figure_6::ENTRIES)
    };
    let views = networks.into_iter().map(|network| View {
        summary,
        placements,
        network,
    });
    views
        .flat_map(|view| entries().map(move |entry| entry.hold_against(&view)))
        .collect()
}

impl Entry {
    fn hold_against(&self, view: &View<'_>) -> Statement {
        let missing = || (Finding::NotTested, format!("needs {}", self.needs));
        let (finding, evidence) = (self.test)(view).unwrap_or_else(missing);
        Statement {
            id: self.id,
            figure: self.figure,
            text: self.text,
            criterion: self.criterion,
            network: view.network.to_owned(),
            finding,
            evidence,
        }
    }
}
