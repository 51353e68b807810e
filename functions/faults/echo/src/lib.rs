//! Answers its input.

use fogline::Error;

fn echo(input: Vec<u8>) -> Result<Vec<u8>, Error> {
    Ok(input)
}

fogline::function!(echo);
