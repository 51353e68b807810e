//! A node that does what a test says, on a real socket, and remembers what it was asked.

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::response::Response;
use bytes::Bytes;
use fogline_core::application::{Durability, Guard};
use fogline_core::model::{Birth, ExecutionModel, SessionId};
use fogline_protocol::api::{App, AppFunction, AppState, AppStep, Session, SessionPart};
use fogline_protocol::multipart::{self, Boundary, Part, Subtype, state_part};
use fogline_protocol::problem::{Kind, Problem};
use http::HeaderMap;

/// A request.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) headers: HeaderMap,
    /// A body without parts is the part `input`.
    pub(crate) parts: BTreeMap<String, Bytes>,
}

impl Asked {
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    pub(crate) fn part(&self, name: &str) -> &str {
        std::str::from_utf8(&self.parts[name]).unwrap()
    }

    pub(crate) fn part_names(&self) -> Vec<&str> {
        self.parts.keys().map(String::as_str).collect()
    }
}

type Answering = Pin<Box<dyn Future<Output = Response> + Send>>;

/// A node.
pub(crate) struct Node {
    pub(crate) url: String,
    asked: Arc<Mutex<Vec<Asked>>>,
    app: Arc<Mutex<App>>,
    server: tokio::task::JoinHandle<()>,
}

impl Drop for Node {
    fn drop(&mut self) {
        self.server.abort();
    }
}

impl Node {
    /// A node that answers so; the number of the request, from 0, comes with it. It knows [`app`] by itself.
    pub(crate) async fn start<A: Future<Output = Response> + Send + 'static>(
        answer: impl Fn(usize, Asked) -> A + Send + Sync + 'static,
    ) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let asked: Arc<Mutex<Vec<Asked>>> = Arc::default();
        let answer = Arc::new(move |at, asked| Box::pin(answer(at, asked)) as Answering);
        let app = Arc::new(Mutex::new(app()));
        let (log, known) = (Arc::clone(&asked), Arc::clone(&app));
        let handle = move |request: Request| {
            let (answer, log, known) = (Arc::clone(&answer), Arc::clone(&log), Arc::clone(&known));
            async move {
                let asked = read(request).await;
                if asked.method == "GET" && asked.path == "/v1/apps/shop" {
                    return json(&*known.lock().unwrap());
                }
                let at = {
                    let mut log = log.lock().unwrap();
                    log.push(asked.clone());
                    log.len() - 1
                };
                answer(at, asked).await
            }
        };
        let router = Router::new().fallback(handle);
        let server = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self {
            url,
            asked,
            app,
            server,
        }
    }

    /// Another version of the application is deployed.
    pub(crate) fn deploy(&self, app: App) {
        *self.app.lock().unwrap() = app;
    }

    /// What it was asked, but for the application.
    pub(crate) fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }
}

async fn read(request: Request) -> Asked {
    let (head, body) = request.into_parts();
    let body = axum::body::to_bytes(body, usize::MAX).await.unwrap();
    let content_type = head
        .headers
        .get("content-type")
        .map_or("", |value| value.to_str().unwrap())
        .to_owned();
    let parts = match multipart::is_multipart(&content_type) {
        true => {
            let parts = multipart::read(&content_type, body).await.unwrap();
            parts.into_iter().map(|part| (part.name, part.bytes)).collect()
        }
        false => [("input".to_owned(), body)].into(),
    };
    Asked {
        method: head.method.to_string(),
        path: head.uri.to_string(),
        headers: head.headers,
        parts,
    }
}

