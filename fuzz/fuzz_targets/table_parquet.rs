//! No Parquet file makes the reader of shards fail otherwise than with an answer.
#![no_main]

use bytes::Bytes;
use fogline_core::record::{JobRow, NodeRow, SeedRow, TaskRow};
use fogline_report::table::{ParquetReader, Row};

libfuzzer_sys::fuzz_target!(
    init: {
        // The Parquet crate panics on some damaged files, and the reader turns that into an answer; libFuzzer's
        // hook would end the process first. A panic that nobody catches ends it all the same.
        std::panic::set_hook(Box::new(|_| {}));
    },
    |data: &[u8]| {
        let data = Bytes::copy_from_slice(data);
        read::<JobRow>(&data);
        read::<TaskRow>(&data);
        read::<NodeRow>(&data);
        read::<SeedRow>(&data);
    }
);

fn read<R: Row>(data: &Bytes) {
    if let Ok(rows) = ParquetReader::<R>::new(data.clone(), "fuzz.parquet") {
        rows.take_while(Result::is_ok).for_each(drop);
    }
}
