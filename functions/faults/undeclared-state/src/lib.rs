//! Uses states that its manifest does not let it use: the input `read` reads `secret`, `write` writes
//! `shared`, and anything else ignores the refusal, sets `own`, and answers how often it was refused.

use fogline::{ByteState, Error};

const SECRET: ByteState = ByteState::new("secret");
const SHARED: ByteState = ByteState::new("shared");
const OWN: ByteState = ByteState::new("own");

fn fault(input: Vec<u8>) -> Result<Vec<u8>, Error> {
    match input.as_slice() {
        b"read" => Ok(SECRET.load()?.unwrap_or_default()),
        b"write" => {
            SHARED.store(b"changed")?;
            Ok(Vec::new())
        }
        _ => {
            let refused = [
                SECRET.load().is_err(),
                SHARED.store(b"changed").is_err(),
                SHARED.delete().is_err(),
            ];
            OWN.store(b"set")?;
            Ok(refused
                .iter()
                .filter(|&&refused| refused)
                .count()
                .to_string()
                .into_bytes())
        }
    }
}

fogline::function!(fault);
