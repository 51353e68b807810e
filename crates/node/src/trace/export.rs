//! Bringing spans to a receiver: OTLP over HTTP/1.1, in batches.

use std::time::Duration;

use bytes::Bytes;
use fogline_core::model::NodeName;
use http::header::{CONTENT_TYPE, HOST};
use http::{Method, Request, StatusCode, Uri};
use http_body_util::Full;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use prost::Message;
use thiserror::Error;
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout, timeout_at};
use tokio_util::sync::CancellationToken;

use super::TraceOptions;
use super::messages::{
    ExportTraceServiceRequest, InstrumentationScope, KeyValue, Resource, ResourceSpans, ScopeSpans, attribute,
};
use super::span::Ended;
use crate::metrics::Spans;

/// Spans that are sent together at the most: about 200 kB.
const BATCH: usize = 512;
/// How long the first of a batch waits for others.
const DELAY: Duration = Duration::from_secs(1);
/// How long a receiver has to take a batch.
const PATIENCE: Duration = Duration::from_secs(5);
/// The port of OTLP over HTTP.
const PORT: u16 = 4318;

/// Why a batch did not arrive.
#[derive(Debug, Error)]
enum SendError {
    #[error("connecting")]
    Connect(#[from] std::io::Error),
    #[error("sending spans")]
    Http(#[from] hyper::Error),
    #[error("writing the request")]
    Request(#[from] http::Error),
    #[error("the receiver answered {0}")]
    Refused(StatusCode),
    #[error("no answer within {} s", PATIENCE.as_secs())]
    Late,
}

/// Brings spans to a receiver. A batch that does not arrive is dropped, and counted.
pub(crate) struct Exporter {
    spans: mpsc::Receiver<Ended>,
    receiver: Uri,
    resource: Resource,
    counts: Spans,
}

impl Exporter {
    pub(crate) fn new(
        options: &TraceOptions,
        node: &NodeName,
        spans: mpsc::Receiver<Ended>,
        counts: Spans,
    ) -> Self {
        let of_node = |(key, value): (&str, String)| -> KeyValue { attribute(key, value.into()) };
        let attributes = [
            ("service.name", options.service.clone()),
            ("service.version", env!("CARGO_PKG_VERSION").to_owned()),
            ("service.instance.id", node.to_string()),
            ("faas.instance", node.to_string()),
        ];
        Self {
            spans,
            receiver: options.receiver.clone(),
            resource: Resource {
                attributes: attributes.into_iter().map(of_node).collect(),
            },
            counts,
        }
    }

    /// Sends spans until the node stops, and then those that have ended by then.
    pub(crate) async fn run(mut self, stopping: CancellationToken) {
        let mut batch = Vec::with_capacity(BATCH);
        while stopping.run_until_cancelled(self.gather(&mut batch)).await == Some(true) {
            self.deliver(std::mem::take(&mut batch)).await;
        }
        self.spans.close();
        let last = async {
            while !batch.is_empty() || self.spans.recv_many(&mut batch, BATCH).await > 0 {
                self.deliver(std::mem::take(&mut batch)).await;
            }
        };
        // Nobody waits for a receiver that does not answer.
        let _ = timeout(PATIENCE, last).await;
    }

    /// Waits for a batch, which may be begun already; false when there will be none. Those that it has taken stay in
    /// the batch if this is dropped.
    async fn gather(&mut self, batch: &mut Vec<Ended>) -> bool {
        if self.spans.recv_many(batch, BATCH).await == 0 {
            return false;
        }
        let full_by = Instant::now() + DELAY;
        while batch.len() < BATCH {
            let more = self.spans.recv_many(batch, BATCH - batch.len());
            if !matches!(timeout_at(full_by, more).await, Ok(1..)) {
                break;
            }
        }
        true
    }

    async fn deliver(&self, batch: Vec<Ended>) {
        let count = batch.len() as u64;
        let sent = timeout(PATIENCE, self.send(batch)).await;
        match sent.unwrap_or(Err(SendError::Late)) {
            Ok(()) => self.counts.sent(count),
            Err(error) => {
                self.counts.dropped(count);
                let error: &dyn std::error::Error = &error;
                tracing::debug!(receiver = %self.receiver, error, "spans dropped");
            }
        }
    }

    async fn send(&self, batch: Vec<Ended>) -> Result<(), SendError> {
        let spans = ScopeSpans {
            scope: Some(InstrumentationScope {
                name: env!("CARGO_PKG_NAME").to_owned(),
                version: env!("CARGO_PKG_VERSION").to_owned(),
            }),
            spans: batch.into_iter().map(Into::into).collect(),
        };
        let message = ExportTraceServiceRequest {
            resource_spans: vec![ResourceSpans {
                resource: Some(self.resource.clone()),
                scope_spans: vec![spans],
            }],
        };
        let host = self.receiver.host().unwrap_or_default();
        let port = self.receiver.port_u16().unwrap_or(PORT);
        let path = self.receiver.path().trim_end_matches('/');
        let request = Request::builder()
            .method(Method::POST)
            .uri(format!("{path}/v1/traces"))
            .header(HOST, format!("{host}:{port}"))
            .header(CONTENT_TYPE, "application/x-protobuf")
            .body(Full::new(Bytes::from(message.encode_to_vec())))?;
        // The brackets of an IPv6 address are the URL's.
        let stream = TcpStream::connect((host.trim_matches(['[', ']']), port)).await?;
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
        // The connection ends when the answer and its sender are dropped.
        let answer = async move { Ok::<_, hyper::Error>(sender.send_request(request).await?.status()) };
        let (status, _) = tokio::join!(answer, connection);
        match status? {
            status if status.is_success() => Ok(()),
            status => Err(SendError::Refused(status)),
        }
    }
}
