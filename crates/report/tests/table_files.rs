//! Tables as files that other programs can open.

mod synthetic;

use std::fs::File;
use std::path::Path;

use fogline_core::model::ExecutionModel;
use fogline_core::record::SeedRow;
use fogline_report::table::{
    CsvReader, CsvWriter, ParquetReader, ParquetWriter, StepsRow, join_steps, split_steps,
};

/// Writes both formats of a run's replications to target/tmp and reads them back. Other programs were held
/// against the same files: see the documentation of the outputs.
#[test]
fn seeds_come_back_from_files_of_either_format() {
    let rows = synthetic::rows(&["iiot"], &ExecutionModel::PAPER, &[100, 500], 20);
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let parquet = folder.join("seeds.parquet");
    let mut writer = ParquetWriter::new(File::create(&parquet).unwrap(), "{\"shard\":\"1/1\"}").unwrap();
    writer.write(&rows).unwrap();
    writer.finish().unwrap();
    let reader = ParquetReader::<SeedRow>::open(&parquet).unwrap();
    assert_eq!(reader.about(), "{\"shard\":\"1/1\"}");
    assert_eq!(reader.read_all().unwrap(), rows);

    let (seeds, steps) = (folder.join("seeds.csv"), folder.join("steps.csv"));
    let mut writer = CsvWriter::new(File::create(&seeds).unwrap()).unwrap();
    writer.write(&rows).unwrap();
    writer.finish().unwrap();
    let mut writer = CsvWriter::new(File::create(&steps).unwrap()).unwrap();
    writer.write(&split_steps(&rows).collect::<Vec<_>>()).unwrap();
    writer.finish().unwrap();
    let seed_rows = CsvReader::<SeedRow, _>::new(File::open(&seeds).unwrap(), "seeds.csv").unwrap();
    let steps_rows = CsvReader::<StepsRow, _>::new(File::open(&steps).unwrap(), "steps.csv").unwrap();
    let mut back: Vec<SeedRow> = seed_rows.map(Result::unwrap).collect();
    join_steps(&mut back, steps_rows.map(Result::unwrap)).unwrap();
    assert_eq!(back, rows);
}
