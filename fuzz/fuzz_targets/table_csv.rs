//! No CSV makes the reader of tables fail otherwise than with an answer.
#![no_main]

use fogline_core::record::{JobRow, NodeRow, SeedRow, TaskRow};
use fogline_report::table::{CsvReader, Row};

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    read::<JobRow>(data);
    read::<TaskRow>(data);
    read::<NodeRow>(data);
    read::<SeedRow>(data);
});

fn read<R: Row>(data: &[u8]) {
    if let Ok(rows) = CsvReader::<R, _>::new(data, "fuzz.csv") {
        rows.take_while(Result::is_ok).for_each(drop);
    }
}
