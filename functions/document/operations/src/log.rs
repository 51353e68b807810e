//! Operations as they are kept: a line of JSON each, so that one more is appended without reading the others.

use std::collections::BTreeSet;

use fogline::Error;

use crate::{Id, Operation};

/// An operation as a line.
///
/// # Errors
/// [`Error::Failed`] when it cannot be written, which no operation gives cause for.
pub fn line(operation: &Operation) -> Result<Vec<u8>, Error> {
    let mut line = serde_json::to_vec(operation)?;
    line.push(b'\n');
    Ok(line)
}

/// The operations of lines.
///
/// # Errors
/// [`Error::Failed`] when a line is none.
pub fn parse(lines: &[u8]) -> Result<Vec<Operation>, Error> {
    let lines = lines.split(|&byte| byte == b'\n').filter(|line| !line.is_empty());
    Ok(lines.map(serde_json::from_slice).collect::<Result<_, _>>()?)
}

/// Those of `theirs` that `ours` lacks, each once, in their order.
#[must_use]
pub fn missing(ours: &[Operation], theirs: Vec<Operation>) -> Vec<Operation> {
    let mut known: BTreeSet<Id> = ours.iter().map(|operation| operation.id.clone()).collect();
    theirs
        .into_iter()
        .filter(|operation| known.insert(operation.id.clone()))
        .collect()
}
