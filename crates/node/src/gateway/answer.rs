//! From what came of a request to HTTP.

use std::collections::BTreeMap;

use bytes::Bytes;
use data_encoding::BASE64;
use fogline_core::model::{ExecutionModel, NodeName, RunId, StateName};
use fogline_core::session::Seen;
use fogline_protocol::api::{Envelopes, Refused};
use fogline_protocol::headers;
use fogline_protocol::multipart::{self, Boundary, Part, Subtype};
use fogline_protocol::peer::Invoked;
use fogline_protocol::problem::{self, Kind};
use http::header::{ACCEPT, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderMap, HeaderValue, StatusCode};
use http_body_util::Full;
use serde::Serialize;

use crate::fault::Fault;
use crate::random;

/// What a request is answered.
pub type Response = http::Response<Full<Bytes>>;

pub(crate) const JSON: &str = "application/json";
const BYTES: &str = "application/octet-stream";

/// Bytes, with this media type.
pub(crate) fn bytes(status: StatusCode, media_type: &'static str, body: impl Into<Bytes>) -> Response {
    of_type(status, HeaderValue::from_static(media_type), body.into())
}

fn of_type(status: StatusCode, media_type: HeaderValue, body: Bytes) -> Response {
    let mut response = Response::new(Full::new(body));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, media_type);
    response
}

/// A value as JSON.
pub(crate) fn json(status: StatusCode, value: &impl Serialize) -> Response {
    match serde_json::to_vec(value) {
        Ok(text) => bytes(status, JSON, text),
        Err(error) => fault(&Fault::internal(format!("writing JSON: {error}"))),
    }
}

/// Nothing but success.
pub(crate) fn done() -> Response {
    let mut response = Response::default();
    *response.status_mut() = StatusCode::NO_CONTENT;
    response
}

/// A problem, with the envelopes that the client must take, if there are any; as the client wants them.
pub(crate) fn refusal(request: &HeaderMap, fault: &Fault) -> Response {
    let it = fault.problem();
    let status = StatusCode::from_u16(it.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let in_json = fault.envelopes().is_empty() || wants_json(request);
    let states = fault.envelopes().iter().filter(|_| in_json);
    let text = serde_json::to_vec(&Refused {
        problem: it.clone(),
        states: in_base64(states),
    });
    let text = text.unwrap_or_default();
    let mut response = if in_json {
        bytes(status, problem::MEDIA_TYPE, text)
    } else {
        mixed(status, Part::json(multipart::PROBLEM, text), fault.envelopes())
    };
    if it.kind == Kind::Unauthorized {
        response
            .headers_mut()
            .insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    }
    let retry_after = match it.kind {
        Kind::Overloaded | Kind::RollingOut => Some("1"),
        // What has expired makes room about then.
        Kind::QuotaExceeded => Some("60"),
        _ => None,
    };
    if let Some(seconds) = retry_after {
        response
            .headers_mut()
            .insert(RETRY_AFTER, HeaderValue::from_static(seconds));
    }
    name_run(fault.run(), response.headers_mut());
    response
}

/// As [`refusal`], of what nobody has sent envelopes for.
pub(crate) fn fault(fault: &Fault) -> Response {
    refusal(&HeaderMap::new(), fault)
}

fn in_base64<'a>(envelopes: impl IntoIterator<Item = &'a (StateName, Bytes)>) -> BTreeMap<StateName, String> {
    let encoded = |(state, sealed): &(StateName, Bytes)| (state.clone(), BASE64.encode(sealed));
    envelopes.into_iter().map(encoded).collect()
}

/// What the headers of an answer say.
pub(crate) struct About<'a> {
    pub(crate) node: &'a NodeName,
    pub(crate) run: Option<RunId>,
    pub(crate) execution_us: Option<u64>,
    pub(crate) seen: Option<Seen>,
    pub(crate) replayed: bool,
    pub(crate) model: Option<ExecutionModel>,
    pub(crate) convert: Option<ExecutionModel>,
}

impl<'a> From<&'a Invoked> for About<'a> {
    fn from(invoked: &'a Invoked) -> Self {
        Self {
            node: &invoked.node,
            run: None,
            execution_us: Some(invoked.execution_us),
            seen: invoked.seen,
            replayed: invoked.replayed,
            model: invoked.model,
            convert: invoked.convert,
        }
    }
}

/// Output and envelopes, as the client wants them.
pub(crate) fn invoked(
    request: &HeaderMap,
    about: &About<'_>,
    output: Bytes,
    envelopes: &[(StateName, Bytes)],
    in_parts: bool,
) -> Response {
    let mut response = if !in_parts && envelopes.is_empty() {
        bytes(StatusCode::OK, BYTES, output)
    } else if wants_json(request) {
        json(
            StatusCode::OK,
            &Envelopes {
                output: BASE64.encode(&output),
                states: in_base64(envelopes),
            },
        )
    } else {
        mixed(StatusCode::OK, Part::new(multipart::OUTPUT, output), envelopes)
    };
    describe(about, response.headers_mut());
    response
}

/// Whether a client names JSON among what it accepts, and not multipart.
pub(crate) fn wants_json(request: &HeaderMap) -> bool {
    let accepted = request
        .get_all(ACCEPT)
        .iter()
        .filter_map(|accept| accept.to_str().ok());
    let types = accepted
        .flat_map(|accept| accept.split(','))
        .map(|range| range.split(';').next().unwrap_or_default());
    let mut json = false;
    for media_type in types.map(str::trim) {
        json |= media_type.eq_ignore_ascii_case(JSON);
        if multipart::is_multipart(media_type) {
            return false;
        }
    }
    json
}

/// A part, and envelopes.
pub(crate) fn mixed(status: StatusCode, first: Part, envelopes: &[(StateName, Bytes)]) -> Response {
    let boundary = Boundary::new(random::bytes());
    let states = envelopes
        .iter()
        .map(|(state, sealed)| Part::new(multipart::state_part(state), sealed.clone()));
    let parts: Vec<Part> = std::iter::once(first).chain(states).collect();
    let media_type = HeaderValue::from_str(&boundary.content_type(Subtype::Mixed));
    of_type(
        status,
        media_type.unwrap_or(HeaderValue::from_static(BYTES)),
        multipart::write(&boundary, &parts),
    )
}

fn name_run(run: Option<RunId>, into: &mut HeaderMap) {
    if let Some(run) = run.and_then(|run| HeaderValue::from_str(&run.to_string()).ok()) {
        into.insert(headers::RUN, run);
    }
}

fn describe(about: &About<'_>, into: &mut HeaderMap) {
    if let Ok(node) = HeaderValue::from_str(about.node.as_str()) {
        into.insert(headers::NODE, node);
    }
    name_run(about.run, into);
    if let Some(execution_us) = about.execution_us {
        into.insert(headers::EXECUTION_US, HeaderValue::from(execution_us));
    }
    if let Some(seen) = about
        .seen
        .and_then(|seen| HeaderValue::from_str(&seen.to_string()).ok())
    {
        into.insert(headers::SEEN, seen);
    }
    if about.replayed {
        into.insert(headers::REPLAYED, HeaderValue::from_static("true"));
    }
    if let Some(model) = about.model {
        into.insert(headers::MODEL, HeaderValue::from_static(model.name()));
    }
    if let Some(model) = about.convert {
        into.insert(headers::CONVERT, HeaderValue::from_static(model.name()));
    }
}
