//! Slots: executions at once on this node, and a bounded queue before them.

use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::{Semaphore, SemaphorePermit};

use crate::fault::Fault;

/// The slots of a node.
pub(crate) struct Slots {
    free: Semaphore,
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
            waiting: AtomicUsize::new(0),
            most_waiting,
        }
    }

    /// Waits for a slot; the caller bounds the wait.
    pub(crate) async fn take(&self) -> Result<SemaphorePermit<'_>, Fault> {
        if let Ok(slot) = self.free.try_acquire() {
            return Ok(slot);
        }
        let waiting = Waiting(&self.waiting);
        if waiting.0.fetch_add(1, Ordering::Relaxed) >= self.most_waiting {
            return Err(Fault::overloaded(format!(
                "{} executions are waiting on this node",
                self.most_waiting
            )));
        }
        let slot = self.free.acquire().await;
        Ok(slot.expect("nobody closes the semaphore of the slots"))
    }
}
