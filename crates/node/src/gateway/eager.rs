//! Futures that wake themselves while they are polled.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::task::{Context, Poll, Wake, Waker};

use futures_util::task::AtomicWaker;

/// Polls in a row, after which others have their turn.
const MAX_POLLS: usize = 4;

/// Nobody polls it, and nobody has woken it since.
const WAITING: u8 = 0;
/// It is polled.
const POLLED: u8 = 1;
/// It was woken, and is polled again or about to be.
const WOKEN: u8 = 2;

/// A future that is polled again at once when it was woken while it was polled.
///
/// hyper's connections wake themselves for each request that has a body. To tokio that is a task that lets others go
/// first: it queues it, and wakes another worker for it, which costs more than to look again.
pub(super) struct Eager<F> {
    future: Pin<Box<F>>,
    wakes: Arc<Wakes>,
    waker: Waker,
}

#[derive(Default)]
struct Wakes {
    state: AtomicU8,
    /// Of the task that polls the future.
    task: AtomicWaker,
}

impl Wake for Wakes {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        if self.state.swap(WOKEN, Ordering::AcqRel) == WAITING {
            self.task.wake();
        }
    }
}

impl<F> Eager<F> {
    pub(super) fn new(future: F) -> Self {
        let wakes = Arc::new(Wakes::default());
        Self {
            future: Box::pin(future),
            waker: Waker::from(Arc::clone(&wakes)),
            wakes,
        }
    }
}

impl<F: Future> Future for Eager<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let Self { future, wakes, waker } = &mut *self;
        wakes.task.register(cx.waker());
        for _ in 0..MAX_POLLS {
            wakes.state.store(POLLED, Ordering::Release);
            if let Poll::Ready(output) = future.as_mut().poll(&mut Context::from_waker(waker)) {
                return Poll::Ready(output);
            }
            let nobody = wakes
                .state
                .compare_exchange(POLLED, WAITING, Ordering::AcqRel, Ordering::Acquire);
            if nobody.is_ok() {
                return Poll::Pending;
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;
    use std::sync::atomic::AtomicUsize;

    use super::*;

    #[derive(Default)]
    struct Counted(AtomicUsize);

    impl Wake for Counted {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Polls once; gives how often the task was woken.
    fn poll<F: Future>(eager: &mut Eager<F>) -> (Poll<F::Output>, Arc<Counted>) {
        let counted = Arc::new(Counted::default());
        let waker = Waker::from(Arc::clone(&counted));
        let polled = Pin::new(eager).poll(&mut Context::from_waker(&waker));
        (polled, counted)
    }

    fn wakes(counted: &Counted) -> usize {
        counted.0.load(Ordering::Relaxed)
    }

    #[test]
    fn a_future_that_wakes_itself_is_polled_again_at_once() {
        let mut polls = 0;
        let mut eager = Eager::new(poll_fn(move |cx| {
            polls += 1;
            cx.waker().wake_by_ref();
            if polls == 3 {
                Poll::Ready(polls)
            } else {
                Poll::Pending
            }
        }));
        let (polled, task) = poll(&mut eager);
        assert_eq!(polled, Poll::Ready(3));
        assert_eq!(wakes(&task), 0);
    }

    #[test]
    fn one_that_never_stops_waking_itself_lets_others_go_on() {
        let polls = Arc::new(AtomicUsize::new(0));
        let mut eager = Eager::new(poll_fn(|cx| {
            polls.fetch_add(1, Ordering::Relaxed);
            cx.waker().wake_by_ref();
            Poll::<()>::Pending
        }));
        for round in 1..=2 {
            let (polled, task) = poll(&mut eager);
            assert_eq!(polled, Poll::Pending);
            assert_eq!(wakes(&task), 1, "it is to be polled again");
            assert_eq!(polls.load(Ordering::Relaxed), round * MAX_POLLS);
        }
    }

    #[test]
    fn one_that_waits_is_woken_once_by_whoever_wakes_it() {
        let given = std::sync::Mutex::new(None);
        let mut eager = Eager::new(poll_fn(|cx| {
            *given.lock().unwrap() = Some(cx.waker().clone());
            Poll::<()>::Pending
        }));
        for _ in 0..2 {
            let (polled, task) = poll(&mut eager);
            assert_eq!((polled, wakes(&task)), (Poll::Pending, 0));
            let waker = given.lock().unwrap().take().unwrap();
            waker.wake_by_ref();
            waker.wake();
            assert_eq!(wakes(&task), 1);
        }
    }
}
