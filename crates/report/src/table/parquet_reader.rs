//! Rows from Parquet, checked to be of the table that is asked for, and whole.

use std::any::Any;
use std::fs::File;
use std::marker::PhantomData;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use arrow_array::cast::AsArray;
use arrow_array::types::{ArrowPrimitiveType, Float64Type, UInt32Type, UInt64Type};
use arrow_array::{Array, ArrayRef, RecordBatch};
use arrow_schema::Schema;
use fogline_core::model::{BadInput, Bytes, Seconds};
use fogline_core::record::{Spent, StepsGroup};
use parquet::arrow::arrow_reader::{
    ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder,
};
use parquet::file::reader::ChunkReader;

use super::checksum::Checksum;
use super::row::{Row, Source};
use super::schema::{ABOUT_KEY, CHECKSUM_KEY, LAYOUT, LAYOUT_KEY, TABLE_KEY, schema_of};

/// Rows that are decoded at a time.
const BATCH_ROWS: usize = 4_096;

/// Reads rows that [`super::ParquetWriter`] wrote, batch by batch.
///
/// The checksum of the rows is compared after the last, so that what was read can only be trusted once the
/// iterator has ended. After the first error there is nothing more.
pub struct ParquetReader<R> {
    file: String,
    about: String,
    /// Rows that the file claims to hold.
    rows: u64,
    /// Checksum of all rows, as the file claims.
    claimed: String,
    /// Checksum of the rows so far.
    checksum: Checksum,
    batches: Option<ParquetRecordBatchReader>,
    row: PhantomData<fn() -> R>,
}

impl<R: Row> ParquetReader<R> {
    /// Opens a file.
    ///
    /// # Errors
    /// When it cannot be opened, is no Parquet file, is cut, or holds another table.
    pub fn open(path: &Path) -> Result<Self, BadInput> {
        let name = path.display().to_string();
        let file = File::open(path).map_err(|error| {
            let hint = "check the path and its permissions";
            BadInput::whole(&name, format!("cannot be opened: {error}"), hint)
        })?;
        Self::new(file, &name)
    }

    /// Reads from anything that can be read at random; `file` is its name in errors.
    ///
    /// # Errors
    /// When it is no Parquet file, is cut, or holds another table.
    pub fn new<T: ChunkReader + 'static>(source: T, file: &str) -> Result<Self, BadInput> {
        let options = ArrowReaderOptions::new().with_skip_arrow_metadata(true);
        let metadata = guarded(|| ArrowReaderMetadata::load(&source, options)).map_err(|problem| {
            let hint = "a file that was cut, or is still being written, has no end: write it again";
            BadInput::whole(file, format!("is not a whole Parquet file: {problem}"), hint)
        })?;
        let said = said::<R>(&metadata, file)?;
        check_schema::<R>(metadata.schema(), file)?;
        let rows = metadata.metadata().file_metadata().num_rows();
        let batches = guarded(|| {
            ParquetRecordBatchReaderBuilder::new_with_metadata(source, metadata)
                .with_batch_size(BATCH_ROWS)
                .build()
        });
        Ok(Self {
            file: file.to_owned(),
            about: said.about,
            claimed: said.checksum,
            checksum: Checksum::default(),
            rows: u64::try_from(rows).map_err(|_| damaged(file, "it claims a negative number of rows"))?,
            batches: Some(batches.map_err(|problem| damaged(file, &problem))?),
            row: PhantomData,
        })
    }

    /// What the writer was told to keep.
    #[must_use]
    pub fn about(&self) -> &str {
        &self.about
    }

    /// How many rows the file says it holds.
    #[must_use]
    pub fn rows(&self) -> u64 {
        self.rows
    }

    /// Reads all rows that are left.
    ///
    /// # Errors
    /// When the file is damaged.
    pub fn read_all(self) -> Result<Vec<R>, BadInput> {
        let mut rows = Vec::new();
        for batch in self {
            rows.extend(batch?);
        }
        Ok(rows)
    }

    fn advance(&mut self, batches: &mut ParquetRecordBatchReader) -> Result<Option<Vec<R>>, BadInput> {
        let batch =
            guarded(|| batches.next().transpose()).map_err(|problem| damaged(&self.file, &problem))?;
        let Some(batch) = batch else {
            let found = std::mem::take(&mut self.checksum).hex();
            return if found == self.claimed {
                Ok(None)
            } else {
                Err(damaged(&self.file, "its rows are not those that were written"))
            };
        };
        let rows = self.decode(&batch)?;
        rows.iter().for_each(|row| row.put(&mut self.checksum));
        Ok(Some(rows))
    }

    fn decode(&self, batch: &RecordBatch) -> Result<Vec<R>, BadInput> {
        (0..batch.num_rows())
            .map(|row| {
                R::take(&mut Cells { batch, row, next: 0 }).map_err(|problem| damaged(&self.file, &problem))
            })
            .collect()
    }
}

impl<R: Row> Iterator for ParquetReader<R> {
    type Item = Result<Vec<R>, BadInput>;

    fn next(&mut self) -> Option<Self::Item> {
        let mut batches = self.batches.take()?;
        let rows = self.advance(&mut batches).transpose()?;
        if rows.is_ok() {
            self.batches = Some(batches);
        }
        Some(rows)
    }
}

/// Runs a decoder of the Parquet crate, which on some damaged files panics where it should return an error.
fn guarded<T, E: std::fmt::Display>(decode: impl FnOnce() -> Result<T, E>) -> Result<T, String> {
    match catch_unwind(AssertUnwindSafe(decode)) {
        Ok(decoded) => decoded.map_err(|error| error.to_string()),
        Err(panic) => Err(panic_text(panic.as_ref())),
    }
}

