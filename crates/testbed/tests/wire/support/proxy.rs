//! What can happen to requests and answers on their way.

use std::collections::BTreeSet;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http::{Method, Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;
use tokio::task::JoinSet;

/// What the way does to requests that execute something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mischief {
    None,
    /// Each is sent twice, one after the other.
    Twice,
    /// Each is sent twice, to two nodes at once.
    TwiceAtOnce,
    /// The first answer to each is lost.
    Lost,
}

/// Passes requests on to nodes, to another one each time.
pub(crate) struct Proxy {
    address: SocketAddr,
    _serving: JoinSet<()>,
}

struct Way {
    nodes: Vec<String>,
    mischief: Mischief,
    next: AtomicUsize,
    seen: Mutex<BTreeSet<String>>,
    http: reqwest::Client,
}

impl Proxy {
    pub(crate) async fn start(nodes: Vec<String>, mischief: Mischief) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
            .await
            .expect("there is a free port");
        let address = listener.local_addr().expect("it is bound");
        let way = Arc::new(Way {
            nodes,
            mischief,
            next: AtomicUsize::new(0),
            seen: Mutex::default(),
            http: reqwest::Client::new(),
        });
        let mut serving = JoinSet::new();
        serving.spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                let way = Arc::clone(&way);
                connections.spawn(async move {
                    let service = service_fn(move |request| pass(Arc::clone(&way), request));
                    // A lost answer ends the connection.
                    let _ = http1::Builder::new()
                        .serve_connection(TokioIo::new(stream), service)
                        .await;
                });
            }
        });
        Self {
            address,
            _serving: serving,
        }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }
}

/// An answer that is lost.
#[derive(Debug)]
struct Lost;

impl std::fmt::Display for Lost {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the answer is lost")
    }
}

impl std::error::Error for Lost {}

async fn pass(way: Arc<Way>, request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Lost> {
    let (parts, body) = request.into_parts();
    let body = body.collect().await.map_err(|_| Lost)?.to_bytes();
    let executes = parts.method == Method::POST
        && (parts.uri.path().contains("/functions/") || parts.uri.path().ends_with("/runs"));
    let send = || way.send(&parts, body.clone());
    let answer = match way.mischief {
        Mischief::Twice if executes => {
            send().await.map_err(|_| Lost)?;
            send().await
        }
        Mischief::TwiceAtOnce if executes => {
            let (one, two) = tokio::join!(send(), send());
            one.or(two)
        }
        _ => send().await,
    };
    let answer = answer.map_err(|_| Lost)?;
    if way.mischief == Mischief::Lost && executes && way.is_new(&parts) {
        return Err(Lost);
    }
    Ok(answer)
}

impl Way {
    async fn send(
        &self,
        parts: &http::request::Parts,
        body: Bytes,
    ) -> Result<Response<Full<Bytes>>, reqwest::Error> {
        let node = &self.nodes[self.next.fetch_add(1, Ordering::Relaxed) % self.nodes.len()];
        let path = parts.uri.path_and_query().map_or("/", |path| path.as_str());
        let mut headers = parts.headers.clone();
        headers.remove(http::header::HOST);
        let request = self
            .http
            .request(parts.method.clone(), format!("{node}{path}"))
            .headers(headers)
            .body(body);
        let answer = request.send().await?;
        let mut response = Response::builder().status(answer.status());
        for (name, value) in answer.headers() {
            response = response.header(name, value);
        }
        let body = answer.bytes().await?;
        Ok(response
            .body(Full::new(body))
            .expect("it is what a node answered"))
    }

    /// Whether this request has not come before, by the name that its sender gave it.
    fn is_new(&self, parts: &http::request::Parts) -> bool {
        let name = |header| {
            parts
                .headers
                .get(header)
                .and_then(|value| value.to_str().ok())
                .unwrap_or("")
        };
        let name = format!(
            "{} {} {}",
            parts.uri,
            name("idempotency-key"),
            name("fogline-sequence")
        );
        self.seen.lock().expect("nobody panicked").insert(name)
    }
}
