//! Executions that last: they begin on the thread of their connection, which most of them do not hold up for long, and go
//! on where others are not behind them.

use std::future::poll_fn;
use std::pin::Pin;
use std::task::Poll;

use fogline_runtime::{ExecuteError, Execution};
use tokio::runtime::Handle;
use tokio_util::task::AbortOnDropHandle;

type Executed = Result<Execution, ExecuteError>;

/// How often an execution lets others go on before it is known to last. Once says little: where processors are busy the
/// tick of a millisecond may have passed while it was the system that let others go on.
const MOST: usize = 3;

/// Waits for an execution that only computes; one that lasts goes on in the pool.
pub(super) async fn execute(
    pool: &Handle,
    mut execution: Pin<Box<dyn Future<Output = Executed> + Send>>,
) -> Executed {
    let mut yielded = 0;
    let begun = poll_fn(|cx| match execution.as_mut().poll(cx) {
        Poll::Pending if yielded < MOST => {
            yielded += 1;
            Poll::Pending
        }
        polled => Poll::Ready(polled),
    });
    match begun.await {
        Poll::Ready(executed) => executed,
        Poll::Pending => {
            let rest = AbortOnDropHandle::new(pool.spawn(execution));
            rest.await.unwrap_or_else(|error| {
                Err(ExecuteError::Internal {
                    doing: "waiting for an execution",
                    source: error.into(),
                })
            })
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::thread::{self, ThreadId};
    use std::time::Duration;

    use tokio::runtime::{Builder, Runtime};
    use tokio::sync::oneshot;

    use super::*;

    fn runtime() -> Runtime {
        Builder::new_current_thread().enable_all().build().unwrap()
    }

    /// A runtime whose one thread works in the background.
    fn pool() -> Runtime {
        Builder::new_multi_thread().worker_threads(1).build().unwrap()
    }

    fn done() -> Executed {
        Ok(Execution {
            outcome: Ok(bytes::Bytes::new()),
            writes: Default::default(),
            logs: Vec::new(),
            took: Duration::ZERO,
            cold: false,
            worker: None,
        })
    }

    /// Ends at the first poll after so many, and says where it was polled.
    async fn execution(yields: usize, sender: oneshot::Sender<Vec<ThreadId>>) -> Executed {
        let mut polled = vec![thread::current().id()];
        for _ in 0..yields {
            tokio::task::yield_now().await;
            polled.push(thread::current().id());
        }
        sender.send(polled).unwrap();
        done()
    }

    #[test]
    fn one_that_lasts_goes_on_in_the_pool() {
        let (here, pool) = (runtime(), pool());
        for yields in [0, MOST, MOST + 1, 2 * MOST] {
            let (sender, receiver) = oneshot::channel();
            let executed = here.block_on(execute(pool.handle(), Box::pin(execution(yields, sender))));
            assert!(executed.is_ok());
            let polled = receiver.blocking_recv().unwrap();
            assert_eq!(polled.len(), yields + 1);
            let (begun, rest) = polled.split_at(polled.len().min(MOST + 1));
            assert!(begun.iter().all(|id| *id == thread::current().id()), "{yields}");
            assert!(rest.iter().all(|id| *id != thread::current().id()), "{yields}");
        }
    }

    #[test]
    fn it_ends_there_when_nobody_waits_for_it_any_more() {
        let (here, pool) = (runtime(), pool());
        let held = Arc::new(());
        let copy = Arc::clone(&held);
        let never = Box::pin(async move {
            let _copy = copy;
            std::future::pending::<Executed>().await
        });
        here.block_on(async {
            let waited = tokio::time::timeout(Duration::from_millis(1), execute(pool.handle(), never));
            assert!(waited.await.is_err());
            while Arc::strong_count(&held) > 1 {
                tokio::task::yield_now().await;
            }
        });
    }

    #[test]
    fn one_that_panics_there_is_an_error_here() {
        let (here, pool) = (runtime(), pool());
        let panics = Box::pin(async {
            tokio::task::yield_now().await;
            panic!("as a test wants")
        });
        let executed = here.block_on(execute(pool.handle(), panics));
        assert!(matches!(executed, Err(ExecuteError::Internal { .. })));
    }
}
