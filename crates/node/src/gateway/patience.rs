//! Waiting for no longer than a time.

use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use tokio::time::error::Elapsed;
use tokio::time::{Instant, timeout_at};

/// As [`tokio::time::timeout`], but a future that is ready when it is looked at once more needs no timer.
///
/// Most requests are such: hyper hands out a body that has arrived with its head only when it is asked a second time, and
/// all timers of a node are behind one lock.
pub(super) async fn within<F: Future>(time: Duration, future: F) -> Result<F::Output, Elapsed> {
    let end = Instant::now() + time;
    let mut future = pin!(future);
    let mut looked = false;
    let early = poll_fn(|cx| match future.as_mut().poll(cx) {
        Poll::Ready(output) => Poll::Ready(Some(output)),
        Poll::Pending if looked => Poll::Ready(None),
        Poll::Pending => {
            looked = true;
            cx.waker().wake_by_ref();
            Poll::Pending
        }
    });
    match early.await {
        Some(output) => Ok(output),
        None => timeout_at(end, future).await,
    }
}

#[cfg(test)]
mod tests {
    use std::future::{pending, poll_fn, ready};
    use std::task::Poll;
    use std::time::Duration;

    use tokio::time::{Instant, sleep};

    use super::within;

    const LONG: Duration = Duration::from_secs(30);

    #[tokio::test(start_paused = true)]
    async fn what_is_never_ready_is_given_up_in_time() {
        let since = Instant::now();
        assert!(within(LONG, pending::<()>()).await.is_err());
        assert!(since.elapsed() >= LONG && since.elapsed() < 2 * LONG);
        assert!(within(Duration::ZERO, pending::<()>()).await.is_err());
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_ready_in_time_is_waited_for() {
        assert_eq!(within(LONG, ready(1)).await.ok(), Some(1));
        let later = async {
            sleep(LONG / 2).await;
            2
        };
        assert_eq!(within(LONG, later).await.ok(), Some(2));
    }

    #[test]
    fn what_is_ready_when_looked_at_twice_needs_no_timer() {
        // There are no timers: to begin one would panic.
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let mut looks = 0;
        let second = poll_fn(|_| {
            looks += 1;
            if looks == 2 {
                Poll::Ready(looks)
            } else {
                Poll::Pending
            }
        });
        assert_eq!(runtime.block_on(within(LONG, second)).ok(), Some(2));
    }
}
