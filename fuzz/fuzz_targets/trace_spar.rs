//! No file makes the reader of Spår's traces fail otherwise than with an answer; and every job
//! that it reads becomes a workflow or is refused.
#![no_main]

#[path = "../src/workflows.rs"]
mod workflows;

use fogline_workload::trace::spar;

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    if let Ok(trace) = spar::parse(data, "fuzz.csv") {
        workflows::of(&trace);
    }
});
