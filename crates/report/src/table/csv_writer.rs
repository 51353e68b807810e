//! Rows to CSV.

use std::io::{self, Write};
use std::marker::PhantomData;

use fogline_core::record::StepsGroup;

use super::row::{Row, Sink};
use super::schema::flat_columns;

/// Writes rows to CSV: a header, then a line per row. Floats are written in the shortest form that reads back
/// to the same number.
///
/// [`fogline_core::record::SeedRow::by_steps`] is left out; it makes a table of its own (see
/// [`super::split_steps`]).
pub struct CsvWriter<R, W: Write> {
    writer: csv::Writer<W>,
    record: Record,
    row: PhantomData<fn(R)>,
}

impl<R: Row, W: Write> CsvWriter<R, W> {
    /// Begins a file.
    ///
    /// # Errors
    /// When the sink refuses.
    pub fn new(sink: W) -> io::Result<Self> {
        let mut writer = csv::Writer::from_writer(sink);
        writer.write_record(flat_columns::<R>())?;
        Ok(Self {
            writer,
            record: Record::default(),
            row: PhantomData,
        })
    }

    /// Adds rows.
    ///
    /// # Errors
    /// When the sink refuses.
    pub fn write(&mut self, rows: &[R]) -> io::Result<()> {
        for row in rows {
            self.record.0.clear();
            row.put(&mut self.record);
            self.writer.write_byte_record(&self.record.0)?;
        }
        Ok(())
    }

    /// Ends the file and gives the sink back.
    ///
    /// # Errors
    /// When the sink refuses.
    pub fn finish(self) -> io::Result<W> {
        self.writer.into_inner().map_err(csv::IntoInnerError::into_error)
    }
}

#[derive(Default)]
struct Record(csv::ByteRecord);

impl Sink for Record {
    fn text(&mut self, _: &'static str, value: &str) {
        self.0.push_field(value.as_bytes());
    }
    fn small(&mut self, _: &'static str, value: u32) {
        self.0.push_field(value.to_string().as_bytes());
    }
    fn whole(&mut self, _: &'static str, value: u64) {
        self.0.push_field(value.to_string().as_bytes());
    }
    fn float(&mut self, _: &'static str, value: f64) {
        // Unlike `Display`, `Debug` has exponents: 1e-300 is six characters.
        self.0.push_field(format!("{value:?}").as_bytes());
    }
    fn groups(&mut self, _: &[StepsGroup]) {}
}
