//! What a connection waits for beside its requests, and hardly ever comes.

use std::convert::Infallible;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::time::{Duration, Instant};

use futures_util::future::Either;
use futures_util::task::AtomicWaker;
use hyper::rt::{Sleep, Timer};

/// How late whoever waits by [`OnTicks`] may be told.
const TICK: Duration = Duration::from_secs(2);

#[derive(Default)]
struct Bell {
    rang: AtomicBool,
    /// Of the task that polls both futures.
    task: AtomicWaker,
}

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.rang.store(true, Ordering::Release);
        self.task.wake();
    }
}

/// Waits for either. What seldom comes is polled when it is woken, and not for each time that the other one is: to look
/// whether a node stops takes a lock that all its connections share.
pub(super) async fn either<A: Future, B: Future>(
    mut often: Pin<&mut A>,
    mut seldom: Pin<&mut B>,
) -> Either<A::Output, B::Output> {
    let bell = Arc::new(Bell::default());
    bell.rang.store(true, Ordering::Relaxed);
    let waker = Waker::from(Arc::clone(&bell));
    let mut task: Option<Waker> = None;
    poll_fn(move |cx| {
        if let Poll::Ready(output) = often.as_mut().poll(cx) {
            return Poll::Ready(Either::Left(output));
        }
        let moved = !task.as_ref().is_some_and(|task| task.will_wake(cx.waker()));
        if !moved && !bell.rang.load(Ordering::Acquire) {
            return Poll::Pending;
        }
        // Also after each ring, which takes the waker away.
        bell.task.register(cx.waker());
        if moved {
            task = Some(cx.waker().clone());
        }
        if !bell.rang.swap(false, Ordering::AcqRel) {
            return Poll::Pending;
        }
        let polled = seldom.as_mut().poll(&mut Context::from_waker(&waker));
        polled.map(Either::Right)
    })
    .await
}

/// Never ends, but is woken now and then, so that what is in the same task sees by [`OnTicks`] that its time is over.
pub(super) async fn ticks() -> Infallible {
    loop {
        tokio::time::sleep(TICK).await;
    }
}

/// A timer of what is hardly ever late: it arms nothing, but looks at the clock whenever it is polled, which [`ticks`] in the
/// same task see to.
#[derive(Clone, Copy, Debug)]
pub(super) struct OnTicks;

struct Until(Instant);

impl Future for Until {
    type Output = ();

    fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<()> {
        if Instant::now() < self.0 {
            return Poll::Pending;
        }
        Poll::Ready(())
    }
}

impl Sleep for Until {}

impl Timer for OnTicks {
    fn sleep(&self, duration: Duration) -> Pin<Box<dyn Sleep>> {
        self.sleep_until(Instant::now() + duration)
    }

    fn sleep_until(&self, deadline: Instant) -> Pin<Box<dyn Sleep>> {
        Box::pin(Until(deadline))
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;
    use std::pin::pin;
    use std::sync::Mutex;
    use std::sync::atomic::AtomicUsize;

    use super::*;

    fn is_left<A, B>(either: &Poll<Either<A, B>>) -> Option<bool> {
        match either {
            Poll::Ready(Either::Left(_)) => Some(true),
            Poll::Ready(Either::Right(_)) => Some(false),
            Poll::Pending => None,
        }
    }

    #[test]
    fn what_seldom_comes_is_polled_first_and_whenever_it_was_woken() {
        let (polls, given) = (AtomicUsize::new(0), Mutex::new(None));
        let often = pin!(std::future::pending::<()>());
        let seldom = pin!(poll_fn(|cx| {
            *given.lock().unwrap() = Some(cx.waker().clone());
            match polls.fetch_add(1, Ordering::Relaxed) {
                2 => Poll::Ready(()),
                _ => Poll::Pending,
            }
        }));
        let mut both = pin!(either(often, seldom));
        let mut poll = || is_left(&both.as_mut().poll(&mut Context::from_waker(Waker::noop())));
        let wake = || given.lock().unwrap().take().unwrap().wake();
        for polled in [1, 2] {
            for _ in 0..3 {
                assert_eq!(poll(), None);
                assert_eq!(polls.load(Ordering::Relaxed), polled);
            }
            wake();
        }
        assert_eq!(poll(), Some(false));
    }

    #[tokio::test(start_paused = true)]
    async fn what_seldom_comes_wakes_the_task_and_ends_it() {
        let seldom = pin!(async {
            for _ in 0..3 {
                tokio::time::sleep(Duration::from_secs(60)).await;
            }
        });
        let ended = either(pin!(std::future::pending::<()>()), seldom).await;
        assert!(matches!(ended, Either::Right(())));
        let ended = either(pin!(tokio::time::sleep(Duration::from_secs(60))), pin!(ticks())).await;
        assert!(matches!(ended, Either::Left(())));
    }

    #[tokio::test]
    async fn a_wait_by_ticks_ends_at_a_tick() {
        let timer = OnTicks;
        let since = Instant::now();
        let wait = pin!(timer.sleep(Duration::from_millis(10)));
        let ended = either(wait, pin!(ticks())).await;
        assert!(matches!(ended, Either::Left(())));
        assert!(since.elapsed() >= Duration::from_millis(10) && since.elapsed() < 2 * TICK);
    }
}
