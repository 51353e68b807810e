//! The statements under two arithmetics.

use serde::Serialize;

use super::{Finding, Statement};

/// The outcome of a statement.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Judged {
    /// The outcome.
    pub finding: Finding,
    /// The figures behind it.
    pub evidence: String,
}

/// A statement with its outcome in compat and in corrected mode.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Compared {
    /// Name of the statement.
    pub id: &'static str,
    /// Figure of the paper.
    pub figure: u8,
    /// What it says.
    pub text: &'static str,
    /// When it holds, in numbers.
    pub criterion: &'static str,
    /// The network.
    pub network: String,
    /// With the reference's arithmetic; `None` where the network was not run so.
    pub compat: Option<Judged>,
    /// With the corrected arithmetic; `None` where the network was not run so.
    pub corrected: Option<Judged>,
}

/// Puts the statements of both modes side by side, by network, then in the paper's order. Either may be empty.
#[must_use]
pub fn compare(compat: &[Statement], corrected: &[Statement]) -> Vec<Compared> {
    let mut table: Vec<Compared> = Vec::new();
    for (is_compat, statement) in compat
        .iter()
        .map(|statement| (true, statement))
        .chain(corrected.iter().map(|statement| (false, statement)))
    {
        let judged = Judged {
            finding: statement.finding,
            evidence: statement.evidence.clone(),
        };
        let known = table
            .iter()
            .position(|row| row.id == statement.id && row.network == statement.network);
        let position = known.unwrap_or_else(|| {
            table.push(empty(statement));
            table.len() - 1
        });
        let side = if is_compat {
            &mut table[position].compat
        } else {
            &mut table[position].corrected
        };
        *side = Some(judged);
    }
    // Stable, so the paper's order stays within a network.
    table.sort_by(|a, b| a.network.cmp(&b.network));
    table
}

fn empty(statement: &Statement) -> Compared {
    Compared {
        id: statement.id,
        figure: statement.figure,
        text: statement.text,
        criterion: statement.criterion,
        network: statement.network.clone(),
        compat: None,
        corrected: None,
    }
}
