//! The bytes of a head, wherever it is stored or sent: a format number, then the head in postcard's encoding.
//!
//! A format, once released, is read for ever: `tests/golden_head.rs` holds bytes of each.

use thiserror::Error;

use super::head::Head;

/// The format that is written. Format 1 ended before [`Head::lost`].
const FORMAT: u8 = 2;

/// Why bytes are not a head.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum BadHead {
    /// They were written by a version of the platform that is newer than this one.
    #[error("a session head of format {0}, this version reads up to {FORMAT}")]
    Format(u8),
    /// They are damaged.
    #[error("a damaged session head: {0}")]
    Damaged(String),
}

/// The bytes of a head.
#[must_use]
pub fn encode(head: &Head) -> Vec<u8> {
    let start = Vec::with_capacity(256);
    let bytes = postcard::to_extend(&FORMAT, start).and_then(|bytes| postcard::to_extend(head, bytes));
    bytes.expect("a head has no value that postcard cannot write, and a vector grows")
}

/// How many bytes [`encode`] gives.
#[must_use]
pub fn encoded_len(head: &Head) -> usize {
    let Count(bytes) =
        postcard::to_extend(head, Count(1)).expect("a head has no value that postcard cannot write");
    bytes
}

/// Takes bytes, and only counts them.
struct Count(usize);

impl Extend<u8> for Count {
    fn extend<T: IntoIterator<Item = u8>>(&mut self, bytes: T) {
        self.0 += bytes.into_iter().count();
    }
}

/// The head that bytes stand for.
///
/// # Errors
/// When the format is unknown, or the bytes are not a head and nothing but a head.
pub fn decode(bytes: &[u8]) -> Result<Head, BadHead> {
    let damaged = |what: &dyn std::fmt::Display| BadHead::Damaged(what.to_string());
    let (format, bytes) = bytes.split_first().ok_or_else(|| damaged(&"no byte"))?;
    match *format {
        // With the bytes of an empty list it is of format 2.
        1 => of(&[bytes, &[0]].concat()),
        FORMAT => of(bytes),
        newer => Err(BadHead::Format(newer)),
    }
}

fn of(bytes: &[u8]) -> Result<Head, BadHead> {
    let damaged = |what: &dyn std::fmt::Display| BadHead::Damaged(what.to_string());
    match postcard::take_from_bytes(bytes) {
        Ok((head, [])) => Ok(head),
        Ok((_, rest)) => Err(damaged(&format!("{} bytes too many", rest.len()))),
        Err(error) => Err(damaged(&error)),
    }
}
