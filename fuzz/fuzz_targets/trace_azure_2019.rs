//! No two files make the reader of the Azure Functions trace of 2019 fail otherwise than with an answer; and
//! every job that it reads becomes a workflow or is refused.
#![no_main]

#[path = "../src/workflows.rs"]
mod workflows;

use fogline_workload::trace::{Window, azure};

/// Minutes of a day, each a column.
const MINUTES: usize = 1440;

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    // What the fuzzer makes up are records; the header of 1,440 columns it would hardly find.
    let (invocations, durations) = match data.iter().position(|byte| *byte == b'%') {
        Some(at) => (&data[..at], &data[at + 1..]),
        None => (data, data),
    };
    let minutes: String = (1..=MINUTES).map(|minute| format!(",{minute}")).collect();
    let mut first = format!("HashOwner,HashApp,HashFunction,Trigger{minutes}\n").into_bytes();
    for record in invocations.split(|byte| *byte == b'\n') {
        first.extend_from_slice(record);
        let fields = record.iter().filter(|byte| **byte == b',').count();
        first.extend((fields..MINUTES + 3).flat_map(|_| *b",0"));
        first.push(b'\n');
    }
    let second = [
        b"HashOwner,HashApp,HashFunction,Average,Count,Minimum,Maximum\n",
        durations,
    ];
    let second = second.concat();
    // One digit more in a count is ten times the tasks: keep to what a fuzzer can do thousands of times a second.
    let window = Window {
        most_tasks: 10_000,
        ..Window::default()
    };
    if let Ok(trace) = azure::parse_2019((&first[..], "i.csv"), (&second[..], "d.csv"), &window) {
        workflows::of(&trace);
    }
});
