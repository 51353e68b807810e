//! No file makes the reader of the Alibaba trace of 2018 fail otherwise than with an answer; and every job
//! that it reads becomes a workflow or is refused.
#![no_main]

#[path = "../src/workflows.rs"]
mod workflows;

use fogline_workload::trace::{Window, alibaba};

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    if let Ok(trace) = alibaba::parse(data, "fuzz.csv", &Window::default()) {
        workflows::of(&trace);
    }
});
