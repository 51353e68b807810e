//! Adds those operations of another replica that the document lacks, as after hours without a connection;
//! answers how many they were.

use document_operations::{Operation, line, missing, parse};
use fogline::{ByteState, Error};

const OPERATIONS: ByteState = ByteState::new("operations");

fn merge(theirs: Vec<Operation>) -> Result<usize, Error> {
    theirs.iter().try_for_each(Operation::check)?;
    let ours = parse(&OPERATIONS.load()?.unwrap_or_default())?;
    let missing = missing(&ours, theirs);
    let lines: Vec<Vec<u8>> = missing.iter().map(line).collect::<Result<_, _>>()?;
    if !lines.is_empty() {
        OPERATIONS.append(&lines.concat())?;
    }
    Ok(missing.len())
}

fogline::json_function!(merge);
