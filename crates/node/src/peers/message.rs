//! What one node says to another.

use bytes::Bytes;
use fogline_core::model::{self, limits};

/// Largest head, in bytes: it describes a request, and carries nothing of unknown size.
pub const MAX_HEAD: usize = 64 << 10;
/// Most parts of a body: the states of an application and its input many times over.
pub const MAX_PARTS: usize = 1024;
/// Largest head and body together: the largest body of a request, and the head that goes with it.
pub const MAX_FRAME: model::Bytes = model::Bytes(limits::MAX_BODY.0 + 2 * MAX_HEAD as u64);

/// A request or a reply: a head that says what it is, and what it carries.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Message {
    /// Encoded by whoever calls; nothing here looks inside.
    pub head: Bytes,
    /// What it carries, piece by piece, so that no piece is copied on its way to the wire.
    pub body: Vec<Bytes>,
}

impl Message {
    /// A message without a body.
    #[must_use]
    pub fn of_head(head: impl Into<Bytes>) -> Self {
        Self {
            head: head.into(),
            body: Vec::new(),
        }
    }

    /// Its bytes, head and body.
    #[must_use]
    pub fn size(&self) -> model::Bytes {
        let body: usize = self.body.iter().map(Bytes::len).sum();
        model::Bytes((self.head.len() + body) as u64)
    }
}
