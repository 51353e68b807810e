//! Joins the outputs of `f1` and `f2` to the result.

use figure3_payload::{RESULT, digest, expand};
use fogline::{Error, inputs};

fn f3(input: Vec<u8>) -> Result<Vec<u8>, Error> {
    let parts = inputs(&input)?;
    if parts.len() != 2 {
        return Err(Error::invalid_input(format!(
            "expected 2 outputs to join, found {}",
            parts.len()
        )));
    }
    Ok(expand(digest(&parts), RESULT))
}

fogline::function!(f3);
