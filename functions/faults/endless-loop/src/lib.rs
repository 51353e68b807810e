//! Never ends.

use std::hint::black_box;

use fogline::Error;

fn fault(_: Vec<u8>) -> Result<Vec<u8>, Error> {
    let mut turns = 0_u64;
    loop {
        turns = black_box(turns.wrapping_add(1));
    }
}

fogline::function!(fault);
