//! The rows as files: flat tables as Parquet, for programs and for shards, and as CSV, for everything else.
//!
//! Every column is named once, in [`Row`]'s implementations; both formats, their readers and their checks
//! follow from there. The bytes of a file depend on its rows and on nothing else.

mod cells;
mod checksum;
mod csv_reader;
mod csv_writer;
mod parquet_reader;
mod parquet_writer;
mod row;
mod schema;
mod seed;
mod simple;

pub use csv_reader::CsvReader;
pub use csv_writer::CsvWriter;
pub use parquet_reader::ParquetReader;
pub use parquet_writer::ParquetWriter;
pub use row::Row;
pub use seed::{StepsRow, join_steps, split_steps};
