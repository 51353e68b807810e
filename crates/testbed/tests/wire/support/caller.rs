//! Requests to a node, as curl would send them.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use fogline_protocol::api::{App, NodeInfo, Nodes, Session};
use fogline_protocol::multipart::{self, Boundary, Part, Subtype};

/// The root of the repository.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// Who callers are, unless they say otherwise.
pub(crate) const CLIENT: &str = "00112233445566778899aabbccddeeff";

/// A caller of one node.
pub(crate) struct Caller {
    pub(crate) http: reqwest::Client,
    pub(crate) url: String,
}

/// What came back.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: reqwest::header::HeaderMap,
    pub(crate) body: bytes::Bytes,
}

impl Answer {
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub(crate) fn ok(self) -> Self {
        assert!(
            (200..300).contains(&self.status),
            "{}: {}",
            self.status,
            self.text()
        );
        self
    }

    /// That it is this refusal.
    #[track_caller]
    pub(crate) fn is(&self, status: u16, kind: &str) {
        assert_eq!(
            (self.status, self.kind().as_str()),
            (status, kind),
            "{}",
            self.text()
        );
    }

    /// The kind of problem that it is.
    pub(crate) fn kind(&self) -> String {
        let problem: serde_json::Value = self.json();
        problem["kind"].as_str().unwrap_or_default().to_owned()
    }

    /// A header; empty if it is not there.
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default()
    }

    pub(crate) fn json<T: serde::de::DeserializeOwned>(&self) -> T {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.text()))
    }
}

impl Caller {
    pub(crate) fn new(url: impl Into<String>) -> Self {
        Self {
            http: reqwest::Client::new(),
            url: url.into(),
        }
    }

    pub(crate) fn with_token(url: impl Into<String>, token: &str) -> Self {
        let mut headers = reqwest::header::HeaderMap::new();
        headers.insert(
            "authorization",
            format!("Bearer {token}").parse().expect("it is plain text"),
        );
        let http = reqwest::Client::builder()
            .default_headers(headers)
            .build()
            .expect("it can be built");
        Self {
            http,
            url: url.into(),
        }
    }

    pub(crate) async fn send(&self, request: reqwest::RequestBuilder) -> Answer {
        let response = request.send().await.expect("the node answers");
        Answer {
            status: response.status().as_u16(),
            headers: response.headers().clone(),
            body: response.bytes().await.expect("the answer is whole"),
        }
    }

    pub(crate) fn post(&self, path: &str) -> reqwest::RequestBuilder {
        self.http.post(format!("{}{path}", self.url))
    }

    pub(crate) fn get(&self, path: &str) -> reqwest::RequestBuilder {
        self.http.get(format!("{}{path}", self.url))
    }

    /// Deploys an example application, its manifest changed by `edit`.
    pub(crate) async fn deploy(&self, example: &str, edit: impl Fn(&str) -> String) -> App {
        self.deploy_parts(&package(example, edit)).await.ok().json()
    }

    /// The same, also if it cannot read what is stored.
    pub(crate) async fn force_deploy(&self, example: &str, edit: impl Fn(&str) -> String) -> App {
        let parts = package(example, edit);
        self.deploy_to("/v1/apps?force=true", &parts).await.ok().json()
    }

    /// Deploys what may not be deployable.
    pub(crate) async fn deploy_parts(&self, parts: &[Part]) -> Answer {
        self.deploy_to("/v1/apps", parts).await
    }

    async fn deploy_to(&self, path: &str, parts: &[Part]) -> Answer {
        let (content_type, body) = form(parts);
        self.send(self.post(path).header("content-type", content_type).body(body))
            .await
    }

    pub(crate) async fn session(&self, app: &str, model: &str) -> Held {
        let body = format!("{{\"model\": \"{model}\"}}");
        let session: Session = self
            .send(self.post(&format!("/v1/apps/{app}/sessions")).body(body))
            .await
            .ok()
            .json();
        let envelopes = session.envelopes.iter().map(|(state, sealed)| {
            let sealed = data_encoding::BASE64
                .decode(sealed.as_bytes())
                .expect("it is base64");
            (state.to_string(), sealed.into())
        });
        Held {
            app: app.to_owned(),
            id: session.session.to_string(),
            envelopes: envelopes.collect(),
        }
    }

    /// Posts to a path of a session, with the envelopes that are held, and keeps the new ones.
    pub(crate) async fn in_session(
        &self,
        held: &mut Held,
        path: &str,
        input: impl Into<bytes::Bytes>,
        headers: &[(&str, &str)],
    ) -> Answer {
        self.with_envelopes(held, path, Part::new(multipart::INPUT, input), headers)
            .await
    }

    /// Gets what is at a path of a session, and keeps the envelopes that come with it.
    pub(crate) async fn get_in_session(&self, held: &mut Held, path: &str) -> Answer {
        let path = format!("/v1/apps/{}/sessions/{}/{path}", held.app, held.id);
        let mut answer = self.send(self.get(&path)).await;
        keep(held, &mut answer).await;
        answer
    }

