//! Rows from CSV, with the place of every fault.

use std::io::{self, Read};
use std::marker::PhantomData;

use fogline_core::model::BadInput;
use fogline_core::record::StepsGroup;

use super::row::{Row, Source};
use super::schema::flat_columns;

/// The longest record that is read: a hundred times the longest that is written.
const MAX_RECORD_BYTES: usize = 1 << 20;

/// Reads rows that [`super::CsvWriter`] wrote. After the first error there is nothing more.
pub struct CsvReader<R, T: Read> {
    file: String,
    columns: Vec<&'static str>,
    records: csv::Reader<ShortRecords<T>>,
    record: csv::StringRecord,
    failed: bool,
    row: PhantomData<fn() -> R>,
}

impl<R: Row, T: Read> CsvReader<R, T> {
    /// Begins with the header; `file` is the name in errors.
    ///
    /// # Errors
    /// When the header is not that of the table.
    pub fn new(source: T, file: &str) -> Result<Self, BadInput> {
        let mut records = csv::ReaderBuilder::new().from_reader(ShortRecords {
            source,
            left: MAX_RECORD_BYTES,
        });
        let columns = flat_columns::<R>();
        let header = records.headers().map_err(|error| unreadable(file, &error))?;
        for (position, column) in columns.iter().enumerate() {
            let found = header.get(position).unwrap_or_default();
            if found != *column {
                let problem = format!("column {} is \"{found}\", expected \"{column}\"", position + 1);
                return Err(BadInput::at(file, 1, position as u64 + 1, problem, hint::<R>()));
            }
        }
        if header.len() > columns.len() {
            let place = columns.len() as u64 + 1;
            return Err(BadInput::at(
                file,
                1,
                place,
                "there is an unknown column",
                hint::<R>(),
            ));
        }
        Ok(Self {
            file: file.to_owned(),
            columns,
            records,
            record: csv::StringRecord::new(),
            failed: false,
            row: PhantomData,
        })
    }

    fn read(&mut self) -> Result<Option<R>, BadInput> {
        self.records.get_mut().left = MAX_RECORD_BYTES;
        let more = self.records.read_record(&mut self.record);
        if !more.map_err(|error| unreadable(&self.file, &error))? {
            return Ok(None);
        }
        let mut fields = Fields {
            record: &self.record,
            next: 0,
        };
        R::take(&mut fields).map(Some).map_err(|expected| {
            let field = fields.next.saturating_sub(1);
            let found = self.record.get(field).unwrap_or_default();
            let column = self.columns.get(field).copied().unwrap_or_default();
            BadInput::at(
                &self.file,
                self.record.position().map_or(0, csv::Position::line),
                field as u64 + 1,
                format!("field {column} is \"{found}\": {expected}"),
                hint::<R>(),
            )
        })
    }
}

impl<R: Row, T: Read> Iterator for CsvReader<R, T> {
    type Item = Result<R, BadInput>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.failed {
            return None;
        }
        let row = self.read();
        self.failed = row.is_err();
        row.transpose()
    }
}

fn hint<R: Row>() -> String {
    format!("give the CSV file of table \"{}\" as fogline wrote it", R::TABLE)
}

fn unreadable(file: &str, error: &csv::Error) -> BadInput {
    let hint = "write the file again";
    match error.kind() {
        csv::ErrorKind::UnequalLengths {
            pos,
            expected_len,
            len,
        } => {
            let line = pos.as_ref().map_or(0, csv::Position::line);
            let problem = format!("the line has {len} fields, expected {expected_len}");
            BadInput::at(file, line, expected_len.min(len) + 1, problem, hint)
        }
        csv::ErrorKind::Utf8 { pos, err } => {
            let line = pos.as_ref().map_or(0, csv::Position::line);
            BadInput::at(file, line, err.field() as u64 + 1, "a field is not UTF-8", hint)
        }
        csv::ErrorKind::Io(error) => BadInput::whole(file, format!("cannot be read: {error}"), hint),
        _ => BadInput::whole(file, format!("cannot be read as CSV: {error}"), hint),
    }
}

struct Fields<'a> {
    record: &'a csv::StringRecord,
    next: usize,
}

impl Fields<'_> {
    fn field(&mut self) -> &str {
        let field = self.record.get(self.next).unwrap_or_default();
        self.next += 1;
        field
    }
}

impl Source for Fields<'_> {
    fn text(&mut self) -> Result<&str, String> {
        Ok(self.field())
    }
    fn small(&mut self) -> Result<u32, String> {
        let expected = || format!("expected a whole number up to {}", u32::MAX);
        self.field().parse().map_err(|_| expected())
    }
    fn whole(&mut self) -> Result<u64, String> {
        let expected = || format!("expected a whole number up to {}", u64::MAX);
        self.field().parse().map_err(|_| expected())
    }
    fn float(&mut self) -> Result<f64, String> {
        self.field().parse().map_err(|_| "expected a number".to_owned())
    }
    fn groups(&mut self) -> Result<Vec<StepsGroup>, String> {
        Ok(Vec::new())
    }
}

/// Passes bytes on as long as no record is so long that it would fill the memory.
struct ShortRecords<T> {
    source: T,
    /// What may still be read for the record that is being read.
    left: usize,
}

impl<T: Read> Read for ShortRecords<T> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.source.read(buffer)?;
        self.left = self.left.checked_sub(count).ok_or_else(|| {
            let problem = format!("a line is longer than {MAX_RECORD_BYTES} bytes");
            io::Error::new(io::ErrorKind::InvalidData, problem)
        })?;
        Ok(count)
    }
}
