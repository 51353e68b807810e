//! The clock that interrupts guests.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use wasmtime::Engine;

/// How long a guest runs before it lets others go on: a compromise of fairness and wake-ups.
const TICK: Duration = Duration::from_millis(1);
/// Ticks without a guest after which the thread sleeps: an idle node is to use no processor, and waking the thread
/// (some microseconds) is not to be part of every call of a quiet one.
const IDLE_TICKS: u32 = 200;

/// A thread that moves the engine's epoch on while guests run; it ends when this is dropped.
pub(super) struct Ticker {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

/// As long as this lives, time passes for guests.
pub(super) struct Running<'a>(&'a Ticker);

/// All of it is `SeqCst`: either the thread sees a guest before it sleeps, or the guest sees it asleep.
#[derive(Default)]
struct Shared {
    guests: AtomicUsize,
    asleep: AtomicBool,
    stop: AtomicBool,
}

impl Ticker {
    /// Starts it.
    pub(super) fn start(engine: &Engine) -> io::Result<Self> {
        let shared = Arc::new(Shared::default());
        let thread = thread::Builder::new().name("fogline-epoch".to_owned()).spawn({
            let (shared, engine) = (Arc::clone(&shared), engine.clone());
            move || tick(&shared, &engine)
        })?;
        Ok(Self {
            shared,
            thread: Some(thread),
        })
    }

    /// Says that a guest runs.
    pub(super) fn running(&self) -> Running<'_> {
        self.shared.guests.fetch_add(1, Ordering::SeqCst);
        if self.shared.asleep.load(Ordering::SeqCst) {
            self.wake();
        }
        Running(self)
    }

    fn wake(&self) {
        if let Some(thread) = &self.thread {
            thread.thread().unpark();
        }
    }
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        self.0.shared.guests.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Drop for Ticker {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::SeqCst);
        self.wake();
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the thread that interrupts guests had ended before");
        }
    }
}

fn tick(shared: &Shared, engine: &Engine) {
    let mut idle = 0;
    while !shared.stop.load(Ordering::SeqCst) {
        thread::sleep(TICK);
        engine.increment_epoch();
        idle = if shared.guests.load(Ordering::SeqCst) == 0 {
            idle + 1
        } else {
            0
        };
        if idle >= IDLE_TICKS {
            shared.asleep.store(true, Ordering::SeqCst);
            while shared.guests.load(Ordering::SeqCst) == 0 && !shared.stop.load(Ordering::SeqCst) {
                thread::park();
            }
            shared.asleep.store(false, Ordering::SeqCst);
            idle = 0;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::Ordering;
    use std::time::{Duration, Instant};

    use wasmtime::Engine;

    use super::Ticker;

    fn soon(condition: impl Fn() -> bool) -> bool {
        let end = Instant::now() + Duration::from_secs(10);
        while !condition() && Instant::now() < end {
            std::thread::yield_now();
        }
        condition()
    }

    #[test]
    fn it_sleeps_when_no_guest_runs_and_wakes_for_the_next() {
        let ticker = Ticker::start(&Engine::default()).unwrap();
        for _ in 0..2 {
            assert!(
                soon(|| ticker.shared.asleep.load(Ordering::SeqCst)),
                "it never sleeps"
            );
            let running = ticker.running();
            assert!(
                soon(|| !ticker.shared.asleep.load(Ordering::SeqCst)),
                "it never wakes"
            );
            drop(running);
        }
    }
}
