//! No text makes the reader of networks in TOML fail otherwise than with an answer; and what it reads can be
//! written and read again, the same.
#![no_main]

use fogline_workload::network::native::{self, Notation};

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let Ok(network) = native::parse(data, Notation::Toml, "fuzz.toml") else {
        return;
    };
    let Ok(written) = native::write(&network, Notation::Toml) else {
        return;
    };
    let again = native::parse(written.as_bytes(), Notation::Toml, "again.toml");
    assert_eq!(again.as_ref(), Ok(&network));
});
