//! Answers the document's text, and the operations that it follows from.

use document_operations::{Operation, parse, text};
use fogline::{ByteState, Error};
use serde::Serialize;

const OPERATIONS: ByteState = ByteState::new("operations");

#[derive(Serialize)]
struct Document {
    text: String,
    operations: Vec<Operation>,
}

fn get(_: ()) -> Result<Document, Error> {
    let operations = parse(&OPERATIONS.load()?.unwrap_or_default())?;
    Ok(Document {
        text: text(&operations),
        operations,
    })
}

fogline::json_function!(get);
