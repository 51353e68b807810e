//! Requests to a node, sent again until they are answered or the deadline has passed.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use fogline_core::model::limits::MAX_BODY;
use fogline_protocol::headers;
use fogline_protocol::multipart::{self, Boundary, Part, Subtype};
use fogline_protocol::problem::{Kind, Problem};
use http::header::{CONTENT_TYPE, HeaderName};
use http::{HeaderMap, HeaderValue, Method, StatusCode};
use reqwest::Url;
use tokio::time::{Instant, sleep, timeout_at};

use crate::answer::Answer;
use crate::{Error, random, retry};

/// Largest answer: an output, and as many envelopes as a request could bring back.
const MAX_ANSWER: u64 = 2 * MAX_BODY.0;
/// How long a connection may take to be made; then it is tried again.
const CONNECT: Duration = Duration::from_secs(5);
/// What of the time that is left a node does not get, so that its answer is here in time: a tenth, and no more than
/// this.
const RETURN_TRIP: Duration = Duration::from_millis(100);

/// A request.
#[derive(Clone, Debug)]
pub(crate) struct Ask {
    method: Method,
    path: String,
    headers: HeaderMap,
    body: Bytes,
    known: Option<Problem>,
}

impl Ask {
    /// A request for a path, which begins with `/` and is made of names and ids only.
    pub(crate) fn new(method: Method, path: impl Into<String>) -> Self {
        Self {
            method,
            path: path.into(),
            headers: HeaderMap::new(),
            body: Bytes::new(),
            known: None,
        }
    }

    /// To which this problem is the answer for good, whatever its kind: what is asked for is that it ended so.
    pub(crate) fn known_to_be(mut self, problem: Option<Problem>) -> Self {
        self.known = problem;
        self
    }

    /// With a header. `value` is text, as all our names, ids and numbers are.
    pub(crate) fn header(mut self, name: HeaderName, value: &str) -> Self {
        let value = HeaderValue::from_str(value).expect("names, ids and numbers are visible ASCII");
        self.headers.insert(name, value);
        self
    }

    /// With a body of bytes.
    pub(crate) fn bytes(mut self, body: Bytes) -> Self {
        self.body = body;
        self.header(CONTENT_TYPE, "application/octet-stream")
    }

    /// With a body of JSON.
    pub(crate) fn json(mut self, body: &impl serde::Serialize) -> Self {
        self.body = serde_json::to_vec(body)
            .expect("the API's own types are JSON")
            .into();
        self.header(CONTENT_TYPE, "application/json")
    }

    /// With a body of parts.
    pub(crate) fn parts(mut self, parts: &[Part]) -> Self {
        let boundary = Boundary::new(random::bytes());
        self.body = multipart::write(&boundary, parts);
        self.header(CONTENT_TYPE, &boundary.content_type(Subtype::FormData))
    }
}

/// Why there is no good answer.
#[derive(Debug)]
pub(crate) struct Failed {
    /// Why.
    pub(crate) error: Error,
    /// The last answer, if there was one.
    pub(crate) answer: Option<Box<Answer>>,
    /// Whether the request may have been executed, or may yet be.
    pub(crate) is_open: bool,
    /// Whether it may succeed when it is sent again.
    may_succeed: bool,
}

impl Failed {
    /// The kind of the problem that a node reported.
    pub(crate) fn kind(&self) -> Option<Kind> {
        match &self.error {
            Error::Problem { problem } => Some(problem.kind),
            _ => None,
        }
    }
}

/// A node's address, and connections to it.
#[derive(Debug)]
pub(crate) struct Http {
    client: reqwest::Client,
    base: String,
    token: Option<HeaderValue>,
}

impl Http {
    /// For a node's address.
    pub(crate) fn new(url: &str, token: Option<&str>) -> Result<Self, Error> {
        let bad = |why: String| Error::Address {
            url: url.chars().take(200).collect(),
            why,
        };
        let parsed = Url::parse(url).map_err(|error| bad(error.to_string()))?;
        if parsed.scheme() != "http" || parsed.host_str().is_none() {
            return Err(bad("expected http://".to_owned()));
        }
        let token = token.map(|token| {
            let mut value = HeaderValue::from_str(&format!("Bearer {token}")).map_err(|_| Error::Token)?;
            value.set_sensitive(true);
            Ok::<_, Error>(value)
        });
        let client = reqwest::Client::builder()
            .connect_timeout(CONNECT)
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .map_err(|error| bad(error.to_string()))?;
        Ok(Self {
            client,
            base: url.trim_end_matches('/').to_owned(),
            token: token.transpose()?,
        })
    }

    /// The address.
    pub(crate) fn url(&self) -> &str {
        &self.base
    }

