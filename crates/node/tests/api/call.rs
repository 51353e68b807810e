//! Requests to a node, and what comes back.

use std::collections::BTreeMap;

use bytes::Bytes;
use fogline_node::{Handle, Operator, Tenants};
use fogline_protocol::api::Session;
use fogline_protocol::multipart::{self, Part};
use fogline_protocol::problem::{Kind, MEDIA_TYPE, Problem};
use reqwest::header::HeaderMap;
use reqwest::{Method, RequestBuilder};
use serde::de::DeserializeOwned;
use tempfile::TempDir;

use crate::node;

/// A node, and a caller of it.
pub(crate) struct Server {
    pub(crate) url: String,
    http: reqwest::Client,
    handle: Handle,
    folder: TempDir,
}

/// What came back.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Server {
    /// A node with external states, in loopback development mode, with these example applications.
    pub(crate) async fn with(examples: &[&str]) -> Self {
        let server = Self::of(Tenants::Open(node::tenant()), true).await;
        for example in examples {
            server.deploy(example, str::to_owned).await.status(200);
        }
        server
    }

    pub(crate) async fn of(tenants: Tenants, cloud: bool) -> Self {
        let folder = tempfile::tempdir().expect("a folder can be made");
        let handle = node::node(folder.path(), (tenants, Operator::Anyone), cloud, None).await;
        let url = format!("http://{}", handle.http());
        Self {
            url,
            http: reqwest::Client::new(),
            handle,
            folder,
        }
    }

    /// The same node, stopped and started again.
    pub(crate) async fn again(self) -> Self {
        self.handle.stop().await;
        let open = (Tenants::Open(node::tenant()), Operator::Anyone);
        let handle = node::node(self.folder.path(), open, true, None).await;
        Self {
            url: format!("http://{}", handle.http()),
            handle,
            ..self
        }
    }

    pub(crate) async fn stop(self) {
        self.handle.stop().await;
    }

    pub(crate) fn ask(&self, method: Method, path: &str) -> RequestBuilder {
        self.http.request(method, format!("{}{path}", self.url))
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        send(self.ask(Method::GET, path)).await
    }

    pub(crate) async fn post(&self, path: &str, body: impl Into<reqwest::Body>) -> Answer {
        send(self.ask(Method::POST, path).body(body)).await
    }

    pub(crate) async fn put(&self, path: &str, body: impl Into<reqwest::Body>) -> Answer {
        send(self.ask(Method::PUT, path).body(body)).await
    }

    pub(crate) async fn deploy(&self, example: &str, edit: impl Fn(&str) -> String) -> Answer {
        let (content_type, body) = node::package(example, edit);
        send(
            self.ask(Method::POST, "/v1/apps")
                .header("content-type", content_type)
                .body(body),
        )
        .await
    }

    /// Creates a session, and gives its path.
    pub(crate) async fn session(&self, app: &str, model: &str) -> String {
        let body = format!("{{\"model\": \"{model}\"}}");
        let session: Session = self
            .post(&format!("/v1/apps/{app}/sessions"), body)
            .await
            .status(201)
            .json();
        format!("/v1/apps/{app}/sessions/{}", session.session)
    }

    /// Creates a session whose client holds its states: its path, and the parts that the client must send.
    pub(crate) async fn held(&self, app: &str) -> (String, Vec<Part>) {
        let session: Session = self
            .post(&format!("/v1/apps/{app}/sessions"), "")
            .await
            .status(201)
            .json();
        let envelopes = session.envelopes.iter().map(|(state, sealed)| {
            let sealed = data_encoding::BASE64
                .decode(sealed.as_bytes())
                .expect("envelopes are base64");
            Part::new(multipart::state_part(state), sealed)
        });
        (
            format!("/v1/apps/{app}/sessions/{}", session.session),
            envelopes.collect(),
        )
    }

    /// A request with an input and envelopes in parts.
    pub(crate) fn in_parts(&self, path: &str, input: &str, envelopes: &[Part]) -> RequestBuilder {
        let mut parts = vec![Part::new(multipart::INPUT, input.to_owned())];
        parts.extend_from_slice(envelopes);
        let (content_type, body) = node::form(&parts);
        self.ask(Method::POST, path)
            .header("content-type", content_type)
            .body(body)
    }
}

/// Sends a request.
pub(crate) async fn send(request: RequestBuilder) -> Answer {
    let response = request.send().await.expect("the node answers");
    let (status, headers) = (response.status().as_u16(), response.headers().clone());
    Answer {
        status,
        headers,
        body: response.bytes().await.expect("the answer is whole"),
    }
}

impl Answer {
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    #[track_caller]
    pub(crate) fn status(self, expected: u16) -> Self {
        assert_eq!(self.status, expected, "{}", self.text());
        self
    }

    #[track_caller]
    pub(crate) fn json<T: DeserializeOwned>(&self) -> T {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.text()))
    }

    /// The parts of the body, by name.
    pub(crate) async fn parts(&self) -> BTreeMap<String, Bytes> {
        let content_type = self.header("content-type").expect("it has a media type");
        let parts = multipart::read(content_type, self.body.clone())
            .await
            .expect("the parts can be read");
        parts.into_iter().map(|part| (part.name, part.bytes)).collect()
    }

    /// The problem, which must be one of this kind, and told as RFC 9457 and the documentation say.
    #[track_caller]
    pub(crate) fn problem(&self, kind: Kind) -> Problem {
        assert_eq!(self.header("content-type"), Some(MEDIA_TYPE), "{}", self.text());
        let problem: Problem = self.json();
        assert_eq!(problem.kind, kind, "{problem}");
        assert_eq!((self.status, problem.status), (kind.status(), kind.status()));
        assert_eq!(problem.type_, format!("/problems/{}", kind.name()));
        assert_eq!(problem.blame, kind.blame());
        assert!(
            !problem.title.is_empty() && !problem.hint.is_empty(),
            "{problem:?}"
        );
        problem
    }
}
