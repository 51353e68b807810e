//! Updates the state `s` with its input; its output follows from both.

use figure3_payload::{ARGUMENT, digest, expand, update};
use fogline::{ByteState, Error};

const S: ByteState = ByteState::new("s");

fn f2(input: Vec<u8>) -> Result<Vec<u8>, Error> {
    let state = update(S.load()?.as_deref(), &input);
    S.store(&state)?;
    Ok(expand(digest(&[&state, &input]), ARGUMENT))
}

fogline::function!(f2);
