//! Waiting for no longer than a time.

use std::pin::pin;
use std::time::Duration;

use futures_util::future::poll_immediate;
use tokio::time::error::Elapsed;
use tokio::time::{Instant, timeout_at};

/// As [`tokio::time::timeout`], but a future that is ready at once needs no timer: most requests are such, and all timers of a
/// node are behind one lock.
pub(super) async fn within<F: Future>(time: Duration, future: F) -> Result<F::Output, Elapsed> {
    let end = Instant::now() + time;
    let mut future = pin!(future);
    match poll_immediate(future.as_mut()).await {
        Some(output) => Ok(output),
        None => timeout_at(end, future).await,
    }
}

#[cfg(test)]
mod tests {
    use std::future::{pending, ready};
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
    fn what_is_ready_at_once_needs_no_timer() {
        // There are no timers: to begin one would panic.
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        assert_eq!(runtime.block_on(within(LONG, ready(1))).ok(), Some(1));
    }
}
