//! Calls itself until its stack is full.

use std::hint::black_box;

use fogline::Error;

#[expect(unconditional_recursion, reason = "it is what this function is for")]
fn deeper(depth: u64) -> u64 {
    black_box(deeper(black_box(depth + 1))) + 1
}

fn fault(_: Vec<u8>) -> Result<Vec<u8>, Error> {
    Ok(deeper(0).to_le_bytes().to_vec())
}

fogline::function!(fault);
