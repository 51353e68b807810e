//! Rows to Parquet, a row group at a time.

use std::io::{self, Write};
use std::marker::PhantomData;
use std::sync::Arc;

use bytes::Bytes;
use fogline_core::record::StepsGroup;
use parquet::basic::Compression;
use parquet::data_type::ByteArray;
use parquet::errors::ParquetError;
use parquet::file::metadata::KeyValue;
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::types::ColumnPath;

use super::cells::{Cells, Values};
use super::checksum::Checksum;
use super::row::{Row, Sink};
use super::schema::{
    ABOUT_KEY, CHECKSUM_KEY, Column, Kind, LAYOUT, LAYOUT_KEY, TABLE_KEY, columns_of, schema,
};

/// Rows of a row group: what is held in memory before it is written.
const ROW_GROUP_ROWS: usize = 65_536;

/// Writes rows to a Parquet file: Snappy, strings by dictionary, a row group every 65,536 rows, so that
/// memory stays bounded whatever is written.
pub struct ParquetWriter<R, W: Write + Send> {
    writer: SerializedFileWriter<W>,
    columns: Columns,
    checksum: Checksum,
    row: PhantomData<fn(R)>,
}

impl<R: Row, W: Write + Send> ParquetWriter<R, W> {
    /// Begins a file that also carries `about`: any text, JSON by custom, that says where its rows come from.
    ///
    /// # Errors
    /// When the sink refuses.
    pub fn new(sink: W, about: &str) -> io::Result<Self> {
        let columns = columns_of::<R>();
        let schema = schema(&columns).map_err(to_io)?;
        let properties = Arc::new(properties::<R>(&columns, about));
        Ok(Self {
            writer: SerializedFileWriter::new(sink, schema, properties).map_err(to_io)?,
            columns: Columns::of(&columns),
            checksum: Checksum::default(),
            row: PhantomData,
        })
    }

    /// Adds rows.
    ///
    /// # Errors
    /// When the sink refuses.
    pub fn write(&mut self, rows: &[R]) -> io::Result<()> {
        for row in rows {
            self.columns.next = 0;
            row.put(&mut self.columns);
            row.put(&mut self.checksum);
            self.columns.rows += 1;
            if self.columns.rows == ROW_GROUP_ROWS {
                self.flush().map_err(to_io)?;
            }
        }
        Ok(())
    }

    /// Ends the file and gives the sink back. A file that is not finished cannot be read.
    ///
    /// # Errors
    /// When the sink refuses.
    pub fn finish(mut self) -> io::Result<W> {
        self.flush().map_err(to_io)?;
        let checksum = KeyValue::new(CHECKSUM_KEY.to_owned(), self.checksum.hex());
        self.writer.append_key_value_metadata(checksum);
        self.writer.into_inner().map_err(to_io)
    }

    fn flush(&mut self) -> Result<(), ParquetError> {
        if self.columns.rows == 0 {
            return Ok(());
        }
        let mut group = self.writer.next_row_group()?;
        for cells in &mut self.columns.cells {
            if let Some(mut column) = group.next_column()? {
                cells.write(&mut column)?;
                column.close()?;
            }
        }
        group.close()?;
        self.columns.rows = 0;
        Ok(())
    }
}

fn properties<R: Row>(columns: &[Column], about: &str) -> WriterProperties {
    let said = [(TABLE_KEY, R::TABLE), (LAYOUT_KEY, LAYOUT), (ABOUT_KEY, about)];
    let metadata = said.map(|(key, value)| KeyValue::new(key.to_owned(), value.to_owned()));
    let mut properties = WriterProperties::builder()
        .set_compression(Compression::SNAPPY)
        .set_max_row_group_row_count(Some(ROW_GROUP_ROWS))
        .set_created_by("fogline".to_owned())
        .set_statistics_enabled(EnabledStatistics::Chunk)
        .set_offset_index_disabled(true)
        .set_key_value_metadata(Some(metadata.to_vec()));
    for column in columns {
        // Measurements hardly ever repeat: a dictionary of them is built in vain.
        if column.kind == Kind::Float && !column.many {
            let path = ColumnPath::from(column.name);
            properties = properties.set_column_dictionary_enabled(path, false);
        }
    }
    properties.build()
}

fn to_io(error: ParquetError) -> io::Error {
    match error {
        ParquetError::External(source) => match source.downcast::<io::Error>() {
            Ok(source) => *source,
            Err(source) => io::Error::other(source),
        },
        error => io::Error::other(error),
    }
}

/// A row group in the making.
struct Columns {
    cells: Vec<Cells>,
    /// Column of the next cell.
    next: usize,
    /// Whole rows taken.
    rows: usize,
}

impl Columns {
    fn of(columns: &[Column]) -> Self {
        Self {
            cells: columns.iter().map(Cells::of).collect(),
            next: 0,
            rows: 0,
        }
    }

    fn column(&mut self) -> &mut Cells {
        self.next += 1;
        &mut self.cells[self.next - 1]
    }
}

impl Sink for Columns {
    fn text(&mut self, _: &'static str, value: &str) {
        if let Values::Text(values) = &mut self.column().values {
            let last = values.last().filter(|last| last.data() == value.as_bytes());
            let value = match last {
                Some(same) => same.clone(),
                None => ByteArray::from(Bytes::copy_from_slice(value.as_bytes())),
            };
            values.push(value);
        }
    }
    fn small(&mut self, _: &'static str, value: u32) {
        if let Values::Small(values) = &mut self.column().values {
            values.push(value.cast_signed());
        }
    }
    fn whole(&mut self, _: &'static str, value: u64) {
        if let Values::Whole(values) = &mut self.column().values {
            values.push(value.cast_signed());
        }
    }
    fn float(&mut self, _: &'static str, value: f64) {
        if let Values::Float(values) = &mut self.column().values {
            values.push(value);
        }
    }
    fn groups(&mut self, groups: &[StepsGroup]) {
        let cells = self.column();
        if let Values::Small(values) = &mut cells.values {
            values.extend(groups.iter().map(|group| group.steps.cast_signed()));
        }
        cells.end_list(groups.len());
        self.wholes(groups, |group| group.jobs);
        self.floats(groups, |group| group.total.processing.0);
        self.floats(groups, |group| group.total.arguments.0);
        self.floats(groups, |group| group.total.states.0);
        self.wholes(groups, |group| group.total.argument_traffic.0);
        self.wholes(groups, |group| group.total.state_traffic.0);
    }
}

impl Columns {
    fn wholes(&mut self, groups: &[StepsGroup], of: fn(&StepsGroup) -> u64) {
        let cells = self.column();
        if let Values::Whole(values) = &mut cells.values {
            values.extend(groups.iter().map(|group| of(group).cast_signed()));
        }
        cells.end_list(groups.len());
    }

    fn floats(&mut self, groups: &[StepsGroup], of: fn(&StepsGroup) -> f64) {
        let cells = self.column();
        if let Values::Float(values) = &mut cells.values {
            values.extend(groups.iter().map(of));
        }
        cells.end_list(groups.len());
    }
}
