use std::fmt;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::bindings::Error as ExportError;
use crate::{ByteState, Error, register};

/// How a value is read that was written under an older schema: its number and bytes to the value.
type Upgrade<T> = fn(u32, &[u8]) -> Result<T, Error>;

/// A state that holds a `T`, as JSON.
///
/// When a new version of the function writes `T` differently, its manifest gives the state a higher
/// `schema`; the function then says how to read what older versions wrote:
///
/// ```
/// # use fogline::{Error, State};
/// const TOTAL: State<f64> = State::new("total").with_schema(2, upgrade);
///
/// fn upgrade(from_schema: u32, bytes: &[u8]) -> Result<f64, Error> {
///     match from_schema {
///         // Version 1 counted in hundredths.
///         1 => Ok(std::str::from_utf8(bytes)?.parse::<f64>()? / 100.0),
///         other => Err(Error::failed(format!("no upgrade from schema {other}"))),
///     }
/// }
/// ```
pub struct State<T> {
    bytes: ByteState,
    name: &'static str,
    schema: u32,
    upgrade: Upgrade<T>,
}

impl<T: Serialize + DeserializeOwned> State<T> {
    /// The state of this name in the manifest, of schema 1.
    #[must_use]
    pub const fn new(name: &'static str) -> Self {
        Self {
            bytes: ByteState::new(name),
            name,
            schema: 1,
            upgrade: no_upgrade,
        }
    }

    /// The same state of a later schema: the manifest's `schema`, and how to read what was written under
    /// another.
    #[must_use]
    pub const fn with_schema(self, schema: u32, upgrade: fn(u32, &[u8]) -> Result<T, Error>) -> Self {
        Self {
            schema,
            upgrade,
            ..self
        }
    }

    /// The value, upgraded if need be; none if it was never stored, or deleted.
    ///
    /// # Errors
    /// [`Error::Failed`] when the manifest does not declare the state, or it is no `T`.
    pub fn load(&self) -> Result<Option<T>, Error> {
        let Some(bytes) = self.bytes.load()? else {
            return Ok(None);
        };
        let schema = self.bytes.schema()?.unwrap_or(self.schema);
        self.decode(schema, &bytes).map(Some)
    }

    /// Sets the value.
    ///
    /// # Errors
    /// [`Error::Failed`] when the manifest does not let this function write the state, or it is too large.
    pub fn store(&self, value: &T) -> Result<(), Error> {
        let bytes = serde_json::to_vec(value).map_err(|error| self.cannot("written", &error))?;
        Ok(self.bytes.store(&bytes)?)
    }

    /// Deletes the state.
    ///
    /// # Errors
    /// [`Error::Failed`] when the manifest does not let this function write the state.
    pub fn delete(&self) -> Result<(), Error> {
        Ok(self.bytes.delete()?)
    }

    fn decode(&self, schema: u32, bytes: &[u8]) -> Result<T, Error> {
        if schema == self.schema {
            serde_json::from_slice(bytes).map_err(|error| self.cannot("read", &error))
        } else {
            (self.upgrade)(schema, bytes)
        }
    }

    fn cannot(&self, what: &str, error: &serde_json::Error) -> Error {
        Error::Failed(format!("state {} cannot be {what}: {error}", self.name))
    }
}

fn no_upgrade<T>(from_schema: u32, _: &[u8]) -> Result<T, Error> {
    Err(Error::Failed(format!(
        "the state was written under schema {from_schema}, which this function does not read"
    )))
}

impl<T> fmt::Debug for State<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("State")
            .field("name", &self.name)
            .field("schema", &self.schema)
            .finish_non_exhaustive()
    }
}

/// Calls a function of JSON, as the export does.
///
/// # Errors
/// The function's own, and that the input is no `T`.
pub fn call<T: DeserializeOwned, U: Serialize>(
    handle: fn(T) -> Result<U, Error>,
    input: Vec<u8>,
) -> Result<Vec<u8>, ExportError> {
    register::log_panics();
    let input = serde_json::from_slice(&input).map_err(Error::invalid_input)?;
    let output = handle(input)?;
    Ok(serde_json::to_vec(&output).map_err(Error::failed)?)
}

#[cfg(test)]
mod tests {
    use super::State;
    use crate::Error;

    fn upgrade(from_schema: u32, bytes: &[u8]) -> Result<u64, Error> {
        assert_eq!(from_schema, 1, "only older schemas come here");
        Ok(bytes.len() as u64)
    }

    #[test]
    fn only_older_schemas_are_upgraded() {
        let state = State::<u64>::new("s").with_schema(2, upgrade);
        assert_eq!(state.decode(2, b"7"), Ok(7));
        assert_eq!(state.decode(1, b"xxx"), Ok(3));
    }

    #[test]
    fn a_schema_without_upgrade_is_refused_by_number() {
        let error = State::<u64>::new("s").decode(9, b"7").unwrap_err();
        assert!(error.to_string().contains("schema 9"), "{error}");
    }

    #[test]
    fn a_state_that_is_no_value_is_named() {
        let error = State::<u64>::new("s").decode(1, b"x").unwrap_err();
        assert!(error.to_string().contains("state s cannot be read"), "{error}");
    }
}
