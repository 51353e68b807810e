//! What is said to somebody whose file cannot be read.

use std::fmt;

/// One thing wrong with one input file: where, what was expected, and what to do about it.
///
/// Lines and columns count from 1. The command ends with exit code 2 when it meets one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadInput {
    /// Path of the file, as the caller gave it.
    pub file: String,
    /// Line of the fault, when there is one.
    pub line: Option<u64>,
    /// Column of the fault, in characters or, for separated formats, the number of the field's first character.
    pub column: Option<u64>,
    /// What was expected and what was found, in one sentence.
    pub problem: String,
    /// What to do, in one sentence; shown behind `hint:`.
    pub hint: String,
}

impl BadInput {
    /// A fault of the whole file.
    pub fn whole(file: impl Into<String>, problem: impl Into<String>, hint: impl Into<String>) -> Self {
        Self {
            file: file.into(),
            line: None,
            column: None,
            problem: problem.into(),
            hint: hint.into(),
        }
    }

    /// A fault at a place in the file.
    pub fn at(
        file: impl Into<String>,
        line: u64,
        column: u64,
        problem: impl Into<String>,
        hint: impl Into<String>,
    ) -> Self {
        Self {
            line: Some(line),
            column: Some(column),
            ..Self::whole(file, problem, hint)
        }
    }
}

impl fmt::Display for BadInput {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.file)?;
        if let Some(line) = self.line {
            write!(f, ":{line}")?;
        }
        if let Some(column) = self.column {
            write!(f, ":{column}")?;
        }
        write!(f, ": {}", self.problem)?;
        if !self.hint.is_empty() {
            write!(f, "\nhint: {}", self.hint)?;
        }
        Ok(())
    }
}

impl std::error::Error for BadInput {}
