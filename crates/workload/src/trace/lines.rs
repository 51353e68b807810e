//! Lines of a text file, read with bounded memory, and the fields in them.

use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;

use fogline_core::model::BadInput;

/// The longest line that is read, in bytes. The longest of any known trace is the header of Azure 2019
/// (1,440 minutes, 8 KiB); whatever is longer is not a trace, and is not buffered.
pub const MAX_LINE: usize = 1 << 20;

/// How much is read from a file at a time.
const BUFFER: usize = 1 << 16;

/// A file of lines, and where we are in it.
pub(super) struct Lines<R> {
    input: R,
    file: String,
    number: u64,
    line: Vec<u8>,
    complete: bool,
    again: bool,
}

impl Lines<BufReader<File>> {
    /// Opens a file.
    pub(super) fn open(path: &Path) -> Result<Self, BadInput> {
        let name = path.display().to_string();
        match File::open(path) {
            Ok(file) => Ok(Self::new(BufReader::with_capacity(BUFFER, file), &name)),
            Err(error) => Err(BadInput::whole(
                name,
                format!("cannot be opened: {error}"),
                "check the path and that the file may be read",
            )),
        }
    }
}

impl<R: BufRead> Lines<R> {
    pub(super) fn new(input: R, file: &str) -> Self {
        Self {
            input,
            file: file.to_owned(),
            number: 0,
            line: Vec::new(),
            complete: true,
            again: false,
        }
    }

    /// Reads the next line that is not blank; false at the end of the file.
    pub(super) fn advance(&mut self) -> Result<bool, BadInput> {
        if std::mem::take(&mut self.again) {
            return Ok(true);
        }
        loop {
            self.line.clear();
            self.number += 1;
            let limit = MAX_LINE as u64 + 1;
            let read = self
                .input
                .by_ref()
                .take(limit)
                .read_until(b'\n', &mut self.line)
                .map_err(|error| self.unreadable(&error))?;
            if read == 0 {
                return Ok(false);
            }
            if read as u64 == limit && self.line.last() != Some(&b'\n') {
                return Err(BadInput::at(
                    &self.file,
                    self.number,
                    1,
                    format!("the line is longer than {MAX_LINE} bytes"),
                    "a trace has one short record per line; is this the right file?",
                ));
            }
            self.trim_end();
            if !self.line.is_empty() {
                return Ok(true);
            }
        }
    }

    /// The line that was read last.
    pub(super) fn fields(&self) -> Result<Fields<'_>, BadInput> {
        match std::str::from_utf8(&self.line) {
            Ok(text) => Ok(Fields {
                file: &self.file,
                line: self.number,
                complete: self.complete,
                text,
            }),
            Err(error) => Err(BadInput::at(
                &self.file,
                self.number,
                error.valid_up_to() as u64 + 1,
                "the line is not UTF-8 text",
                "unpack the file if it is compressed, or convert it to UTF-8",
            )),
        }
    }

    /// The name of the file.
    pub(super) fn file(&self) -> &str {
        &self.file
    }

    /// Reads the next line as [`Self::advance`] does, which then gives it once more.
    pub(super) fn peek(&mut self) -> Result<bool, BadInput> {
        let there = self.advance()?;
        self.again = there;
        Ok(there)
    }

    fn trim_end(&mut self) {
        self.complete = self.line.last() == Some(&b'\n');
        if self.complete {
            self.line.pop();
            if self.line.last() == Some(&b'\r') {
                self.line.pop();
            }
        }
        if self.number == 1 && self.line.starts_with("\u{feff}".as_bytes()) {
            self.line.drain(..3);
        }
    }

    fn unreadable(&self, error: &std::io::Error) -> BadInput {
        BadInput {
            line: Some(self.number),
            ..BadInput::whole(
                &self.file,
                format!("cannot be read: {error}"),
                "check that it is a file, and its disk",
            )
        }
    }
}

/// The comma-separated fields of one line. No known trace quotes its fields, so a quote is an ordinary
/// character here.
#[derive(Clone, Copy)]
pub(super) struct Fields<'a> {
    file: &'a str,
    line: u64,
    complete: bool,
    /// The whole line.
    pub(super) text: &'a str,
}

