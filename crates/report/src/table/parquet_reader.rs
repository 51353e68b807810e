//! Rows from Parquet, checked to be of the table that is asked for, and whole.

use std::any::Any;
use std::fs::File;
use std::marker::PhantomData;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use fogline_core::model::{BadInput, Bytes, Seconds};
use fogline_core::record::{Spent, StepsGroup};
use parquet::column::reader::ColumnReader;
use parquet::errors::ParquetError;
use parquet::file::metadata::ParquetMetaData;
use parquet::file::reader::{ChunkReader, FileReader, SerializedFileReader};

use super::cells::{Cells, Values};
use super::checksum::Checksum;
use super::row::{Row, Source};
use super::schema::{ABOUT_KEY, CHECKSUM_KEY, LAYOUT, LAYOUT_KEY, TABLE_KEY, columns_of, schema};

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
    batches: Option<Batches>,
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
        let opened = guarded(|| SerializedFileReader::new(source)).map_err(|problem| {
            let hint = "a file that was cut, or is still being written, has no end: write it again";
            BadInput::whole(file, format!("is not a whole Parquet file: {problem}"), hint)
        })?;
        let said = said::<R>(opened.metadata(), file)?;
        check_schema::<R>(opened.metadata(), file)?;
        let rows = opened.metadata().file_metadata().num_rows();
        Ok(Self {
            file: file.to_owned(),
            about: said.about,
            claimed: said.checksum,
            checksum: Checksum::default(),
            rows: u64::try_from(rows).map_err(|_| damaged(file, "it claims a negative number of rows"))?,
            batches: Some(Batches::of::<R>(opened)),
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

    fn advance(&mut self, batches: &mut Batches) -> Result<Option<Vec<R>>, BadInput> {
        let rows = guarded(|| batches.next()).map_err(|problem| damaged(&self.file, &problem))?;
        if rows == 0 {
            let found = std::mem::take(&mut self.checksum).hex();
            return if found == self.claimed {
                Ok(None)
            } else {
                Err(damaged(&self.file, "its rows are not those that were written"))
            };
        }
        let rows: Vec<R> = batches
            .decode(rows)
            .map_err(|problem| damaged(&self.file, &problem))?;
        rows.iter().for_each(|row| row.put(&mut self.checksum));
        Ok(Some(rows))
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

fn said<R: Row>(metadata: &ParquetMetaData, file: &str) -> Result<Said, BadInput> {
    let pairs = metadata.file_metadata().key_value_metadata();
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

fn check_schema<R: Row>(metadata: &ParquetMetaData, file: &str) -> Result<(), BadInput> {
    let expected = schema(&columns_of::<R>()).map_err(|error| damaged(file, &error.to_string()))?;
    let found = metadata.file_metadata().schema().get_fields();
    let hint = "the file was changed by another program: write it again";
    for (position, field) in expected.get_fields().iter().enumerate() {
        let number = position + 1;
        let problem = match found.get(position) {
            Some(other) if other == field => continue,
            Some(other) if other.name() == field.name() => {
                format!("column {number} \"{}\" is of another type", field.name())
            }
            Some(other) => {
                format!(
                    "column {number} is \"{}\", expected \"{}\"",
                    other.name(),
                    field.name()
                )
            }
            None => format!("column {number} \"{}\" is missing", field.name()),
        };
        return Err(BadInput::whole(file, problem, hint));
    }
    match found.get(expected.get_fields().len()) {
        None => Ok(()),
        Some(extra) => {
            let problem = format!("has an unknown column \"{}\"", extra.name());
            Err(BadInput::whole(file, problem, hint))
        }
    }
}

/// The rows of a file, some at a time, by column.
struct Batches {
    file: Box<dyn FileReader>,
    /// The next row group.
    group: usize,
    /// Of the row group that is being read; none before the first.
    readers: Vec<ColumnReader>,
    cells: Vec<Cells>,
}

impl Batches {
    fn of<R: Row>(file: impl FileReader + 'static) -> Self {
        Self {
            file: Box::new(file),
            group: 0,
            readers: Vec::new(),
            cells: columns_of::<R>().iter().map(Cells::of).collect(),
        }
    }

    /// Reads the next cells; of how many rows, none at the end.
    fn next(&mut self) -> Result<usize, ParquetError> {
        loop {
            let rows = self.read()?;
            if rows > 0 || self.group == self.file.num_row_groups() {
                return Ok(rows);
            }
            let group = self.file.get_row_group(self.group)?;
            let readers = (0..self.cells.len()).map(|column| group.get_column_reader(column));
            self.readers = readers.collect::<Result<_, _>>()?;
            self.group += 1;
        }
    }

    fn read(&mut self) -> Result<usize, ParquetError> {
        let mut all = None;
        for (cells, reader) in self.cells.iter_mut().zip(&mut self.readers) {
            let rows = cells.read(reader, BATCH_ROWS)?;
            if *all.get_or_insert(rows) != rows {
                let problem = "its columns are of unequal length";
                return Err(ParquetError::General(problem.to_owned()));
            }
        }
        Ok(all.unwrap_or(0))
    }

    fn decode<R: Row>(&self, rows: usize) -> Result<Vec<R>, String> {
        let bounds = self
            .cells
            .iter()
            .map(Cells::bounds)
            .collect::<Result<Vec<_>, _>>()?;
        let columns: Vec<_> = self.cells.iter().zip(&bounds).collect();
        let row = |row| {
            R::take(&mut OneRow {
                columns: &columns,
                row,
                next: 0,
            })
        };
        (0..rows).map(row).collect()
    }
}

/// The cells of one row of a batch.
struct OneRow<'a> {
    /// Cells, and where each begins in its values.
    columns: &'a [(&'a Cells, &'a Vec<usize>)],
    row: usize,
    next: usize,
}

impl<'a> OneRow<'a> {
    /// The values of the next cell.
    fn cell<T>(&mut self, of: fn(&Values) -> Option<&[T]>) -> Result<&'a [T], String> {
        let (cells, bounds) = self.columns[self.next];
        self.next += 1;
        let bounds = bounds.get(self.row).zip(bounds.get(self.row + 1));
        let values = of(&cells.values).zip(bounds);
        values
            .and_then(|(values, (from, to))| values.get(*from..*to))
            .ok_or_else(|| format!("row {} has no such cell", self.row + 1))
    }

    /// The value of the next cell, of a column that has one in each.
    fn one<T>(&mut self, of: fn(&Values) -> Option<&[T]>) -> Result<&'a T, String> {
        let value = self.cell(of)?.first();
        value.ok_or_else(|| format!("row {} has an empty cell", self.row + 1))
    }

    fn smalls(&mut self) -> Result<Vec<u32>, String> {
        let cell = self.cell(Values::small)?.iter();
        Ok(cell.map(|value| value.cast_unsigned()).collect())
    }

    fn wholes(&mut self) -> Result<Vec<u64>, String> {
        let cell = self.cell(Values::whole)?.iter();
        Ok(cell.map(|value| value.cast_unsigned()).collect())
    }

    fn floats(&mut self) -> Result<Vec<f64>, String> {
        Ok(self.cell(Values::float)?.to_vec())
    }
}

impl Source for OneRow<'_> {
    fn text(&mut self) -> Result<&str, String> {
        let value = self.one(Values::text)?.data();
        std::str::from_utf8(value).map_err(|error| error.to_string())
    }
    fn small(&mut self) -> Result<u32, String> {
        Ok(self.one(Values::small)?.cast_unsigned())
    }
    fn whole(&mut self) -> Result<u64, String> {
        Ok(self.one(Values::whole)?.cast_unsigned())
    }
    fn float(&mut self) -> Result<f64, String> {
        Ok(*self.one(Values::float)?)
    }
    fn groups(&mut self) -> Result<Vec<StepsGroup>, String> {
        let steps = self.smalls()?;
        let jobs = self.wholes()?;
        let processing = self.floats()?;
        let arguments = self.floats()?;
        let states = self.floats()?;
        let argument_traffic = self.wholes()?;
        let state_traffic = self.wholes()?;
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
