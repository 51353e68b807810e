//! What stands in paths, queries and headers.

use fogline_core::model::MAX_NAME;
use fogline_core::model::limits::{MAX_DEADLINE, MAX_IDEMPOTENCY_KEY, MAX_LISTED};
use serde_json::{Map, Value, json};

use crate::headers;

const HEX_ID: &str = "^[0-9a-f]{32}$";
/// Digits of a number that is certain to fit.
const SEEN: &str = r"^[0-9]{1,18}\.[0-9]{1,18}\.[0-9]{1,18}$";

/// The schema of a name.
pub(super) fn name() -> Value {
    json!({"type": "string", "pattern": "^[a-z0-9]([a-z0-9-]*[a-z0-9])?$", "maxLength": MAX_NAME})
}

/// The schema of a session id.
pub(super) fn session_id() -> Value {
    json!({"type": "string", "pattern": "^[a-z0-9]([a-z0-9-]*[a-z0-9])?_[xefcm]{1,4}_[a-z2-7]{26}$"})
}

/// The schema of an id of 16 bytes.
pub(super) fn hex_id() -> Value {
    json!({"type": "string", "pattern": HEX_ID})
}

/// By name among the components.
pub(super) fn parameters() -> Map<String, Value> {
    let mut all = Map::new();
    for (what, schema, description) in [
        ("app", name(), "An application."),
        ("function", name(), "A function of the application."),
        ("state", name(), "A state of the application."),
        ("session", session_id(), "A session of the application."),
        ("run", hex_id(), "A run of the session."),
    ] {
        let value = json!({
            "name": what, "in": "path", "required": true, "schema": schema, "description": description,
        });
        all.insert(what.to_owned(), value);
    }
    let limit = json!({"type": "integer", "minimum": 1, "maximum": MAX_LISTED, "default": 100});
    let number = json!({"type": "integer", "minimum": 0});
    for (key, what, schema, description) in [
        (
            "after-session",
            "after",
            session_id(),
            "List those behind this session.",
        ),
        ("limit", "limit", limit, "How many to list at the most."),
        (
            "after-line",
            "after",
            number.clone(),
            "Give lines behind this number: `next` of the last answer.",
        ),
    ] {
        all.insert(
            key.to_owned(),
            json!({"name": what, "in": "query", "schema": schema, "description": description}),
        );
    }
    let key =
        json!({"type": "string", "minLength": 1, "maxLength": MAX_IDEMPOTENCY_KEY, "pattern": "^[!-~]+$"});
    let longest = format!(
        "How long the caller waits; more than {} counts as that.",
        MAX_DEADLINE.as_millis()
    );
    for (what, schema, description) in [
        (
            headers::IDEMPOTENCY_KEY,
            key,
            "A name for this request: the same name is executed once.",
        ),
        (headers::CLIENT, hex_id(), "The client's id."),
        (
            headers::SEQUENCE,
            number.clone(),
            "The client's number of the request, instead of a key; rising from 1.",
        ),
        (headers::TIMEOUT_MS, number, longest.as_str()),
        (
            headers::SEEN,
            json!({"type": "string", "pattern": SEEN}),
            "What the client has seen of the session: `fogline-seen` of the last answer.",
        ),
        (
            headers::PREFER,
            json!({"type": "string", "enum": ["respond-async"]}),
            "`respond-async`: accept the run now, execute it later (RFC 7240).",
        ),
    ] {
        all.insert(
            what.to_owned(),
            json!({"name": what, "in": "header", "schema": schema, "description": description}),
        );
    }
    all
}

/// The headers of an answer to an invocation, by name.
pub(super) fn answer_headers() -> Map<String, Value> {
    let mut all = Map::new();
    for (what, schema, description) in [
        (headers::NODE, name(), "The node that executed."),
        (
            headers::EXECUTION_US,
            json!({"type": "integer"}),
            "How long the execution took, in microseconds.",
        ),
        (
            headers::SEEN,
            json!({"type": "string", "pattern": SEEN}),
            "What the client has now seen of the session.",
        ),
        (
            headers::REPLAYED,
            json!({"const": "true"}),
            "The request had been executed before: this is its reply.",
        ),
        (
            headers::MODEL,
            json!({"$ref": "#/components/schemas/Model"}),
            "Where the session's states are now.",
        ),
        (
            headers::CONVERT,
            json!({"$ref": "#/components/schemas/Model"}),
            "The operator asks the client, who holds the states, to convert the session to this model.",
        ),
    ] {
        all.insert(
            what.to_owned(),
            json!({"schema": schema, "description": description}),
        );
    }
    all
}

/// References to all of [`answer_headers`].
pub(super) fn answer_header_references() -> Value {
    let reference = |what: &String| {
        (
            what.clone(),
            json!({"$ref": format!("#/components/headers/{what}")}),
        )
    };
    Value::Object(answer_headers().keys().map(reference).collect())
}