impl<'a> Fields<'a> {
    /// Exactly `N` fields, called `names`.
    pub(super) fn exactly<const N: usize>(
        &self,
        names: [&'static str; N],
    ) -> Result<[Field<'a>; N], BadInput> {
        let mut fields = names.map(|name| self.field(name, 0, ""));
        let (mut found, mut start) = (0, 0);
        // By byte: `split` sets up a search per field, which costs more than looking at ten bytes.
        let ends = self.text.bytes().enumerate().filter(|(_, byte)| *byte == b',');
        for end in ends.map(|(at, _)| at).chain([self.text.len()]) {
            if let Some(field) = fields.get_mut(found) {
                field.start = start;
                field.text = &self.text[start..end];
            }
            found += 1;
            start = end + 1;
        }
        if found == N {
            Ok(fields)
        } else {
            Err(self.wrong_count(N, found, format!("a record is {}", names.join(","))))
        }
    }

    /// A record that has not as many fields as it should.
    pub(super) fn wrong_count(&self, expected: usize, found: usize, hint: String) -> BadInput {
        let (what, column) = match found < expected {
            true if !self.complete => ("the file ends in the middle of a record: ", self.text.len()),
            true => ("", self.text.len()),
            false => ("", 0),
        };
        let problem = format!("{what}expected {expected} fields, found {found}");
        BadInput::at(self.file, self.line, self.column(column), problem, hint)
    }

    /// All fields, however many.
    pub(super) fn all(&self) -> impl Iterator<Item = Field<'a>> + use<'a> {
        let line = *self;
        let mut start = 0;
        self.text.split(',').map(move |part| {
            let field = line.field("field", start, part);
            start += part.len() + 1;
            field
        })
    }

    fn field(&self, name: &'static str, start: usize, text: &'a str) -> Field<'a> {
        Field {
            line: *self,
            name,
            start,
            text,
        }
    }

    fn column(&self, start: usize) -> u64 {
        self.text
            .get(..start)
            .map_or(start, |before| before.chars().count()) as u64
            + 1
    }
}

/// One field.
#[derive(Clone, Copy)]
pub(super) struct Field<'a> {
    line: Fields<'a>,
    name: &'static str,
    start: usize,
    /// What stands there.
    pub(super) text: &'a str,
}

impl<'a> Field<'a> {
    /// The same field under another name in messages.
    pub(super) fn named(self, name: &'static str) -> Self {
        Self { name, ..self }
    }

    /// Where it stands: line and column, from 1.
    pub(super) fn place(&self) -> (u64, u64) {
        (self.line.line, self.line.column(self.start))
    }

    /// Something wrong with it.
    pub(super) fn bad(&self, expected: &str, hint: impl Into<String>) -> BadInput {
        let (line, column) = self.place();
        BadInput::at(
            self.line.file,
            line,
            column,
            format!(
                "{}: expected {expected}, found \"{}\"",
                self.name,
                excerpt(self.text)
            ),
            hint,
        )
    }

    /// A name.
    pub(super) fn word(&self) -> Result<&'a str, BadInput> {
        if self.text.is_empty() {
            return Err(self.bad("a name", "every record names its job and task"));
        }
        Ok(self.text)
    }

    /// A number that is finite and not negative.
    pub(super) fn quantity(&self) -> Result<f64, BadInput> {
        match self.text.parse::<f64>() {
            // Adding zero turns -0 into 0.
            Ok(value) if value.is_finite() && value >= 0.0 => Ok(value + 0.0),
            Ok(_) => Err(self.bad(
                "a finite number of at least 0",
                "negative, infinite and NaN values cannot be simulated; correct or remove the record",
            )),
            Err(_) => Err(self.bad("a number", "write it with digits and a point, as 12 or 0.5")),
        }
    }

    /// A quantity, or nothing.
    pub(super) fn optional_quantity(&self) -> Result<Option<f64>, BadInput> {
        if self.text.is_empty() {
            return Ok(None);
        }
        self.quantity().map(Some)
    }

    /// A whole number.
    pub(super) fn count(&self) -> Result<u32, BadInput> {
        if let Ok(count) = self.text.parse::<u32>() {
            return Ok(count);
        }
        // Some tools write whole numbers as 9.0.
        match self.text.parse::<f64>() {
            Ok(value) if value.fract() == 0.0 && (0.0..=f64::from(u32::MAX)).contains(&value) => {
                Ok(value as u32)
            }
            _ => Err(self.bad(
                "a whole number from 0 to 4294967295",
                "write it with digits only, as 12",
            )),
        }
    }
}

/// The beginning of a text, so that no message is longer than a screen.
fn excerpt(text: &str) -> String {
    const LENGTH: usize = 40;
    let mut short: String = text.chars().take(LENGTH).flat_map(char::escape_debug).collect();
    if text.chars().nth(LENGTH).is_some() {
        short.push('…');
    }
    short
}
