//! No text makes the reader of networks in JSON fail otherwise than with an answer; and what it reads can be
//! written and read again, the same.
#![no_main]

use fogline_workload::network::native::{self, Notation};

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let Ok(network) = native::parse(data, Notation::Json, "fuzz.json") else {
        return;
    };
    let Ok(written) = native::write(&network, Notation::Json) else {
        return;
    };
    let again = native::parse(written.as_bytes(), Notation::Json, "again.json");
    assert_eq!(again.as_ref(), Ok(&network));
});
