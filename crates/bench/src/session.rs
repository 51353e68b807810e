//! Sessions that are invoked, whoever holds their states.

use std::collections::BTreeMap;

use bytes::Bytes;
use data_encoding::BASE64;
use fogline_core::model::{ExecutionModel, StateName};
use fogline_protocol::api::{NewSession, Session};
use fogline_protocol::multipart::{self, Part};
use http::header::CONTENT_TYPE;
use http::{Request, Uri};
use http_body_util::Full;

use crate::app::{Kind, form};
use crate::connection::{Answer, Connection};
use crate::error::BenchError;
use crate::script::{Script, post};

/// Invokes one function of a session again and again, and keeps the envelopes if the session's client does.
#[derive(Clone, Debug)]
pub struct InSession {
    path: Uri,
    input: Bytes,
    envelopes: BTreeMap<StateName, Bytes>,
}

const CREATING: &str = "creating a session";

/// A new session of an application.
///
/// # Errors
/// When the connection breaks, or the node refuses.
pub async fn create(
    connection: &mut Connection,
    app: &str,
    model: ExecutionModel,
) -> Result<Session, BenchError> {
    let wrong = |problem: String| BenchError::Answer {
        doing: CREATING,
        problem,
    };
    let wanted =
        serde_json::to_vec(&NewSession { model: Some(model) }).map_err(|error| wrong(error.to_string()))?;
    let path: Uri = format!("/v1/apps/{app}/sessions")
        .parse()
        .map_err(|error| wrong(format!("{error}")))?;
    let answer = connection.send(post(path, wanted.into())).await?.ok(CREATING)?;
    serde_json::from_slice(&answer.body).map_err(|error| wrong(error.to_string()))
}

/// So many new sessions, each with a function that is invoked.
///
/// # Errors
/// When the connection breaks, or the node refuses.
pub async fn sessions(
    connection: &mut Connection,
    kind: Kind,
    model: ExecutionModel,
    function: &str,
    input: impl Into<Bytes>,
    count: usize,
) -> Result<Vec<InSession>, BenchError> {
    let wrong = |problem: String| BenchError::Answer {
        doing: CREATING,
        problem,
    };
    let input = input.into();
    let mut all = Vec::with_capacity(count);
    for _ in 0..count {
        let session = create(connection, kind.app(), model).await?;
        let mut envelopes = BTreeMap::new();
        for (state, sealed) in session.envelopes {
            let sealed = BASE64
                .decode(sealed.as_bytes())
                .map_err(|error| wrong(error.to_string()))?;
            envelopes.insert(state, sealed.into());
        }
        let path = format!(
            "/v1/apps/{}/sessions/{}/functions/{function}",
            kind.app(),
            session.session
        );
        let path = path.parse().map_err(|error| wrong(format!("{error}")))?;
        all.push(InSession {
            path,
            input: input.clone(),
            envelopes,
        });
    }
    Ok(all)
}

impl Script for InSession {
    fn request(&mut self) -> Request<Full<Bytes>> {
        if self.envelopes.is_empty() {
            return post(self.path.clone(), self.input.clone());
        }
        let states = self
            .envelopes
            .iter()
            .map(|(state, sealed)| Part::new(multipart::state_part(state), sealed.clone()));
        let input = Part::new(multipart::INPUT, self.input.clone());
        let parts: Vec<Part> = std::iter::once(input).chain(states).collect();
        form(self.path.path(), &parts)
    }

    async fn answered(&mut self, answer: Answer) -> Result<(), String> {
        if self.envelopes.is_empty() {
            return Ok(());
        }
        let content_type = answer
            .headers
            .get(CONTENT_TYPE)
            .and_then(|it| it.to_str().ok())
            .unwrap_or_default();
        let parts = multipart::read(content_type, answer.body)
            .await
            .map_err(|error| error.to_string())?;
        for part in parts {
            if let Some(state) = multipart::state_of(&part.name) {
                self.envelopes.insert(state, part.bytes);
            }
        }
        Ok(())
    }
}
