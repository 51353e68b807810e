//! One request over a connection of its own.
//!
//! A connection costs tens of microseconds, a program's JSON more; and a kept connection that the program has just
//! closed would leave open whether it had seen the request.

use std::io;
use std::path::Path;
use std::time::Duration;

use bytes::Bytes;
use fogline_core::model::Bytes as Size;
use http::{Method, Request, StatusCode, header};
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use rustix::io::Errno;
use thiserror::Error;
use tokio::net::UnixStream;
use tokio::time::sleep;

/// How often it is tried again to connect to a program that has many waiting.
const CONNECT_AGAIN: Duration = Duration::from_millis(1);

/// Why there is no answer.
#[derive(Debug, Error)]
pub(super) enum ExchangeError {
    /// Nobody listens: the program has not seen the request.
    #[error("connecting to its socket: {0}")]
    Connect(io::Error),
    /// The node has too little of what a connection needs, which says nothing of the program.
    #[error("connecting to its socket: {0}")]
    Node(io::Error),
    /// The program may have seen the request.
    #[error("it broke off the connection: {0}")]
    Broken(hyper::Error),
    /// The answer is larger than this.
    #[error("its answer has more than {0}")]
    TooLarge(Size),
    /// The answer's body cannot be read.
    #[error("reading its answer: {0}")]
    Body(Box<dyn std::error::Error + Send + Sync>),
}

/// Sends a request to the program behind a socket, and reads an answer of at most so many bytes.
///
/// # Errors
/// See [`ExchangeError`]. There is no deadline: that is for the caller, who may drop the future.
pub(super) async fn ask(
    socket: &Path,
    method: Method,
    path: &'static str,
    body: Vec<u8>,
    most: Size,
) -> Result<(StatusCode, Bytes), ExchangeError> {
    let stream = connect(socket).await.map_err(unconnected)?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream))
        .await
        .map_err(ExchangeError::Broken)?;
    let request = Request::builder()
        .method(method)
        .uri(path)
        .header(header::HOST, "fogline")
        .header(header::CONTENT_TYPE, "application/json")
        .header(header::CONNECTION, "close")
        .body(Full::new(Bytes::from(body)))
        .expect("all parts are valid");
    let exchange = async {
        let response = sender
            .send_request(request)
            .await
            .map_err(ExchangeError::Broken)?;
        let status = response.status();
        let limit = usize::try_from(most.0).unwrap_or(usize::MAX);
        let body = Limited::new(response.into_body(), limit).collect().await;
        let body = body.map_err(|error| match error.downcast::<LengthLimitError>() {
            Ok(_) => ExchangeError::TooLarge(most),
            Err(error) => ExchangeError::Body(error),
        })?;
        Ok((status, body.to_bytes()))
    };
    // The connection only moves bytes; its own error reaches the exchange too.
    let moving = async {
        let _ = connection.await;
        std::future::pending().await
    };
    tokio::select! {
        answer = exchange => answer,
        never = moving => never,
    }
}

fn unconnected(error: io::Error) -> ExchangeError {
    match Errno::from_io_error(&error) {
        Some(Errno::MFILE | Errno::NFILE | Errno::NOMEM | Errno::NOBUFS) => ExchangeError::Node(error),
        _ => ExchangeError::Connect(error),
    }
}

/// Connects; waits its turn while the program has not accepted those before (Python's servers let 5 wait), which a
/// Unix socket, other than TCP's, reports at once.
async fn connect(socket: &Path) -> io::Result<UnixStream> {
    loop {
        match UnixStream::connect(socket).await {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => sleep(CONNECT_AGAIN).await,
            connected => return connected,
        }
    }
}
