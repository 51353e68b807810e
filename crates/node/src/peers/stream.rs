//! The two directions of a call's stream.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use quinn::{ReadError, ReadExactError, RecvStream, SendStream, VarInt, WriteError};
use thiserror::Error;

use super::frame::{self, OverLimit, PREFIX, Prefix};
use super::message::Message;
use super::notice::BLOCK_BYTES;
use super::traffic::Meter;

/// The call was given up by the side that made it, or whose handler went away.
pub(super) const CANCELLED: VarInt = VarInt::from_u32(1);
/// The caller's time is over.
pub(super) const DEADLINE: VarInt = VarInt::from_u32(2);
/// The frame breaks a rule or a limit.
pub(super) const MALFORMED: VarInt = VarInt::from_u32(3);

/// For so long an acknowledgement may be held back (RFC 9000, `max_ack_delay`): what took little more tells nothing.
const HELD_BACK: Duration = Duration::from_millis(25);

/// Why no message was read.
#[derive(Debug, Error)]
pub(super) enum ReadFailure {
    #[error(transparent)]
    Stream(#[from] ReadError),
    #[error("the stream ended inside a frame")]
    Cut,
    #[error(transparent)]
    Limit(#[from] OverLimit),
}

impl From<ReadExactError> for ReadFailure {
    fn from(error: ReadExactError) -> Self {
        match error {
            ReadExactError::FinishedEarly(_) => Self::Cut,
            ReadExactError::ReadError(error) => Self::Stream(error),
        }
    }
}

/// Frames from the other side, counted.
pub(super) struct Incoming {
    stream: RecvStream,
    meter: Arc<Meter>,
}

impl Incoming {
    pub(super) fn new(stream: RecvStream, meter: Arc<Meter>) -> Self {
        Self { stream, meter }
    }

    /// Bytes of a fixed number.
    pub(super) async fn array<const N: usize>(&mut self) -> Result<[u8; N], ReadFailure> {
        let mut bytes = [0; N];
        self.stream.read_exact(&mut bytes).await?;
        self.meter.received(N);
        Ok(bytes)
    }

    /// One message.
    pub(super) async fn message(&mut self) -> Result<Message, ReadFailure> {
        let prefix = Prefix::read(self.array::<PREFIX>().await?)?;
        let lengths = prefix.lengths(&self.bytes(4 * prefix.parts).await?)?;
        let head = self.bytes(prefix.head).await?;
        let mut body = Vec::with_capacity(prefix.parts);
        for length in lengths {
            // A buffer for each, so that one kept for long does not keep the others.
            body.push(self.bytes(length).await?);
        }
        Ok(Message { head, body })
    }

    /// Tells the other side to stop.
    pub(super) fn stop(&mut self, code: VarInt) {
        // Fails when the stream is over already, and then nobody needs to be told.
        let _ = self.stream.stop(code);
    }

    async fn bytes(&mut self, length: usize) -> Result<Bytes, ReadFailure> {
        if length == 0 {
            return Ok(Bytes::new());
        }
        let mut bytes = vec![0; length];
        self.stream.read_exact(&mut bytes).await?;
        self.meter.received(length);
        Ok(bytes.into())
    }
}

/// Frames to the other side, counted. If it is dropped before [`Self::complete`], the other side is told that
/// the call was given up (quinn by itself would end the stream as if it were whole).
pub(super) struct Outgoing {
    stream: SendStream,
    meter: Arc<Meter>,
    complete: bool,
}

impl Outgoing {
    pub(super) fn new(stream: SendStream, meter: Arc<Meter>) -> Self {
        Self {
            stream,
            meter,
            complete: false,
        }
    }

    /// Writes the pieces of a frame and ends the stream.
    pub(super) async fn frame(&mut self, mut pieces: Vec<Bytes>) -> Result<(), WriteError> {
        // quinn waits for ever to write an empty piece.
        pieces.retain(|piece| !piece.is_empty());
        let mut rest = &mut pieces[..];
        while !rest.is_empty() {
            let written = self.stream.write_chunks(rest).await?;
            self.meter.sent(written.bytes);
            rest = &mut rest[written.chunks..];
        }
        // Fails only when the other side has stopped reading, which the reply will tell.
        let _ = self.stream.finish();
        Ok(())
    }

    /// Writes a message and ends the stream.
    pub(super) async fn message(&mut self, message: Message) -> Result<(), SendFailure> {
        Ok(self.frame(frame::pieces(message, None)?).await?)
    }

    /// Ends when the other side no longer listens.
    pub(super) fn stopped(&self) -> impl Future<Output = ()> + Send + 'static {
        let stopped = self.stream.stopped();
        async move {
            // An error is a lost connection: nobody listens either.
            let _ = stopped.await;
        }
    }

    /// Ends when the other side has said that it has all of a frame of so many bytes, begun at `started`, which tells of
    /// the way there; at once for a short one, which does not.
    pub(super) fn delivered(
        &self,
        bytes: usize,
        started: Instant,
    ) -> impl Future<Output = ()> + Send + 'static {
        let (stopped, meter) = (self.stream.stopped(), Arc::clone(&self.meter));
        async move {
            if bytes < BLOCK_BYTES || !matches!(stopped.await, Ok(None)) {
                return;
            }
            let took = started.elapsed();
            if took >= 10 * HELD_BACK {
                meter.delivered(bytes, took);
            }
        }
    }

    /// Gives the call up, for a reason.
    pub(super) fn reset(&mut self, code: VarInt) {
        // Fails when the stream is over already.
        let _ = self.stream.reset(code);
        self.complete = true;
    }

    /// Nothing more is to be said.
    pub(super) fn complete(&mut self) {
        self.complete = true;
    }
}

impl Drop for Outgoing {
    fn drop(&mut self) {
        if !self.complete {
            self.reset(CANCELLED);
        }
    }
}

/// Why a message was not sent.
#[derive(Debug, Error)]
pub(super) enum SendFailure {
    #[error(transparent)]
    Stream(#[from] WriteError),
    #[error(transparent)]
    Limit(#[from] OverLimit),
}
