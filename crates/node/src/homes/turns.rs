//! Turns: invocations of one session that are executed one after the other.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use fogline_core::model::limits::MAX_SESSION_QUEUE;
use fogline_core::session::RecordKey;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::fault::Fault;

/// A queue for each session that has one.
#[derive(Default)]
pub(crate) struct Turns {
    queues: Mutex<HashMap<RecordKey, Weak<Queue>>>,
}

struct Queue {
    turn: Arc<Semaphore>,
    places: Arc<Semaphore>,
}

/// A session's turn; given to the next in the queue when it is dropped.
pub(crate) struct Turn {
    _turn: OwnedSemaphorePermit,
    _place: OwnedSemaphorePermit,
    _queue: Arc<Queue>,
}

impl Turns {
    /// Waits for the session's turn; the caller bounds the wait.
    pub(crate) async fn take(&self, key: &RecordKey) -> Result<Turn, Fault> {
        let queue = self.queue(key);
        let place = Arc::clone(&queue.places).try_acquire_owned().map_err(|_| {
            Fault::overloaded(format!("{MAX_SESSION_QUEUE} invocations of {} are waiting", key.session))
        })?;
        let turn = Arc::clone(&queue.turn).acquire_owned().await;
        let turn = turn.expect("nobody closes the semaphore of a turn");
        Ok(Turn { _turn: turn, _place: place, _queue: queue })
    }

    fn queue(&self, key: &RecordKey) -> Arc<Queue> {
        let mut queues = self.queues.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(queue) = queues.get(key).and_then(Weak::upgrade) {
            return queue;
        }
        // Queues that nobody stands in go before the map grows, so that it is as large as what is going on.
        if queues.len() == queues.capacity() {
            queues.retain(|_, queue| queue.strong_count() > 0);
        }
        let queue = Arc::new(Queue {
            turn: Arc::new(Semaphore::new(1)),
            places: Arc::new(Semaphore::new(MAX_SESSION_QUEUE)),
        });
        queues.insert(key.clone(), Arc::downgrade(&queue));
        queue
    }
}
