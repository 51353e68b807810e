use std::fmt;

use crate::bindings::fogline::function::state;

/// Why a state cannot be used so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StateError {
    /// The manifest does not say that this function reads the state of this name.
    Undeclared(String),
    /// The manifest does not say that this function writes the state of this name.
    ReadOnly(String),
    /// The state would be larger than this many bytes: the most that a state may have, or what is left of what one
    /// invocation may set.
    TooLarge(u64),
}

impl fmt::Display for StateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Undeclared(name) => write!(f, "the manifest does not let this function read state {name}"),
            Self::ReadOnly(name) => write!(f, "the manifest does not let this function write state {name}"),
            Self::TooLarge(most) => write!(f, "the state may have at most {most} bytes here"),
        }
    }
}

impl std::error::Error for StateError {}

impl From<state::StateError> for StateError {
    fn from(error: state::StateError) -> Self {
        match error {
            state::StateError::Undeclared(name) => Self::Undeclared(name),
            state::StateError::ReadOnly(name) => Self::ReadOnly(name),
            state::StateError::TooLarge(most) => Self::TooLarge(most),
        }
    }
}

/// A state of plain bytes.
///
/// No call waits for a network: what the manifest declares is at hand before the function begins.
///
/// Every method's error is a [`StateError`]: the manifest does not declare the use, or the state would be too
/// large.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ByteState {
    name: &'static str,
}

#[expect(clippy::missing_errors_doc, reason = "the type says it for all of them")]
impl ByteState {
    /// The state of this name in the manifest.
    #[must_use]
    pub const fn new(name: &'static str) -> Self {
        Self { name }
    }

    /// The whole state; none if it was never set, or deleted.
    pub fn load(&self) -> Result<Option<Vec<u8>>, StateError> {
        Ok(state::get(self.name)?)
    }

    /// Bytes `offset` up to `offset + length`, cut at the end of the state; none if there is no state. Copies
    /// only these.
    pub fn read(&self, offset: u64, length: u64) -> Result<Option<Vec<u8>>, StateError> {
        Ok(state::read(self.name, offset, length)?)
    }

    /// How many bytes it has; none if there is no state.
    pub fn size(&self) -> Result<Option<u64>, StateError> {
        Ok(state::size(self.name)?)
    }

    /// The schema number under which it was written; none if there is no state.
    pub fn schema(&self) -> Result<Option<u32>, StateError> {
        Ok(state::schema(self.name)?)
    }

    /// Sets the whole state.
    pub fn store(&self, value: &[u8]) -> Result<(), StateError> {
        Ok(state::set(self.name, value)?)
    }

    /// Adds bytes at the end; sets the state if there is none. All of it counts as written under this version's schema
    /// then: what may be of an older one is read and stored instead.
    pub fn append(&self, value: &[u8]) -> Result<(), StateError> {
        Ok(state::append(self.name, value)?)
    }

    /// Deletes the state.
    pub fn delete(&self) -> Result<(), StateError> {
        Ok(state::delete(self.name)?)
    }
}
