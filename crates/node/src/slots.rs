//! Slots: executions at once on this node, and a bounded queue before them.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use fogline_core::telemetry::Load;
use tokio::sync::{Semaphore, SemaphorePermit};

use crate::fault::Fault;

/// The slots of a node.
pub(crate) struct Slots {
    free: Semaphore,
    count: usize,
    waiting: AtomicUsize,
    most_waiting: usize,
}

struct Waiting<'a>(&'a AtomicUsize);

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Slots {
    /// So many executions at once, and so many that wait.
    pub(crate) fn new(count: usize, most_waiting: usize) -> Self {
        Self {
            free: Semaphore::new(count),
            count,
            waiting: AtomicUsize::new(0),
            most_waiting,
        }
    }

    /// How they are used now; the rest of it is not theirs to say.
    pub(crate) fn load(&self) -> Load {
        let small = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
        Load {
            queued: small(self.waiting.load(Ordering::Relaxed)),
            running: small(self.count.saturating_sub(self.free.available_permits())),
            slots: small(self.count),
            ..Load::default()
        }
    }

    /// Waits for a slot, and says how long it took; the caller bounds the wait.
    pub(crate) async fn take(&self) -> Result<(SemaphorePermit<'_>, Duration), Fault> {
        if let Ok(slot) = self.free.try_acquire() {
            return Ok((slot, Duration::ZERO));
        }
        let since = Instant::now();
        let waiting = Waiting(&self.waiting);
        if waiting.0.fetch_add(1, Ordering::Relaxed) >= self.most_waiting {
            return Err(Fault::overloaded(format!(
                "{} executions are waiting on this node",
                self.most_waiting
            )));
        }
        let slot = self.free.acquire().await;
        let slot = slot.expect("nobody closes the semaphore of the slots");
        Ok((slot, since.elapsed()))
    }
}
