//! Whether callers over HTTP/2 take their answers. One that lets no byte of an answer through is still talked to: no write to
//! its connection is late.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::{Body, Frame, SizeHint};
use tokio::time::{Instant, sleep};

/// Most of an answer that is given away at once: HTTP/2 keeps what it has been given until its caller takes it.
const PIECE: usize = 16 << 10;

/// The requests of a connection over HTTP/2.
#[derive(Default)]
pub(super) struct Streams {
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    /// How many there were.
    begun: u64,
    /// Those under way; since when the next piece of its answer waits to be taken, if there is an answer.
    under_way: BTreeMap<u64, Option<Instant>>,
    /// Since when there is none under way, after the first.
    idle: Option<Instant>,
}

/// A request under way.
pub(super) struct Stream {
    streams: Arc<Streams>,
    number: u64,
}

/// An answer that is taken piece by piece.
pub(super) struct Taken {
    stream: Stream,
    whole: Full<Bytes>,
    begun: Bytes,
}

/// Why a connection is closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Over {
    /// Nothing is asked.
    Idle,
    /// Nothing is taken of an answer.
    Stuck,
}

impl Streams {
    /// A request has come.
    pub(super) fn begin(self: &Arc<Self>) -> Stream {
        let mut inner = self.lock();
        inner.begun += 1;
        let number = inner.begun;
        inner.under_way.insert(number, None);
        Stream {
            streams: Arc::clone(self),
            number,
        }
    }

    /// Ends when nothing has been asked, or taken of an answer, for as long as `patience`; at twice that, at the latest.
    pub(super) async fn over(&self, patience: Duration) -> Over {
        loop {
            sleep(patience).await;
            let inner = self.lock();
            let mut waiting = inner.under_way.values().flatten();
            if waiting.any(|since| since.elapsed() >= patience) {
                return Over::Stuck;
            }
            let is_idle = inner.idle.is_some_and(|since| since.elapsed() >= patience);
            if is_idle && inner.under_way.is_empty() {
                return Over::Idle;
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Stream {
    /// Its answer.
    pub(super) fn answered(self, whole: Full<Bytes>) -> Taken {
        self.waits();
        Taken {
            stream: self,
            whole,
            begun: Bytes::new(),
        }
    }

    /// From now on something of its answer waits to be taken.
    fn waits(&self) {
        let mut inner = self.streams.lock();
        inner.under_way.insert(self.number, Some(Instant::now()));
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        let mut inner = self.streams.lock();
        inner.under_way.remove(&self.number);
        inner.idle = Some(Instant::now());
    }
}

impl Body for Taken {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let this = self.get_mut();
        if this.begun.is_empty()
            && let Poll::Ready(Some(Ok(frame))) = Pin::new(&mut this.whole).poll_frame(cx)
        {
            this.begun = frame.into_data().unwrap_or_default();
        }
        let piece = this.begun.split_to(this.begun.len().min(PIECE));
        if piece.is_empty() {
            return Poll::Ready(None);
        }
        this.stream.waits();
        Poll::Ready(Some(Ok(Frame::data(piece))))
    }

    fn is_end_stream(&self) -> bool {
        self.begun.is_empty() && self.whole.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        let rest = self.whole.size_hint().exact().unwrap_or_default();
        SizeHint::with_exact(self.begun.len() as u64 + rest)
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt;

    use super::*;

    const PATIENCE: Duration = Duration::from_secs(30);

    #[tokio::test(start_paused = true)]
    async fn an_answer_is_taken_in_pieces_and_is_stuck_when_the_next_one_waits() {
        let streams = Arc::new(Streams::default());
        let text: Bytes = (0..2 * PIECE + 1).map(|at| at.to_le_bytes()[0]).collect();
        let mut taken = streams.begin().answered(Full::new(text.clone()));
        assert_eq!(taken.size_hint().exact(), Some(text.len() as u64));
        let mut pieces = Vec::new();
        while !taken.is_end_stream() {
            sleep(PATIENCE / 2).await;
            pieces.push(taken.frame().await.unwrap().unwrap().into_data().unwrap());
        }
        assert_eq!(pieces.concat(), text);
        assert!(pieces.iter().all(|piece| piece.len() <= PIECE));
        let since = Instant::now();
        let over = tokio::time::timeout(10 * PATIENCE, streams.over(PATIENCE)).await;
        assert_eq!(over.ok(), Some(Over::Stuck));
        assert!(since.elapsed() <= 2 * PATIENCE);
    }

    #[tokio::test(start_paused = true)]
    async fn a_connection_is_idle_when_nothing_is_executed_or_waits_after_the_first_request() {
        let streams = Arc::new(Streams::default());
        let is_over = async |what: &str, expected| {
            let over = tokio::time::timeout(10 * PATIENCE, streams.over(PATIENCE)).await;
            assert_eq!(over.ok(), expected, "{what}");
        };
        is_over("of a connection over HTTP/1", None).await;
        let executed = streams.begin();
        is_over("while it is executed", None).await;
        drop(executed.answered(Full::default()));
        is_over("after its answer", Some(Over::Idle)).await;
    }
}
