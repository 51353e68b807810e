//! Accepting connections: bounded in number, in the time that a request's head may take, and in that in which a caller takes
//! nothing of its answer.

use std::convert::Infallible;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures_util::future;
use http::{Request, Version};
use http_body_util::Either;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use rustix::process::{Resource, getrlimit};
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio_io_timeout::TimeoutWriter;

use super::routes::answer;
use super::seldom::{OnTicks, either, ticks};
use super::taking::{Over, Streams};
use crate::node::Node;

/// Connections at once; whoever comes then waits to be accepted.
const MAX_CONNECTIONS: usize = 4096;
/// Descriptors that connections leave to the node's files, programs and peers, if the system allows twice as many.
const KEPT_BACK: u64 = 256;
/// Requests of one connection at once, over HTTP/2; its caller keeps further ones back.
const MAX_STREAMS: u32 = 64;
/// Largest head of a request, in bytes; also what is read of a body at once.
const MAX_REQUEST_HEAD: usize = 64 << 10;
/// How long a request's head may take to arrive.
const HEAD_PATIENCE: Duration = Duration::from_secs(10);

/// As many connections as the node's other work leaves descriptors for.
fn most_connections() -> usize {
    let descriptors = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
    let left = descriptors - KEPT_BACK.min(descriptors / 2);
    usize::try_from(left).map_or(MAX_CONNECTIONS, |left| left.min(MAX_CONNECTIONS))
}

/// Serves until the node stops; requests under way are then finished.
pub(crate) async fn serve(listener: TcpListener, node: Arc<Node>) {
    let places = Arc::new(Semaphore::new(most_connections()));
    let mut builder = Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(OnTicks)
        .header_read_timeout(HEAD_PATIENCE)
        .max_buf_size(MAX_REQUEST_HEAD);
    builder
        .http2()
        .timer(TokioTimer::new())
        .keep_alive_interval(HEAD_PATIENCE)
        .max_concurrent_streams(MAX_STREAMS);
    loop {
        let place = Arc::clone(&places).acquire_owned().await;
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = node.stopping.cancelled() => return,
        };
        let (Ok(place), Ok((stream, _))) = (place, accepted) else {
            // Out of descriptors, or the caller left: others may still be served, after a moment.
            tokio::time::sleep(Duration::from_millis(10)).await;
            continue;
        };
        // Small answers must not wait for more to send.
        let _ = stream.set_nodelay(true);
        let mut stream = TimeoutWriter::new(stream);
        stream.set_timeout(Some(node.write_patience));
        let stream = TokioIo::new(Box::pin(stream));
        let (builder, stopping) = (builder.clone(), node.stopping.clone());
        let asked = Arc::new(AtomicBool::new(false));
        let streams = Arc::new(Streams::default());
        let of_service = (Arc::clone(&node), Arc::clone(&asked), Arc::clone(&streams));
        let service = service_fn(move |request: Request<Incoming>| {
            let (node, asked, streams) = &of_service;
            asked.store(true, Ordering::Relaxed);
            let node = Arc::clone(node);
            let stream = (request.version() == Version::HTTP_2).then(|| streams.begin());
            async move {
                let response = answer(&node, request.map(Either::Left)).await;
                Ok::<_, Infallible>(response.map(|body| match stream {
                    None => Either::Left(body),
                    Some(stream) => Either::Right(stream.answered(body)),
                }))
            }
        });
        let patience = node.write_patience;
        node.tasks.spawn(async move {
            let _place = place;
            let connection = builder.serve_connection(stream, service);
            let mut connection = pin!(connection);
            let stops = pin!(async {
                tokio::select! {
                    () = stopping.cancelled() => true,
                    () = silent(&asked) => false,
                    over = streams.over(patience) => over == Over::Idle,
                    never = ticks() => match never {},
                }
            });
            if let future::Either::Right(true) = either(connection.as_mut(), stops).await {
                connection.as_mut().graceful_shutdown();
                let lasts = pin!(async {
                    tokio::select! {
                        () = tokio::time::sleep(patience) => (),
                        never = ticks() => match never {},
                    }
                });
                either(connection, lasts).await;
            }
        });
    }
}

/// Ends when nothing has been asked of a connection for as long as a head may take. hyper bounds that once it knows which
/// HTTP is spoken.
async fn silent(asked: &AtomicBool) {
    tokio::time::sleep(HEAD_PATIENCE).await;
    if asked.load(Ordering::Relaxed) {
        std::future::pending().await
    }
}
