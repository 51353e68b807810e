//! Prepares an argument from the client's input, of any size.

use figure3_payload::{ARGUMENT, digest, expand};
use fogline::Error;

fn f1(input: Vec<u8>) -> Result<Vec<u8>, Error> {
    Ok(expand(digest(&[&input]), ARGUMENT))
}

fogline::function!(f1);
