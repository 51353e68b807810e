use fogline::Error;
use serde::{Deserialize, Serialize};

/// Bytes of an author's name.
const MAX_AUTHOR: usize = 100;

/// Who made an operation, and the number that this author gave it: `["ada", 3]`. Numbers should grow beyond
/// all that the author has seen, so that what answers a piece stands where it was meant to.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Id(pub String, pub u32);

/// A change to the text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Operation {
    /// Its id. The same id twice counts once.
    pub id: Id,
    /// The piece that it inserts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub insert: Option<String>,
    /// After which piece; at the beginning if not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<Id>,
    /// The piece that it deletes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delete: Option<Id>,
}

impl Operation {
    /// Checks that it does one thing, and is somebody's.
    ///
    /// # Errors
    /// [`Error::InvalidInput`] says what is wrong.
    pub fn check(&self) -> Result<(), Error> {
        if self.id.0.is_empty() || self.id.0.len() > MAX_AUTHOR {
            return Err(Error::invalid_input(format!(
                "an author's name has 1 to {MAX_AUTHOR} bytes"
            )));
        }
        match (&self.insert, &self.delete) {
            (Some(_), None) if self.after.as_ref() == Some(&self.id) => {
                Err(Error::invalid_input("a piece cannot stand after itself"))
            }
            (Some(_), None) => Ok(()),
            (None, Some(_)) if self.after.is_none() => Ok(()),
            _ => Err(Error::invalid_input(
                "expected either \"insert\" (and \"after\") or \"delete\"",
            )),
        }
    }
}
