//! What a node answers.

use std::str::FromStr;
use std::time::Duration;

use bytes::Bytes;
use fogline_core::model::StateName;
use fogline_protocol::headers;
use fogline_protocol::multipart::{self, Part};
use fogline_protocol::problem::Problem;
use http::header::{CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderMap, HeaderName, StatusCode};
use serde::de::DeserializeOwned;

/// What a node answered.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    /// The status.
    pub(crate) status: StatusCode,
    /// The headers.
    pub(crate) headers: HeaderMap,
    /// The body.
    pub(crate) body: Body,
    /// How often the request had been sent.
    pub(crate) attempts: u32,
}

/// The body of an answer.
#[derive(Clone, Debug)]
pub(crate) enum Body {
    /// As it is.
    Whole(Bytes),
    /// `multipart/mixed`.
    Parts(Vec<Part>),
}

impl Answer {
    /// Takes the body apart, if it has parts. The error says what is wrong with it.
    pub(crate) async fn read(status: StatusCode, headers: HeaderMap, bytes: Bytes) -> Result<Self, String> {
        let content_type = headers
            .get(CONTENT_TYPE)
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default();
        let body = if multipart::is_multipart(content_type) {
            Body::Parts(
                multipart::read(content_type, bytes)
                    .await
                    .map_err(|error| error.to_string())?,
            )
        } else {
            Body::Whole(bytes)
        };
        Ok(Self {
            status,
            headers,
            body,
            attempts: 1,
        })
    }

    /// The part of this name; a body without parts is the part that is asked for.
    pub(crate) fn part(&self, name: &str) -> Option<&Bytes> {
        match &self.body {
            Body::Whole(bytes) => Some(bytes),
            Body::Parts(parts) => parts
                .iter()
                .find(|part| part.name == name)
                .map(|part| &part.bytes),
        }
    }

    /// A part as JSON, or what is wrong with it.
    pub(crate) fn json<T: DeserializeOwned>(&self, part: &str) -> Result<T, String> {
        let bytes = self.part(part).ok_or_else(|| format!("no part \"{part}\""))?;
        serde_json::from_slice(bytes).map_err(|error| error.to_string())
    }

    /// The problem that it reports; none where something answered that is not a node.
    pub(crate) fn problem(&self) -> Option<Problem> {
        self.json(multipart::PROBLEM).ok()
    }

    /// New envelopes, by state; an empty one says that there is no such state any more.
    pub(crate) fn envelopes(&self) -> Vec<(StateName, Bytes)> {
        match &self.body {
            Body::Whole(_) => Vec::new(),
            Body::Parts(parts) => {
                let envelope = |part: &Part| Some((multipart::state_of(&part.name)?, part.bytes.clone()));
                parts.iter().filter_map(envelope).collect()
            }
        }
    }

    /// A header's value, where it is there and understood.
    pub(crate) fn header<T: FromStr>(&self, name: HeaderName) -> Option<T> {
        self.headers.get(name)?.to_str().ok()?.parse().ok()
    }

    /// How long the execution took.
    pub(crate) fn execution(&self) -> Option<Duration> {
        self.header(headers::EXECUTION_US).map(Duration::from_micros)
    }

    /// When to come back. A date, which HTTP also allows here, is not what a node sends.
    pub(crate) fn retry_after(&self) -> Option<Duration> {
        self.header(RETRY_AFTER).map(Duration::from_secs)
    }
}
