//! No text makes the reader of scenarios fail otherwise than with an answer.
#![no_main]

use fogline_manifest::Source;
use fogline_manifest::scenario::Scenario;

libfuzzer_sys::fuzz_target!(|text: &str| {
    let source = Source {
        name: "fuzz.toml".to_owned(),
        text: text.to_owned(),
    };
    let _ = Scenario::parse(&source);
});
