//! A receiver of OTLP over HTTP, which reads with the types that the standard's authors generate.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use fogline_node::TraceOptions;
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::{KeyValue, any_value};
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message;
use tokio::net::TcpListener;
use tokio::task::JoinSet;

/// A span, and the node that sent it.
#[derive(Clone, Debug)]
pub(crate) struct Received {
    pub(crate) node: String,
    pub(crate) span: Span,
}

impl Received {
    /// An attribute, as text; empty if it is not there.
    pub(crate) fn attribute(&self, key: &str) -> String {
        attribute(&self.span.attributes, key)
    }
}

/// The receiver.
pub(crate) struct Receiver {
    address: SocketAddr,
    received: Arc<Mutex<Vec<Received>>>,
    _serving: JoinSet<()>,
}

impl Receiver {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
            .await
            .expect("there is a free port");
        let address = listener.local_addr().expect("it is bound");
        let received = Arc::new(Mutex::default());
        let mut serving = JoinSet::new();
        let all = Arc::clone(&received);
        serving.spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                let all = Arc::clone(&all);
                let service = service_fn(move |request| take(Arc::clone(&all), request));
                connections.spawn(async move {
                    let served = http1::Builder::new().serve_connection(TokioIo::new(stream), service);
                    served.await.expect("the node speaks HTTP");
                });
            }
        });
        Self {
            address,
            received,
            _serving: serving,
        }
    }

    /// What has nodes send traces here.
    pub(crate) fn options(&self, sample: f64) -> TraceOptions {
        TraceOptions {
            receiver: format!("http://{}/otlp/", self.address)
                .parse()
                .expect("it is a URL"),
            sample,
            service: "test".to_owned(),
        }
    }

    /// What has arrived.
    pub(crate) fn received(&self) -> Vec<Received> {
        self.received.lock().unwrap().clone()
    }
}

async fn take(
    all: Arc<Mutex<Vec<Received>>>,
    request: Request<Incoming>,
) -> Result<Response<Full<Bytes>>, hyper::Error> {
    assert_eq!(request.uri().path(), "/otlp/v1/traces");
    assert_eq!(request.headers()["content-type"], "application/x-protobuf");
    let body = request.into_body().collect().await?.to_bytes();
    let sent = ExportTraceServiceRequest::decode(body).expect("it is OTLP");
    let mut all = all.lock().unwrap();
    for of_node in sent.resource_spans {
        let resource = of_node.resource.expect("it says who sent it");
        assert_eq!(attribute(&resource.attributes, "service.name"), "test");
        let node = attribute(&resource.attributes, "service.instance.id");
        let spans = of_node.scope_spans.into_iter().flat_map(|scope| scope.spans);
        all.extend(spans.map(|span| Received {
            node: node.clone(),
            span,
        }));
    }
    let mut response = Response::new(Full::new(Bytes::new()));
    *response.status_mut() = StatusCode::OK;
    Ok(response)
}

fn attribute(attributes: &[KeyValue], key: &str) -> String {
    let found = attributes.iter().find(|attribute| attribute.key == key);
    let value = found.and_then(|attribute| attribute.value.as_ref()?.value.as_ref());
    match value {
        Some(any_value::Value::StringValue(text)) => text.clone(),
        Some(any_value::Value::BoolValue(is)) => is.to_string(),
        Some(any_value::Value::IntValue(count)) => count.to_string(),
        _ => String::new(),
    }
}
