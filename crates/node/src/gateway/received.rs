//! What has come of a request's body, and what all of them may have of the node's memory together.

use std::error::Error;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use fogline_core::model::Bytes as Size;
use fogline_core::model::limits::MAX_BODY;
use http::HeaderMap;
use http::header::EXPECT;
use http_body_util::BodyExt;
use hyper::body::Body as _;

use super::asked::Body;

/// Bytes of bodies that a node has at once, from when they come until their requests are answered.
pub(crate) const MAX_BODIES: Size = Size(16 * MAX_BODY.0);
/// How long, and how much, is read of a body that nobody wants.
const LINGER: (Duration, Size) = (Duration::from_secs(2), Size(4 * MAX_BODY.0));

/// Room for the bodies of a node's requests.
pub(crate) struct Room {
    free: AtomicU64,
}

impl Room {
    pub(crate) fn new(size: Size) -> Self {
        Self {
            free: AtomicU64::new(size.0),
        }
    }

    fn take(&self, bytes: u64) -> bool {
        let less = |free: u64| free.checked_sub(bytes);
        self.free
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, less)
            .is_ok()
    }
}

/// The body of a request. What it takes of the node's room it has until it is dropped, after the answer.
pub(crate) struct Received {
    body: Body,
    room: Arc<Room>,
    bytes: u64,
    /// Whoever waits for a word before it sends has got it.
    begun: bool,
}

/// Why a body is not read to its end.
#[derive(Debug)]
pub(super) enum Cut {
    /// It is larger than the limit.
    TooLarge,
    /// The node has as much of bodies as it may have.
    NoRoom,
    /// It broke off.
    Broken(Box<dyn Error + Send + Sync>),
}

impl Received {
    pub(super) fn new(body: Body, room: &Arc<Room>) -> Self {
        Self {
            body,
            room: Arc::clone(room),
            bytes: 0,
            begun: false,
        }
    }

    /// The whole body, of at most [`MAX_BODY`].
    pub(super) async fn read(&mut self) -> Result<Bytes, Cut> {
        let mut pieces = Vec::with_capacity(1);
        self.begun = true;
        while let Some(frame) = self.body.frame().await {
            let Ok(piece) = frame.map_err(Cut::Broken)?.into_data() else {
                continue;
            };
            let length = piece.len() as u64;
            if self.bytes + length > MAX_BODY.0 {
                return Err(Cut::TooLarge);
            }
            if !self.room.take(length) {
                return Err(Cut::NoRoom);
            }
            self.bytes += length;
            pieces.push(piece);
        }
        if pieces.len() > 1 {
            let mut whole = BytesMut::with_capacity(pieces.iter().map(Bytes::len).sum());
            pieces.iter().for_each(|piece| whole.extend_from_slice(piece));
            return Ok(whole.freeze());
        }
        Ok(pieces.pop().unwrap_or_default())
    }

    /// Reads on what is not wanted, for a while: a caller that is cut off while it sends does not read why.
    pub(super) async fn linger(&mut self, headers: &HeaderMap) {
        // Whoever waits for a word before it sends gets the answer instead.
        if self.body.is_end_stream() || (!self.begun && headers.contains_key(EXPECT)) {
            return;
        }
        let mut left = LINGER.1.0;
        let reading = async {
            while let Some(Ok(frame)) = self.body.frame().await {
                let length = frame.data_ref().map_or(0, Bytes::len) as u64;
                left = left.saturating_sub(length);
                if left == 0 {
                    return;
                }
            }
        };
        // However it ends, the answer is the same.
        let _ = tokio::time::timeout(LINGER.0, reading).await;
    }
}

impl Drop for Received {
    fn drop(&mut self) {
        self.room.free.fetch_add(self.bytes, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::{Either, Full};

    use super::*;

    #[tokio::test]
    async fn bodies_have_room_together_until_their_requests_are_answered() {
        let room = Arc::new(Room::new(Size(10)));
        let body = |bytes: &'static [u8]| Received::new(Either::Right(Full::new(bytes.into())), &room);
        let (mut first, mut second) = (body(b"123456"), body(b"12345"));
        assert_eq!(first.read().await.unwrap(), "123456");
        assert!(matches!(second.read().await, Err(Cut::NoRoom)));
        drop(first);
        assert_eq!(body(b"1234567890").read().await.unwrap(), "1234567890");
        assert_eq!(body(b"").read().await.unwrap(), "");
    }
}
