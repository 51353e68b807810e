//! Turns: what is done for one key, a session or a run, one after the other.

use std::collections::HashMap;
use std::fmt::Display;
use std::hash::Hash;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::fault::Fault;

/// A queue for each key that somebody waits for.
pub(crate) struct Turns<K> {
    queues: Mutex<HashMap<K, Weak<Queue>>>,
    places: usize,
}

impl<K> Turns<K> {
    /// So many may be in the queue of a key, those who have its turn included.
    pub(crate) fn new(places: usize) -> Self {
        Self {
            queues: Mutex::default(),
            places,
        }
    }
}

struct Queue {
    turn: Arc<Semaphore>,
    places: Arc<Semaphore>,
}

/// A turn; given to the next in the queue when it is dropped.
pub(crate) struct Turn {
    _turn: OwnedSemaphorePermit,
    _place: OwnedSemaphorePermit,
    _queue: Arc<Queue>,
}

impl<K: Clone + Eq + Hash + Display> Turns<K> {
    /// Waits for the turn; the caller bounds the wait.
    pub(crate) async fn take(&self, key: &K) -> Result<Turn, Fault> {
        let queue = self.queue(key);
        let place = Arc::clone(&queue.places)
            .try_acquire_owned()
            .map_err(|_| Fault::overloaded(format!("{} requests for {key} are waiting", self.places)))?;
        let turn = Arc::clone(&queue.turn).acquire_owned().await;
        let turn = turn.expect("nobody closes the semaphore of a turn");
        Ok(Turn {
            _turn: turn,
            _place: place,
            _queue: queue,
        })
    }

    fn queue(&self, key: &K) -> Arc<Queue> {
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
            places: Arc::new(Semaphore::new(self.places)),
        });
        queues.insert(key.clone(), Arc::downgrade(&queue));
        queue
    }
}
