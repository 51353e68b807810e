//! The bytes of a record: a format number, then the record in postcard's encoding.
//!
//! A format, once released, is read for ever: `tests/lease/golden.rs` holds bytes of each.

use thiserror::Error;

use super::record::LeaseRecord;

/// The format that is written.
const FORMAT: u8 = 1;

/// Why bytes are not the record of a lease.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum BadLease {
    /// They were written by a version of the platform that is newer than this one.
    #[error("a lease of format {0}, this version reads up to {FORMAT}")]
    Format(u8),
    /// They are damaged.
    #[error("a damaged lease: {0}")]
    Damaged(String),
}

/// The bytes of a record.
#[must_use]
pub fn encode(record: &LeaseRecord) -> Vec<u8> {
    postcard::to_extend(record, vec![FORMAT]).expect("postcard writes integers, and a vector grows")
}

/// The record that bytes stand for.
///
/// # Errors
/// When the format is unknown, or the bytes are not a record and nothing but a record.
pub fn decode(bytes: &[u8]) -> Result<LeaseRecord, BadLease> {
    let damaged = |what: &dyn std::fmt::Display| BadLease::Damaged(what.to_string());
    let (format, bytes) = bytes.split_first().ok_or_else(|| damaged(&"no byte"))?;
    if *format != FORMAT {
        return Err(BadLease::Format(*format));
    }
    match postcard::take_from_bytes(bytes) {
        Ok((record, [])) => Ok(record),
        Ok((_, rest)) => Err(damaged(&format!("{} bytes too many", rest.len()))),
        Err(error) => Err(damaged(&error)),
    }
}
