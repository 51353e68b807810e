//! The bytes of records: what a release has written is read for ever.

use std::time::Duration;

use data_encoding::HEXLOWER;
use fogline_core::lease::{BadLease, LeaseRecord, decode, encode};
use fogline_core::model::Incarnation;
use proptest::prelude::*;

/// What format 1 wrote for [`record`].
const FORMAT_1: &str = "01070707070707070707070707070707\
                        07ac02008090bcfd0201";

fn record() -> LeaseRecord {
    LeaseRecord {
        incarnation: Incarnation([7; 16]),
        counter: 300,
        term: Duration::from_millis(800),
        alive: true,
    }
}

#[test]
fn the_bytes_of_format_1_stay_what_they_are() {
    assert_eq!(HEXLOWER.encode(&encode(&record())), FORMAT_1);
    let bytes = HEXLOWER.decode(FORMAT_1.as_bytes()).unwrap();
    assert_eq!(decode(&bytes), Ok(record()));
}

#[test]
fn a_newer_format_and_damage_are_told_apart() {
    let mut newer = encode(&record());
    newer[0] = 2;
    assert_eq!(decode(&newer), Err(BadLease::Format(2)));
    let bytes = encode(&record());
    for cut in 0..bytes.len() {
        assert!(
            matches!(decode(&bytes[..cut]), Err(BadLease::Damaged(_))),
            "{cut}"
        );
    }
    let longer = [&bytes[..], &[0]].concat();
    assert!(matches!(decode(&longer), Err(BadLease::Damaged(_))));
}

proptest! {
    #[test]
    fn any_record_comes_back(life: [u8; 16], counter: u64, millis in 0..10_000_000u64, alive: bool) {
        let term = Duration::from_millis(millis);
        let record = LeaseRecord { incarnation: Incarnation(life), counter, term, alive };
        prop_assert_eq!(decode(&encode(&record)), Ok(record));
    }

    #[test]
    fn any_bytes_are_a_record_or_a_fault(bytes: Vec<u8>) {
        drop(decode(&bytes));
    }
}
