//! What is in a report.

use crate::figure::{Figure, FigureError};
use crate::paper::{Compared, Judged};

/// A report. Sections without content are left out.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ReportData {
    /// Title of the page.
    pub title: String,
    /// What was found, in a few sentences; a paragraph each.
    pub findings: Vec<String>,
    /// What was run: version, command, workload, scenario, seeds, in that order.
    pub run: Vec<Fact>,
    /// Every file that was read.
    pub inputs: Vec<InputFile>,
    /// The figures.
    pub figures: Vec<FigureBlock>,
    /// Who wins, by what, and how sure that is.
    pub winners: Vec<TableBlock>,
    /// The results in numbers.
    pub results: Vec<TableBlock>,
    /// The paper's statements.
    pub statements: Vec<StatementLine>,
    /// The switches in force.
    pub switches: Vec<Switch>,
    /// How to get the same again.
    pub rerun: Vec<Command>,
}

/// One thing to know about the run.
#[derive(Clone, Debug, PartialEq)]
pub struct Fact {
    /// Its name, as `workload`.
    pub name: String,
    /// What it was.
    pub value: String,
}

/// A file that was read.
#[derive(Clone, Debug, PartialEq)]
pub struct InputFile {
    /// Its path, as it was given.
    pub path: String,
    /// The SHA-256 of its bytes, in hexadecimal digits.
    pub sha256: String,
}

/// A picture.
#[derive(Clone, Debug, PartialEq)]
pub struct FigureBlock {
    /// Its title.
    pub title: String,
    /// What is seen, and what the intervals mean.
    pub caption: String,
    /// The picture, put into the page as it is: never text from outside.
    pub svg: String,
}

impl FigureBlock {
    /// Of a figure.
    ///
    /// # Errors
    /// When it cannot be drawn.
    pub fn of(figure: &Figure) -> Result<Self, FigureError> {
        Ok(Self {
            title: figure.title().to_owned(),
            caption: figure.caption.clone(),
            svg: figure.svg()?,
        })
    }
}

/// A table.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TableBlock {
    /// What it shows.
    pub title: String,
    /// What its cells mean.
    pub note: String,
    /// Heads of the columns. The columns in front name the row.
    pub heads: Vec<String>,
    /// How many columns name the row.
    pub keys: usize,
    /// The rows; each has as many cells as there are heads.
    pub rows: Vec<Vec<String>>,
}

/// A statement of the paper, held against one network.
#[derive(Clone, Debug, PartialEq)]
pub struct StatementLine {
    /// Figure of the paper.
    pub figure: u8,
    /// The network.
    pub network: String,
    /// What it says.
    pub text: String,
    /// When it holds, in numbers.
    pub criterion: String,
    /// What became of it with the reference's arithmetic.
    pub compat: Option<VerdictCell>,
    /// What became of it with the corrected arithmetic.
    pub corrected: Option<VerdictCell>,
}

/// An outcome and what it rests on.
#[derive(Clone, Debug, PartialEq)]
pub struct VerdictCell {
    /// `holds`, `loosely`, `no` or `not tested`.
    pub finding: String,
    /// The figures behind it.
    pub evidence: String,
}

impl StatementLine {
    /// Of a statement under both arithmetics.
    #[must_use]
    pub fn of(compared: &Compared) -> Self {
        let cell = |judged: &Judged| VerdictCell {
            finding: judged.finding.to_string(),
            evidence: judged.evidence.clone(),
        };
        Self {
            figure: compared.figure,
            network: compared.network.clone(),
            text: compared.text.to_owned(),
            criterion: compared.criterion.to_owned(),
            compat: compared.compat.as_ref().map(cell),
            corrected: compared.corrected.as_ref().map(cell),
        }
    }
}

/// A choice of the model.
#[derive(Clone, Debug, PartialEq)]
pub struct Switch {
    /// Its name in a scenario file.
    pub name: String,
    /// What it was set to.
    pub value: String,
    /// What that means.
    pub meaning: String,
}

/// A command to type.
#[derive(Clone, Debug, PartialEq)]
pub struct Command {
    /// What it is for.
    pub purpose: String,
    /// The line.
    pub line: String,
}