    /// Asks for a session under another model, as its client if it says who it is, else as an operator.
    pub(crate) async fn convert(&self, held: &mut Held, model: &str, headers: &[(&str, &str)]) -> Answer {
        let wanted = Part::json(multipart::CONVERT, format!("{{\"to\": \"{model}\"}}"));
        self.with_envelopes(held, "convert", wanted, headers).await
    }

    async fn with_envelopes(
        &self,
        held: &mut Held,
        path: &str,
        first: Part,
        headers: &[(&str, &str)],
    ) -> Answer {
        let mut request = self.post(&format!("/v1/apps/{}/sessions/{}/{path}", held.app, held.id));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        if held.envelopes.is_empty() {
            let mut answer = self.send(request.body(first.bytes)).await;
            keep(held, &mut answer).await;
            return answer;
        }
        if !headers.iter().any(|(name, _)| *name == "fogline-client") {
            request = request.header("fogline-client", CLIENT);
        }
        let mut parts = vec![first];
        parts.extend(
            held.envelopes
                .iter()
                .map(|(state, sealed)| Part::new(format!("state.{state}"), sealed.clone())),
        );
        let (content_type, body) = form(&parts);
        let mut answer = self
            .send(request.header("content-type", content_type).body(body))
            .await;
        keep(held, &mut answer).await;
        answer
    }
}

/// Waits until a node sees the others so.
pub(crate) async fn sees(caller: &Caller, as_wanted: impl Fn(&[NodeInfo]) -> bool) {
    let ends = super::deadline();
    loop {
        let nodes: Nodes = caller.send(caller.get("/v1/nodes")).await.ok().json();
        if as_wanted(&nodes.nodes) {
            return;
        }
        assert!(Instant::now() < ends, "it sees {:#?}", nodes.nodes);
        // Nothing tells of the next change.
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Changes a manifest so that its in-client states are guarded so.
pub(crate) fn with_guard(guard: &str) -> impl Fn(&str) -> String {
    let guard = format!("[application]\nguard = \"{guard}\"");
    move |manifest| manifest.replacen("[application]", &guard, 1)
}

/// Changes a manifest so that its in-function states are as durable as this.
pub(crate) fn with_durability(durability: &'static str) -> impl Fn(&str) -> String {
    move |manifest| {
        manifest.replacen(
            "[application]",
            &format!("[application]\ndurability = \"{durability}\""),
            1,
        )
    }
}

/// The parts of an example application, its manifest changed by `edit`.
pub(crate) fn package(example: &str, edit: impl Fn(&str) -> String) -> Vec<Part> {
    let folder = root().join("functions").join(example);
    let manifest = edit(&std::fs::read_to_string(folder.join("fogline.toml")).expect("there is a manifest"));
    let mut parts = vec![Part::new(multipart::MANIFEST, manifest)];
    for entry in std::fs::read_dir(&folder).expect("the folder can be read") {
        let path = entry.expect("it can be read").path();
        if path
            .extension()
            .is_some_and(|extension| extension == "wasm" || extension == "py")
        {
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            parts.push(Part::new(
                name,
                std::fs::read(&path).expect("the component can be read"),
            ));
        }
    }
    parts
}

/// A session, and what its client holds of it.
#[derive(Clone)]
pub(crate) struct Held {
    pub(crate) app: String,
    pub(crate) id: String,
    pub(crate) envelopes: BTreeMap<String, bytes::Bytes>,
}

fn form(parts: &[Part]) -> (String, bytes::Bytes) {
    let boundary = Boundary::new([7; 16]);
    (
        boundary.content_type(Subtype::FormData),
        multipart::write(&boundary, parts),
    )
}

/// Keeps the envelopes of an answer, and leaves what else it says.
async fn keep(held: &mut Held, answer: &mut Answer) {
    let content_type = answer
        .headers
        .get("content-type")
        .and_then(|it| it.to_str().ok())
        .unwrap_or("");
    if !multipart::is_multipart(content_type) {
        return;
    }
    for part in multipart::read(content_type, answer.body.clone())
        .await
        .expect("the parts can be read")
    {
        match part.name.strip_prefix("state.") {
            Some(state) => drop(held.envelopes.insert(state.to_owned(), part.bytes)),
            None => answer.body = part.bytes,
        }
    }
}

/// The example of a program in another language, its manifest changed by `edit`, its answers begun with these lines of Python.
pub(crate) fn program(edit: impl Fn(&str) -> String, begins: &str) -> Vec<Part> {
    let mut parts = package("process-python", edit);
    for part in parts.iter_mut().filter(|part| part.name == "app.py") {
        let code = String::from_utf8(part.bytes.to_vec()).expect("it is text");
        let answer = "def answer(request):\n";
        part.bytes = code.replacen(answer, &format!("{answer}{begins}"), 1).into();
    }
    parts
}
