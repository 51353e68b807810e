//! Adds an author's operation to the document, without reading the others; answers the size of all, in bytes.

use document_operations::{Operation, line};
use fogline::{ByteState, Error};

const OPERATIONS: ByteState = ByteState::new("operations");

fn append(operation: Operation) -> Result<u64, Error> {
    operation.check()?;
    OPERATIONS.append(&line(&operation)?)?;
    Ok(OPERATIONS.size()?.unwrap_or(0))
}

fogline::json_function!(append);
