//! What is not a whole table of the kind that was asked for is refused, with what is wrong.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use bytes::Bytes as Buffer;
use fogline_core::model::{BadInput, Seconds};
use fogline_core::record::{JobRow, NodeRow, SeedRow, StepsGroup};
use fogline_report::table::{CsvReader, CsvWriter, ParquetReader, ParquetWriter, Row, StepsRow, join_steps};
use proptest::prelude::*;

fn seeds() -> Vec<SeedRow> {
    let row = |seed: u32| {
        let mut row = SeedRow::sample();
        row.condition.network = "iiot".to_owned();
        row.replication.seed = u64::from(seed);
        row.jobs = 100;
        row.total.processing = Seconds(f64::from(seed) / 3.0);
        row.by_steps = (2..seed % 9)
            .map(|steps| StepsGroup {
                steps,
                ..StepsRow::sample().group
            })
            .collect();
        row
    };
    (0..40).map(row).collect()
}

fn parquet<R: Row>(rows: &[R]) -> Vec<u8> {
    let mut writer = ParquetWriter::new(Vec::new(), "about").unwrap();
    writer.write(rows).unwrap();
    writer.finish().unwrap()
}

fn read<R: Row>(bytes: Vec<u8>) -> Result<Vec<R>, BadInput> {
    ParquetReader::new(Buffer::from(bytes), "x.parquet")?.read_all()
}

#[test]
fn a_cut_file_is_refused_wherever_it_is_cut() {
    let whole = parquet(&seeds());
    for length in 0..whole.len() {
        let cut = read::<SeedRow>(whole[..length].to_vec());
        assert!(cut.is_err(), "cut to {length} of {} bytes", whole.len());
    }
}

#[test]
fn another_table_is_refused_by_name() {
    let error = read::<SeedRow>(parquet::<NodeRow>(&[])).unwrap_err();
    assert_eq!(
        error.to_string(),
        "x.parquet: holds table \"nodes\", expected \"seeds\"\nhint: give the other file of the same run"
    );
}

#[test]
fn a_missing_file_is_refused_by_name() {
    let error = ParquetReader::<SeedRow>::open("/nowhere/seeds.parquet".as_ref())
        .err()
        .unwrap();
    assert!(
        error
            .to_string()
            .starts_with("/nowhere/seeds.parquet: cannot be opened"),
        "{error}"
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn a_changed_byte_is_refused_or_harmless(at in any::<prop::sample::Index>(), flip in 1_u8..) {
        let rows = seeds();
        let mut bytes = parquet(&rows);
        let at = at.index(bytes.len());
        bytes[at] ^= flip;
        if let Ok(back) = read::<SeedRow>(bytes) {
            prop_assert_eq!(back, rows);
        }
    }

    #[test]
    fn any_bytes_are_refused(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        prop_assert!(read::<SeedRow>(bytes.clone()).is_err());
        prop_assert!(CsvReader::<SeedRow, _>::new(&bytes[..], "x.csv").is_err());
    }
}

fn csv_error(change: impl FnOnce(String) -> Vec<u8>) -> String {
    let mut writer = CsvWriter::new(Vec::new()).unwrap();
    writer.write(&[JobRow::sample(), JobRow::sample()]).unwrap();
    let text = String::from_utf8(writer.finish().unwrap()).unwrap();
    let changed = change(text);
    let error = match CsvReader::<JobRow, _>::new(&changed[..], "jobs.csv") {
        Err(error) => error,
        Ok(rows) => rows
            .map(Result::err)
            .find_map(|error| error)
            .expect("there is an error"),
    };
    error.to_string()
}

#[test]
fn csv_faults_are_named_with_their_place() {
    let hint = "\nhint: give the CSV file of table \"jobs\" as fogline wrote it";
    let again = "\nhint: write the file again";
    let cases = [
        (
            csv_error(|_| Vec::new()),
            "jobs.csv:1:1: column 1 is \"\", expected \"network\"",
            hint,
        ),
        (
            csv_error(|text| text.replace("pool_job", "pool").into_bytes()),
            "jobs.csv:1:8: column 8 is \"pool\", expected \"pool_job\"",
            hint,
        ),
        (
            csv_error(|text| text.replacen(",external,0", ",external,-1", 2).into_bytes()),
            "jobs.csv:2:5: field topology is \"-1\": expected a whole number up to 4294967295",
            hint,
        ),
        (
            csv_error(|text| text.replacen("0.0", "fast", 1).into_bytes()),
            "jobs.csv:2:11: field processing_s is \"fast\": expected a number",
            hint,
        ),
        (
            csv_error(|text| text.trim_end_matches(",0\n").to_owned().into_bytes()),
            "jobs.csv:3:15: the line has 14 fields, expected 15",
            again,
        ),
        (
            csv_error(|text| [text.as_bytes(), b"\xff,0"].concat()),
            "jobs.csv:4:3: the line has 2 fields, expected 15",
            again,
        ),
    ];
    for (found, expected, hint) in cases {
        assert_eq!(found, format!("{expected}{hint}"));
    }
}

#[test]
fn an_endless_line_is_refused() {
    let endless = [b"network\"\n".repeat(1 << 18), b"\"".repeat(1 << 22)];
    for bytes in endless {
        let error = csv_error(|header| [header.as_bytes(), b"\"", &bytes[..]].concat());
        assert!(error.contains("line"), "{error}");
    }
    let error = CsvReader::<JobRow, _>::new(std::io::repeat(b'a'), "jobs.csv")
        .err()
        .unwrap();
    assert!(error.to_string().contains("longer than 1048576 bytes"), "{error}");
}

#[test]
fn groups_of_no_row_are_refused() {
    let mut stray = StepsRow::sample();
    stray.replication.seed = 99;
    let error = join_steps(&mut seeds(), [stray]).unwrap_err();
    assert!(error.contains("seed 99, of which there is no row"), "{error}");
}
