//! Takes memory until there is none left.

use std::hint::black_box;

use fogline::Error;

fn fault(_: Vec<u8>) -> Result<Vec<u8>, Error> {
    let mut held = Vec::new();
    loop {
        held.push(black_box(vec![1_u8; 1 << 20]));
    }
}

fogline::function!(fault);
