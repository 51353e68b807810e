//! What causes the work that a task does now: for those who are called without being told for whom, as stores are.

use fogline_protocol::peer::Request;
use fogline_protocol::trace::TraceContext;
use futures_util::future::Either;

tokio::task_local! {
    static CAUSE: TraceContext;
}

/// Does work that this caused. Work of no trace is left as it is.
pub(crate) fn within<F: Future>(cause: Option<TraceContext>, work: F) -> impl Future<Output = F::Output> {
    match cause {
        Some(cause) => Either::Left(CAUSE.scope(cause, work)),
        None => Either::Right(work),
    }
}

/// What causes the work under way, if its trace is recorded.
pub(crate) fn cause() -> Option<TraceContext> {
    CAUSE.try_with(TraceContext::clone).ok()
}

/// The request, saying what causes it.
pub(crate) fn caused(request: Request) -> Request {
    match cause() {
        Some(cause) => Request::Caused(cause, Box::new(request)),
        None => request,
    }
}