    /// Sends a request until a node answers for good. What is sent again is the same request: whoever needs it to be
    /// executed once gives it a key or a number.
    pub(crate) async fn send(&self, ask: &Ask, deadline: Instant) -> Result<Answer, Failed> {
        let mut is_open = false;
        for attempt in 1.. {
            let mut failed = match self.send_once(ask, deadline).await {
                Ok(mut answer) if answer.status.is_success() => {
                    answer.attempts = attempt;
                    return Ok(answer);
                }
                Ok(answer) => self.refused(ask, answer),
                Err(error) => Failed {
                    is_open: !is_connect(&error),
                    may_succeed: matches!(error, Error::Unreachable { .. }),
                    answer: None,
                    error,
                },
            };
            if !failed.may_succeed {
                // What a node says for good is said of all attempts: they have one number.
                failed.is_open |= is_open && !matches!(failed.error, Error::Problem { .. });
                return Err(failed);
            }
            is_open |= failed.is_open;
            let retry_after = failed.answer.as_ref().and_then(|answer| answer.retry_after());
            let wait = retry::wait(attempt, retry_after, random::fraction());
            if Instant::now() + wait >= deadline {
                failed.is_open = is_open;
                return Err(failed);
            }
            sleep(wait).await;
        }
        unreachable!("the attempts are not counted to an end")
    }

    /// Sends a request once that would do something else if it were sent again.
    pub(crate) async fn once(&self, ask: &Ask, deadline: Instant) -> Result<Answer, Error> {
        let answer = self.send_once(ask, deadline).await?;
        match answer.status.is_success() {
            true => Ok(answer),
            false => Err(self.refused(ask, answer).error),
        }
    }

    /// Sends a request once.
    async fn send_once(&self, ask: &Ask, deadline: Instant) -> Result<Answer, Error> {
        let left = deadline.saturating_duration_since(Instant::now());
        let given = left - RETURN_TRIP.min(left / 10);
        let mut request = self
            .client
            .request(ask.method.clone(), format!("{}{}", self.base, ask.path))
            .headers(ask.headers.clone())
            .header(
                headers::TIMEOUT_MS,
                u64::try_from(given.as_millis()).unwrap_or(u64::MAX),
            )
            .body(ask.body.clone());
        if let Some(token) = &self.token {
            request = request.header(headers::AUTHORIZATION, token.clone());
        }
        let answered = timeout_at(deadline, self.answer(request)).await;
        answered.unwrap_or_else(|_| {
            Err(Error::TimedOut {
                url: self.base.clone(),
            })
        })
    }

    async fn answer(&self, request: reqwest::RequestBuilder) -> Result<Answer, Error> {
        let lost = |source: reqwest::Error| Error::Unreachable {
            url: self.base.clone(),
            source: source.without_url(),
        };
        let mut response = request.send().await.map_err(lost)?;
        let (status, headers) = (response.status(), response.headers().clone());
        let length = response.content_length().unwrap_or(0).min(MAX_ANSWER);
        let mut bytes = BytesMut::with_capacity(usize::try_from(length).unwrap_or(0));
        while let Some(chunk) = response.chunk().await.map_err(lost)? {
            if bytes.len() as u64 + chunk.len() as u64 > MAX_ANSWER {
                return Err(self.strange(format!("more than {MAX_ANSWER} bytes")));
            }
            bytes.extend_from_slice(&chunk);
        }
        Answer::read(status, headers, bytes.freeze())
            .await
            .map_err(|what| self.strange(what))
    }

    fn refused(&self, ask: &Ask, answer: Answer) -> Failed {
        let (error, may_succeed, is_open) = match answer.problem() {
            Some(problem) => {
                let may_succeed = problem.kind.retriable() && ask.known.as_ref() != Some(&problem);
                // Where a queue is full the request has not been let in; a run has, and the steps before may have
                // changed states.
                let is_let_in = problem.kind != Kind::Overloaded || problem.step.is_some();
                let is_open = may_succeed && is_let_in;
                (problem.into(), may_succeed, is_open)
            }
            None => {
                let content_type = answer
                    .headers
                    .get(CONTENT_TYPE)
                    .and_then(|value| value.to_str().ok());
                let what = format!("{} with {}", answer.status, content_type.unwrap_or("no type"));
                let passing = [
                    StatusCode::BAD_GATEWAY,
                    StatusCode::SERVICE_UNAVAILABLE,
                    StatusCode::GATEWAY_TIMEOUT,
                ];
                let may_succeed = passing.contains(&answer.status);
                (self.strange(what), may_succeed, may_succeed)
            }
        };
        Failed {
            error,
            answer: Some(Box::new(answer)),
            is_open,
            may_succeed,
        }
    }

    /// What no node answers.
    pub(crate) fn strange(&self, what: String) -> Error {
        Error::Answer {
            url: self.base.clone(),
            what,
        }
    }
}

/// Whether a request never left.
fn is_connect(error: &Error) -> bool {
    matches!(error, Error::Unreachable { source, .. } if source.is_connect())
}
