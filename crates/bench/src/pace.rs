//! When requests are sent.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use tokio::sync::Semaphore;

use crate::error::BenchError;

/// When requests are sent.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Pace {
    /// Closed loop: each connection sends when it has its answer. A server that stalls is asked less, so what a
    /// stall costs others is not seen.
    Closed,
    /// Open loop: so many requests per second in all, at even distances, whatever the server does. Latencies count
    /// from when a request was due, not from when a connection was free to send it: no coordinated omission.
    Open {
        /// Requests per second.
        per_second: f64,
    },
}

/// Requests that are due, taken by whichever connection is free.
pub(crate) struct Due {
    /// A permit for each request that is due and not taken.
    permits: Semaphore,
    taken: AtomicU64,
    start: Instant,
    every: Duration,
}

impl Due {
    /// Starts the thread that says when: a timer of tokio's is up to a millisecond late, the kernel's some 50 µs.
    /// It ends at `end`; what is due then can still be taken.
    pub(crate) fn start(per_second: f64, start: Instant, end: Instant) -> Result<Arc<Self>, BenchError> {
        let every = Duration::try_from_secs_f64(1.0 / per_second).unwrap_or(Duration::MAX);
        let every = every.max(Duration::from_nanos(1));
        let due = Arc::new(Self {
            permits: Semaphore::new(0),
            taken: AtomicU64::new(0),
            start,
            every,
        });
        let pacer = Arc::clone(&due);
        let thread = thread::Builder::new().name("bench-pace".to_owned());
        thread.spawn(move || pacer.keep(end)).map_err(BenchError::Pace)?;
        Ok(due)
    }

    fn keep(&self, end: Instant) {
        let mut given = 0;
        let mut next = self.start;
        while next < end {
            let now = Instant::now();
            if now < next {
                thread::sleep(next - now);
                continue;
            }
            // Up to now, and no further than the end.
            let due = (now.min(end) - self.start).as_nanos() / self.every.as_nanos() + 1;
            let due = u64::try_from(due).unwrap_or(u64::MAX);
            self.permits
                .add_permits(usize::try_from(due - given).unwrap_or(0));
            given = due;
            next = self.at(due);
        }
        // Those that wait for more are told that there is none, once all have been taken: a permit that is on its way to a
        // connection would come back.
        while self.taken.load(Ordering::Relaxed) < given {
            thread::sleep(Duration::from_millis(1));
            if Instant::now() > end + PATIENCE {
                break;
            }
        }
        self.permits.close();
    }

    /// When the next request was due; `None` at the end.
    pub(crate) async fn next(&self) -> Option<Instant> {
        self.permits.acquire().await.ok()?.forget();
        Some(self.at(self.taken.fetch_add(1, Ordering::Relaxed)))
    }

    /// How many were due and never sent.
    pub(crate) fn unsent(&self) -> u64 {
        self.permits.available_permits() as u64
    }

    fn at(&self, index: u64) -> Instant {
        let nanos = self.every.as_nanos().saturating_mul(u128::from(index));
        self.start + Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
    }
}

/// How long after the end requests that were due are still sent.
pub(crate) const PATIENCE: Duration = Duration::from_secs(5);
