//! Rows to Parquet, a batch at a time.

use std::io::{self, Write};
use std::marker::PhantomData;
use std::sync::Arc;

use arrow_array::builder::{
    ArrayBuilder, Float64Builder, ListBuilder, StringBuilder, UInt32Builder, UInt64Builder,
};
use arrow_array::{ArrayRef, RecordBatch};
use arrow_schema::{DataType, Schema};
use fogline_core::record::StepsGroup;
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_writer::ArrowWriterOptions;
use parquet::basic::Compression;
use parquet::errors::ParquetError;
use parquet::file::metadata::KeyValue;
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use parquet::schema::types::ColumnPath;

use super::checksum::Checksum;
use super::row::{Row, Sink};
use super::schema::{ABOUT_KEY, CHECKSUM_KEY, LAYOUT, LAYOUT_KEY, TABLE_KEY, element, schema_of};

/// Rows of a row group: what is held in memory, encoded, before it is written.
const ROW_GROUP_ROWS: usize = 65_536;
/// Rows that are turned into columns at a time.
const BATCH_ROWS: usize = 4_096;

/// Writes rows to a Parquet file: Snappy, strings by dictionary, a row group every 65,536 rows, so that
/// memory stays bounded whatever is written.
pub struct ParquetWriter<R, W: Write + Send> {
    writer: ArrowWriter<W>,
    schema: Arc<Schema>,
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
        let schema = Arc::new(schema_of::<R>());
        // The Arrow schema, embedded, would only repeat the Parquet one.
        let options = ArrowWriterOptions::new()
            .with_properties(properties::<R>(&schema, about))
            .with_skip_arrow_metadata(true);
        let writer = ArrowWriter::try_new_with_options(sink, Arc::clone(&schema), options).map_err(to_io)?;
        let columns = Columns::new(&schema);
        Ok(Self {
            writer,
            schema,
            columns,
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
            if self.columns.rows == BATCH_ROWS {
                self.flush()?;
            }
        }
        Ok(())
    }

    /// Ends the file and gives the sink back. A file that is not finished cannot be read.
    ///
    /// # Errors
    /// When the sink refuses.
    pub fn finish(mut self) -> io::Result<W> {
        self.flush()?;
        let checksum = KeyValue::new(CHECKSUM_KEY.to_owned(), self.checksum.hex());
        self.writer.append_key_value_metadata(checksum);
        self.writer.into_inner().map_err(to_io)
    }

    fn flush(&mut self) -> io::Result<()> {
        if self.columns.rows == 0 {
            return Ok(());
        }
        let batch =
            RecordBatch::try_new(Arc::clone(&self.schema), self.columns.take()).map_err(io::Error::other)?;
        self.writer.write(&batch).map_err(to_io)
    }
}

fn properties<R: Row>(schema: &Schema, about: &str) -> WriterProperties {
    let said = [(TABLE_KEY, R::TABLE), (LAYOUT_KEY, LAYOUT), (ABOUT_KEY, about)];
    let metadata = said.map(|(key, value)| KeyValue::new(key.to_owned(), value.to_owned()));
    let mut properties = WriterProperties::builder()
        .set_compression(Compression::SNAPPY)
        .set_max_row_group_row_count(Some(ROW_GROUP_ROWS))
        .set_created_by("fogline".to_owned())
        .set_statistics_enabled(EnabledStatistics::Chunk)
        .set_offset_index_disabled(true)
        .set_key_value_metadata(Some(metadata.to_vec()));
    for field in schema.fields() {
        // Measurements hardly ever repeat: a dictionary of them is built in vain.
        if *field.data_type() == DataType::Float64 {
            let path = ColumnPath::from(field.name().as_str());
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

/// A batch in the making.
struct Columns {
    builders: Vec<Box<dyn ArrayBuilder>>,
    /// Column of the next cell.
    next: usize,
    /// Whole rows taken.
    rows: usize,
}

impl Columns {
    fn new(schema: &Schema) -> Self {
        let builders = schema.fields().iter().map(|field| builder(field.data_type()));
        Self {
            builders: builders.collect(),
            next: 0,
            rows: 0,
        }
    }

    fn take(&mut self) -> Vec<ArrayRef> {
        self.rows = 0;
        self.builders.iter_mut().map(|builder| builder.finish()).collect()
    }

    fn column<B: ArrayBuilder>(&mut self) -> &mut B {
        let builder = self.builders[self.next].as_any_mut().downcast_mut::<B>();
        self.next += 1;
        builder.expect("the schema was made by the calls that fill it")
    }
}

fn builder(kind: &DataType) -> Box<dyn ArrayBuilder> {
    match kind {
        DataType::UInt32 => Box::new(UInt32Builder::new()),
        DataType::UInt64 => Box::new(UInt64Builder::new()),
        DataType::Float64 => Box::new(Float64Builder::new()),
        DataType::List(items) => match items.data_type() {
            DataType::UInt32 => Box::new(list(UInt32Builder::new(), DataType::UInt32)),
            DataType::UInt64 => Box::new(list(UInt64Builder::new(), DataType::UInt64)),
            _ => Box::new(list(Float64Builder::new(), DataType::Float64)),
        },
        _ => Box::new(StringBuilder::new()),
    }
}

fn list<B: ArrayBuilder>(items: B, kind: DataType) -> ListBuilder<B> {
    ListBuilder::new(items).with_field(element(kind))
}

impl Sink for Columns {
    fn text(&mut self, _: &'static str, value: &str) {
        self.column::<StringBuilder>().append_value(value);
    }
    fn small(&mut self, _: &'static str, value: u32) {
        self.column::<UInt32Builder>().append_value(value);
    }
    fn whole(&mut self, _: &'static str, value: u64) {
        self.column::<UInt64Builder>().append_value(value);
    }
    fn float(&mut self, _: &'static str, value: f64) {
        self.column::<Float64Builder>().append_value(value);
    }
    fn groups(&mut self, groups: &[StepsGroup]) {
        let steps = self.column::<ListBuilder<UInt32Builder>>();
        steps.append_value(groups.iter().map(|group| Some(group.steps)));
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
        let column = self.column::<ListBuilder<UInt64Builder>>();
        column.append_value(groups.iter().map(|group| Some(of(group))));
    }

    fn floats(&mut self, groups: &[StepsGroup], of: fn(&StepsGroup) -> f64) {
        let column = self.column::<ListBuilder<Float64Builder>>();
        column.append_value(groups.iter().map(|group| Some(of(group))));
    }
}
