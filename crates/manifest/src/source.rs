//! A file's text, and where in it something is.

use std::path::Path;

use fogline_core::model::BadInput;
use serde::de::DeserializeOwned;
use toml::de::{DeTable, DeValue};

use crate::node::without_password;
use crate::suggest;

/// The largest file that is read, in bytes: people do not write more by hand.
const MAX_BYTES: u64 = 1 << 20;
/// The longest problem that is shown, in characters: a key can be as long as the file.
const MAX_PROBLEM: usize = 400;

/// A text with the name of its file.
#[derive(Clone, Debug)]
pub struct Source {
    /// The file, as the caller named it.
    pub name: String,
    /// Its content.
    pub text: String,
}

impl Source {
    /// Reads a file.
    ///
    /// # Errors
    /// When it cannot be read, is not UTF-8, or is too large to have been written by hand.
    pub fn read(path: &Path) -> Result<Self, BadInput> {
        let name = path.display().to_string();
        let unreadable =
            |problem: String| BadInput::whole(&name, problem, "check the path and its permissions");
        let size = std::fs::metadata(path)
            .map_err(|error| unreadable(format!("cannot be read: {error}")))?
            .len();
        by_hand(&name, size)?;
        let bytes = std::fs::read(path).map_err(|error| unreadable(format!("cannot be read: {error}")))?;
        let text = String::from_utf8(bytes).map_err(|error| {
            let at = error.utf8_error().valid_up_to();
            BadInput::whole(
                &name,
                format!("byte {at} is not UTF-8"),
                "save the file as UTF-8 text",
            )
        })?;
        Ok(Self { name, text })
    }

    /// Whether it may have been written by hand, wherever it came from: to read what is larger takes long.
    pub(crate) fn is_by_hand(&self) -> Result<(), BadInput> {
        by_hand(&self.name, self.text.len() as u64)
    }

    /// Reads the text as TOML; `manual` is the page that describes such files.
    ///
    /// # Errors
    /// At the first thing that is not as expected.
    pub(crate) fn parse<T: DeserializeOwned>(&self, manual: &str) -> Result<T, BadInput> {
        toml::from_str(&self.text).map_err(|error| {
            let problem = without_password(&plain(error.message()));
            let hint = hint(&problem, manual);
            let problem = problem.chars().take(MAX_PROBLEM).collect::<String>();
            match error.span() {
                Some(span) => self.fault(span.start, problem, hint),
                None => BadInput::whole(&self.name, problem, hint),
            }
        })
    }

    /// A fault of what stands under a path of keys and numbers of entries, as `tenants.1.name`; of the
    /// whole file if nothing stands there.
    pub(crate) fn fault_under(
        &self,
        path: &str,
        problem: impl Into<String>,
        hint: impl Into<String>,
    ) -> BadInput {
        match self.place(path) {
            Some(at) => self.fault(at, problem, hint),
            None => BadInput::whole(&self.name, problem, hint),
        }
    }

    fn place(&self, path: &str) -> Option<usize> {
        let table = DeTable::parse(&self.text).ok()?;
        let mut place = None;
        let mut below = &DeValue::Table(table.into_inner());
        for key in path.split('.') {
            let value = match below {
                DeValue::Table(table) => table.get(key)?,
                DeValue::Array(entries) => entries.get(key.parse::<usize>().ok()?)?,
                _ => return None,
            };
            place = Some(value.span().start);
            below = value.get_ref();
        }
        place
    }

    /// A fault at a byte of the text.
    #[must_use]
    pub fn fault(&self, at: usize, problem: impl Into<String>, hint: impl Into<String>) -> BadInput {
        let before = self.text.get(..at).unwrap_or(&self.text);
        let line = before.matches('\n').count() as u64 + 1;
        let column = before.rsplit('\n').next().unwrap_or("").chars().count() as u64 + 1;
        BadInput::at(&self.name, line, column, problem, hint)
    }
}

/// Refuses what is larger than people write by hand.
fn by_hand(name: &str, size: u64) -> Result<(), BadInput> {
    if size <= MAX_BYTES {
        return Ok(());
    }
    Err(BadInput::whole(
        name,
        format!("has {size} bytes, expected at most {MAX_BYTES}"),
        "name a file that is written by hand; traces, networks and components are files of their own",
    ))
}

/// The parser's message as one sentence of ours.
fn plain(message: &str) -> String {
    if message.starts_with("wanted exactly 1 element") {
        return "expected exactly one key here".to_owned();
    }
    message.trim().replace('\n', "; ")
}

/// What to do about a problem that the parser names.
fn hint(problem: &str, manual: &str) -> String {
    // serde quotes the name that it does not know, and after it those that it does.
    let mut quoted = problem.split('`').skip(1).step_by(2);
    let unknown = quoted.next().unwrap_or_default();
    if problem.starts_with("unknown field") {
        suggest::or(unknown, quoted, "remove the key or correct its spelling")
    } else if problem.starts_with("unknown variant") {
        suggest::or(unknown, quoted, "write one of those")
    } else if problem.starts_with("missing field") {
        "add the key".to_owned()
    } else if problem.starts_with("duplicate key") {
        "keep one of the two".to_owned()
    } else {
        format!("{manual} lists every key with its meaning")
    }
}
