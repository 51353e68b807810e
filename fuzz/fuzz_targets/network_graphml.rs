//! No `GraphML` makes its reader fail otherwise than with an answer.
#![no_main]

use fogline_workload::network::graphml;

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let _ = graphml::parse(data, "fuzz.graphml");
});