fn panic_text(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied())
        .unwrap_or("it cannot be decoded")
        .to_owned()
}

fn damaged(file: &str, problem: &str) -> BadInput {
    let hint = "the file is damaged: write it again";
    BadInput::whole(file, format!("cannot be read as Parquet: {problem}"), hint)
}

/// What a file says of itself.
struct Said {
    about: String,
    checksum: String,
}

fn said<R: Row>(metadata: &ArrowReaderMetadata, file: &str) -> Result<Said, BadInput> {
    let pairs = metadata.metadata().file_metadata().key_value_metadata();
    let find = |key: &str| {
        let pair = pairs?.iter().find(|pair| pair.key == key)?;
        pair.value.clone()
    };
    let Some(table) = find(TABLE_KEY) else {
        let problem = "is a Parquet file, but not one of Fogline's";
        let hint = format!("give a file of table \"{}\" that fogline wrote", R::TABLE);
        return Err(BadInput::whole(file, problem, hint));
    };
    if table != R::TABLE {
        let problem = format!("holds table \"{table}\", expected \"{}\"", R::TABLE);
        return Err(BadInput::whole(
            file,
            problem,
            "give the other file of the same run",
        ));
    }
    let layout = find(LAYOUT_KEY).unwrap_or_default();
    if layout != LAYOUT {
        let problem = format!("has column layout \"{layout}\", expected \"{LAYOUT}\"");
        let hint = "read it with the version of fogline that wrote it, or write it again with this one";
        return Err(BadInput::whole(file, problem, hint));
    }
    Ok(Said {
        about: find(ABOUT_KEY).unwrap_or_default(),
        checksum: find(CHECKSUM_KEY).unwrap_or_default(),
    })
}

fn check_schema<R: Row>(found: &Schema, file: &str) -> Result<(), BadInput> {
    let expected = schema_of::<R>();
    let hint = "the file was changed by another program: write it again";
    for (position, field) in expected.fields().iter().enumerate() {
        let problem = match found.fields().get(position) {
            Some(other) if other.name() == field.name() && other.data_type() == field.data_type() => continue,
            Some(other) => format!(
                "column {} is \"{}\" of type {}, expected \"{}\" of type {}",
                position + 1,
                other.name(),
                other.data_type(),
                field.name(),
                field.data_type()
            ),
            None => format!("column {} \"{}\" is missing", position + 1, field.name()),
        };
        return Err(BadInput::whole(file, problem, hint));
    }
    if found.fields().len() > expected.fields().len() {
        let extra = found.field(expected.fields().len()).name();
        return Err(BadInput::whole(
            file,
            format!("has an unknown column \"{extra}\""),
            hint,
        ));
    }
    Ok(())
}

/// The cells of one row of a batch.
struct Cells<'a> {
    batch: &'a RecordBatch,
    row: usize,
    next: usize,
}

impl<'a> Cells<'a> {
    fn column(&mut self) -> Result<&'a ArrayRef, String> {
        let column = self.batch.columns().get(self.next);
        self.next += 1;
        match column {
            Some(column) if column.is_valid(self.row) => Ok(column),
            _ => Err(format!("row {} has an empty cell", self.row + 1)),
        }
    }

    fn number<T: ArrowPrimitiveType>(&mut self) -> Result<T::Native, String> {
        let row = self.row;
        let column = self.column()?.as_primitive_opt::<T>();
        column.map(|cells| cells.value(row)).ok_or_else(unexpected_type)
    }

    fn list<T: ArrowPrimitiveType>(&mut self) -> Result<Vec<T::Native>, String> {
        let row = self.row;
        let lists = self.column()?.as_list_opt::<i32>().ok_or_else(unexpected_type)?;
        let items = lists.value(row);
        let items = items.as_primitive_opt::<T>().ok_or_else(unexpected_type)?;
        Ok(items.values().to_vec())
    }
}

fn unexpected_type() -> String {
    "a column has another type than the file says".to_owned()
}

impl Source for Cells<'_> {
    fn text(&mut self) -> Result<&str, String> {
        let row = self.row;
        let column = self.column()?.as_string_opt::<i32>();
        column.map(|cells| cells.value(row)).ok_or_else(unexpected_type)
    }
    fn small(&mut self) -> Result<u32, String> {
        self.number::<UInt32Type>()
    }
    fn whole(&mut self) -> Result<u64, String> {
        self.number::<UInt64Type>()
    }
    fn float(&mut self) -> Result<f64, String> {
        self.number::<Float64Type>()
    }
    fn groups(&mut self) -> Result<Vec<StepsGroup>, String> {
        let steps = self.list::<UInt32Type>()?;
        let jobs = self.list::<UInt64Type>()?;
        let processing = self.list::<Float64Type>()?;
        let arguments = self.list::<Float64Type>()?;
        let states = self.list::<Float64Type>()?;
        let argument_traffic = self.list::<UInt64Type>()?;
        let state_traffic = self.list::<UInt64Type>()?;
        let lengths = [jobs.len(), processing.len(), arguments.len(), states.len()];
        let traffic_lengths = [argument_traffic.len(), state_traffic.len()];
        if lengths
            .into_iter()
            .chain(traffic_lengths)
            .any(|length| length != steps.len())
        {
            return Err("the columns by_steps_* are of unequal length".to_owned());
        }
        let group = |at: usize| StepsGroup {
            steps: steps[at],
            jobs: jobs[at],
            total: Spent {
                processing: Seconds(processing[at]),
                arguments: Seconds(arguments[at]),
                states: Seconds(states[at]),
                argument_traffic: Bytes(argument_traffic[at]),
                state_traffic: Bytes(state_traffic[at]),
            },
        };
        Ok((0..steps.len()).map(group).collect())
    }
}
