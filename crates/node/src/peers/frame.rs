//! How a message is laid out on a stream.
//!
//! The length of the head (u32, little-endian as all of them), the number of parts (u32), each part's length
//! (u32), the head, the parts. Before a request stand the microseconds that its caller still has (u64).
//! The version of this layout is in the protocol's name ([`super::tls`]).

use bytes::{BufMut, Bytes, BytesMut};
use thiserror::Error;

use super::message::{MAX_FRAME, MAX_HEAD, MAX_PARTS, Message};

/// Bytes before the parts' lengths.
pub(super) const PREFIX: usize = 8;
/// Bytes of a request's remaining time.
pub(super) const REMAINING: usize = 8;

/// A message that no frame may hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("{what} of {size}, over the limit of {limit}")]
pub(super) struct OverLimit {
    pub(super) what: &'static str,
    pub(super) size: u64,
    pub(super) limit: u64,
}

/// What the first bytes of a frame promise.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Prefix {
    pub(super) head: usize,
    pub(super) parts: usize,
}

impl Prefix {
    /// Reads it, before anything is allocated.
    pub(super) fn read(bytes: [u8; PREFIX]) -> Result<Self, OverLimit> {
        let [a, b, c, d, e, f, g, h] = bytes;
        let head = u32::from_le_bytes([a, b, c, d]) as usize;
        let parts = u32::from_le_bytes([e, f, g, h]) as usize;
        at_most("a head in bytes", head, MAX_HEAD)?;
        at_most("a number of parts", parts, MAX_PARTS)?;
        Ok(Self { head, parts })
    }

    /// The lengths of the parts, from the bytes behind the prefix.
    pub(super) fn lengths(self, bytes: &[u8]) -> Result<Vec<usize>, OverLimit> {
        let (words, _) = bytes.as_chunks::<4>();
        let lengths: Vec<usize> = words
            .iter()
            .map(|word| u32::from_le_bytes(*word) as usize)
            .collect();
        // Cannot overflow: at most 1024 lengths of less than 4 GiB.
        let total = self.head as u64 + lengths.iter().map(|length| *length as u64).sum::<u64>();
        within_frame(total)?;
        Ok(lengths)
    }
}

/// The pieces of a frame, in order; the message's own bytes are shared, not copied.
pub(super) fn pieces(message: Message, remaining: Option<u64>) -> Result<Vec<Bytes>, OverLimit> {
    at_most("a head in bytes", message.head.len(), MAX_HEAD)?;
    at_most("a number of parts", message.body.len(), MAX_PARTS)?;
    within_frame(message.size().0)?;
    let mut start = BytesMut::with_capacity(REMAINING + PREFIX + 4 * message.body.len());
    if let Some(micros) = remaining {
        start.put_u64_le(micros);
    }
    start.put_u32_le(message.head.len() as u32);
    start.put_u32_le(message.body.len() as u32);
    for part in &message.body {
        start.put_u32_le(part.len() as u32);
    }
    let mut pieces = Vec::with_capacity(2 + message.body.len());
    pieces.push(start.freeze());
    pieces.push(message.head);
    pieces.extend(message.body);
    pieces.retain(|piece| !piece.is_empty());
    Ok(pieces)
}

fn at_most(what: &'static str, size: usize, limit: usize) -> Result<(), OverLimit> {
    let (size, limit) = (size as u64, limit as u64);
    if size <= limit {
        Ok(())
    } else {
        Err(OverLimit { what, size, limit })
    }
}

fn within_frame(total: u64) -> Result<(), OverLimit> {
    if total <= MAX_FRAME.0 {
        return Ok(());
    }
    Err(OverLimit {
        what: "a message in bytes",
        size: total,
        limit: MAX_FRAME.0,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_is_laid_out_as_documented() {
        let message = Message {
            head: Bytes::from_static(b"hd"),
            body: vec![Bytes::from_static(b"abc"), Bytes::new(), Bytes::from_static(b"z")],
        };
        let frame: Vec<u8> = pieces(message, Some(0x0102)).unwrap().concat();
        let expected = [
            &[2, 1, 0, 0, 0, 0, 0, 0][..],
            &[2, 0, 0, 0, 3, 0, 0, 0],
            &[3, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0],
            b"hdabcz",
        ];
        assert_eq!(frame, expected.concat());
    }

    #[test]
    fn what_is_over_a_limit_is_refused_before_its_bytes_are_read() {
        let prefix = |head: u32, parts: u32| {
            let mut bytes = [0; PREFIX];
            bytes[..4].copy_from_slice(&head.to_le_bytes());
            bytes[4..].copy_from_slice(&parts.to_le_bytes());
            Prefix::read(bytes)
        };
        assert!(prefix(MAX_HEAD as u32, MAX_PARTS as u32).is_ok());
        assert!(prefix(MAX_HEAD as u32 + 1, 0).is_err());
        assert!(prefix(0, MAX_PARTS as u32 + 1).is_err());
        let two = Prefix { head: 1, parts: 2 };
        let lengths = |one: u64, other: u64| {
            two.lengths(&[(one as u32).to_le_bytes(), (other as u32).to_le_bytes()].concat())
        };
        assert!(lengths(MAX_FRAME.0 - 1, 0).is_ok());
        assert!(lengths(MAX_FRAME.0 - 1, 1).is_err());
        assert!(lengths(u64::from(u32::MAX), u64::from(u32::MAX)).is_err());
    }

    #[test]
    fn a_message_over_a_limit_is_not_sent() {
        let large = |head: usize, parts: usize, part: usize| Message {
            head: vec![0; head].into(),
            body: vec![Bytes::from(vec![0; part]); parts],
        };
        assert!(pieces(large(MAX_HEAD, MAX_PARTS, 1), None).is_ok());
        assert!(pieces(large(MAX_HEAD + 1, 0, 0), None).is_err());
        assert!(pieces(large(0, MAX_PARTS + 1, 0), None).is_err());
        assert!(pieces(large(0, 2, MAX_FRAME.0 as usize / 2 + 1), None).is_err());
    }
}
