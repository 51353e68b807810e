//! A file's text, and where in it something is.

use std::path::Path;

use fogline_core::model::BadInput;
use serde::de::DeserializeOwned;

/// The largest file that is read, in bytes: people do not write more by hand.
const MAX_BYTES: u64 = 1 << 20;

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
        if size > MAX_BYTES {
            return Err(BadInput::whole(
                &name,
                format!("has {size} bytes, expected at most {MAX_BYTES}"),
                "name the scenario file; traces and networks are named inside it",
            ));
        }
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

    /// Reads the text as TOML.
    ///
    /// # Errors
    /// At the first thing that is not as expected.
    pub fn parse<T: DeserializeOwned>(&self) -> Result<T, BadInput> {
        toml::from_str(&self.text).map_err(|error| {
            let problem = error.message().trim().replace('\n', "; ");
            let hint = if problem.contains("unknown field") {
                "remove the key or correct its spelling"
            } else if problem.contains("missing field") {
                "add the key"
            } else {
                "docs/src/scenarios.md lists every key with its meaning"
            };
            match error.span() {
                Some(span) => self.fault(span.start, problem, hint),
                None => BadInput::whole(&self.name, problem, hint),
            }
        })
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
