//! Panics, with its input as the message.

use fogline::Error;

#[expect(clippy::panic, reason = "it is what this function is for")]
fn fault(input: Vec<u8>) -> Result<Vec<u8>, Error> {
    panic!("{}", String::from_utf8_lossy(&input));
}

fogline::function!(fault);
