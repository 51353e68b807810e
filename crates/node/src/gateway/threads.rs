//! Threads of connections: one for each processor, and a connection stays with the one that it was given to.
//!
//! What a request wakes is then on the thread that reads its socket. Where threads share all connections, each wakes
//! others to look whether there is something to take from it, which costs a system call or two per request.

use std::io;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::thread;

use tokio::runtime::{Builder, Handle};
use tokio_util::sync::{CancellationToken, DropGuard};

/// Threads that serve connections until this is dropped.
pub(crate) struct Threads {
    lots: Lots,
    _end: DropGuard,
}

/// Which thread is to serve a connection.
#[derive(Clone)]
pub(crate) struct Lots(Arc<[Lot]>);

/// What one thread serves.
#[derive(Clone)]
pub(super) struct Lot {
    pub(super) runtime: Handle,
    /// Copied for each of its connections, so that there are as many.
    connections: Arc<()>,
}

impl Threads {
    /// Starts so many.
    ///
    /// # Errors
    /// When the system has no more threads, or no more descriptors.
    pub(crate) fn start(count: NonZeroUsize) -> io::Result<Self> {
        let end = CancellationToken::new();
        let guard = end.clone().drop_guard();
        let lots = (0..count.get()).map(|_| Lot::start(end.clone()));
        Ok(Self {
            lots: Lots(lots.collect::<io::Result<_>>()?),
            _end: guard,
        })
    }

    pub(crate) fn lots(&self) -> Lots {
        self.lots.clone()
    }
}

impl Lot {
    fn start(end: CancellationToken) -> io::Result<Self> {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let handle = runtime.handle().clone();
        let serve = move || {
            runtime.block_on(end.cancelled());
            // Whoever waits for this node's end is not to wait for work that cannot be broken off.
            runtime.shutdown_background();
        };
        thread::Builder::new()
            .name("fogline-gateway".to_owned())
            .spawn(serve)?;
        Ok(Self {
            runtime: handle,
            connections: Arc::default(),
        })
    }
}

impl Lots {
    /// The thread with the fewest connections; with one more as long as what is given lives.
    pub(super) fn fewest(&self) -> Lot {
        let fewest = self
            .0
            .iter()
            .min_by_key(|lot| Arc::strong_count(&lot.connections));
        fewest.expect("there is a thread").clone()
    }
}

#[cfg(test)]
mod tests {
    use std::future::pending;
    use std::sync::mpsc::{RecvTimeoutError, channel};
    use std::time::Duration;

    use super::*;

    #[test]
    fn connections_are_spread_evenly_and_those_that_ended_are_not_counted() {
        let runtime = Builder::new_current_thread().build().unwrap();
        let lot = |_| Lot {
            runtime: runtime.handle().clone(),
            connections: Arc::default(),
        };
        let lots = Lots((0..3).map(lot).collect());
        let counts = || {
            let counts = lots.0.iter().map(|lot| Arc::strong_count(&lot.connections) - 1);
            counts.collect::<Vec<_>>()
        };
        let mut connections: Vec<Lot> = (0..7).map(|_| lots.fewest()).collect();
        assert_eq!(counts(), [3, 2, 2]);
        connections.retain(|lot| !Arc::ptr_eq(&lot.connections, &lots.0[1].connections));
        assert_eq!(counts(), [3, 0, 2]);
        connections.extend((0..2).map(|_| lots.fewest()));
        assert_eq!(counts(), [3, 2, 2]);
    }

    #[test]
    fn threads_end_with_whoever_has_them() {
        let threads = Threads::start(NonZeroUsize::MIN).unwrap();
        let lot = threads.lots().fewest();
        let (held, ended) = channel::<()>();
        lot.runtime.spawn(async move {
            let _held = held;
            pending::<()>().await;
        });
        drop(threads);
        let waited = ended.recv_timeout(Duration::from_secs(10));
        assert_eq!(waited, Err(RecvTimeoutError::Disconnected));
    }
}
