//! No file makes the reader of the Azure Functions trace of 2021 fail otherwise than with an answer; and every job
//! that it reads becomes a workflow or is refused.
#![no_main]

#[path = "../src/workflows.rs"]
mod workflows;

use fogline_workload::trace::{Window, azure};

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    if let Ok(trace) = azure::parse_2021(data, "fuzz.csv", &Window::default()) {
        workflows::of(&trace);
    }
});