pub(crate) fn ok(body: &str, headers: &[(&'static str, &str)]) -> Response {
    with(Response::new(Body::from(body.to_owned())), headers)
}

pub(crate) fn json(value: &impl serde::Serialize) -> Response {
    Response::new(Body::from(serde_json::to_vec(value).unwrap()))
}

/// An output and envelopes, each a state's name and what is in it.
pub(crate) fn mixed(output: &str, states: &[(&str, &str)], headers: &[(&'static str, &str)]) -> Response {
    parts(200, Part::new("output", output.to_owned()), states, headers)
}

pub(crate) fn parts(
    status: u16,
    first: Part,
    states: &[(&str, &str)],
    headers: &[(&'static str, &str)],
) -> Response {
    let boundary = Boundary::new([5; 16]);
    let mut all = vec![first];
    for (state, envelope) in states {
        all.push(Part::new(
            state_part(&state.parse().unwrap()),
            (*envelope).to_owned(),
        ));
    }
    let mut response = Response::new(Body::from(multipart::write(&boundary, &all)));
    *response.status_mut() = http::StatusCode::from_u16(status).unwrap();
    response.headers_mut().insert(
        "content-type",
        boundary.content_type(Subtype::Mixed).parse().unwrap(),
    );
    with(response, headers)
}

pub(crate) fn problem(kind: Kind, headers: &[(&'static str, &str)]) -> Response {
    let mut response = json(&Problem::new(kind, "it did not work", "do something else"));
    *response.status_mut() = http::StatusCode::from_u16(kind.status()).unwrap();
    with(response, headers)
}

/// A connection that breaks in the middle of an answer.
pub(crate) fn broken() -> Response {
    let stream =
        futures_util::stream::iter([Ok(Bytes::from_static(b"half")), Err(std::io::Error::other("cut"))]);
    Response::new(Body::from_stream(stream))
}

/// An answer that never comes.
pub(crate) async fn never() -> Response {
    std::future::pending().await
}

fn with(mut response: Response, headers: &[(&'static str, &str)]) -> Response {
    for (name, value) in headers {
        response.headers_mut().insert(*name, value.parse().unwrap());
    }
    response
}

pub(crate) fn session(part: Birth) -> SessionId {
    SessionId::mint("edge-1".parse().unwrap(), vec![part], [7; 16]).unwrap()
}

pub(crate) fn described(model: ExecutionModel) -> Session {
    let part = SessionPart {
        model,
        node: None,
        epoch: 1,
        version: 1,
        expires_unix_ms: None,
        states: Vec::new(),
        separate_snapshot: false,
    };
    Session {
        session: session(Birth::InClient),
        parts: vec![part],
        envelopes: BTreeMap::new(),
    }
}

/// `add` writes `cart`, `note` writes `notes`, `look` reads `cart`. The workflow: add, then look and note at once, then
/// join.
pub(crate) fn app() -> App {
    let function = |name: &str, reads: &[&str], writes: &[&str]| AppFunction {
        name: name.parse().unwrap(),
        reads: reads.iter().map(|name| name.parse().unwrap()).collect(),
        writes: writes.iter().map(|name| name.parse().unwrap()).collect(),
    };
    let state = |name: &str| AppState {
        name: name.parse().unwrap(),
        model: ExecutionModel::InClient,
        own_model: false,
        schema: 1,
    };
    let step = |name: &str, function: &str, after: &[&str]| AppStep {
        name: name.parse().unwrap(),
        function: function.parse().unwrap(),
        after: after.iter().map(|name| name.parse().unwrap()).collect(),
    };
    App {
        name: "shop".parse().unwrap(),
        version: "1".to_owned(),
        digest: "0".repeat(64),
        model: ExecutionModel::InClient,
        durability: Durability::default(),
        guard: Guard::default(),
        functions: vec![
            function("add", &["cart"], &["cart"]),
            function("note", &["notes"], &["notes"]),
            function("look", &["cart"], &[]),
            function("join", &[], &[]),
        ],
        states: vec![state("cart"), state("notes")],
        workflow: vec![
            step("first", "add", &[]),
            step("left", "look", &["first"]),
            step("right", "note", &["first"]),
            step("last", "join", &["left", "right"]),
        ],
        pending: Vec::new(),
    }
}
