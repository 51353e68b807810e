//! What stands in paths, queries and headers.

use fogline_core::model::MAX_NAME;
use fogline_core::model::limits::{MAX_DEADLINE, MAX_IDEMPOTENCY_KEY, MAX_LISTED};
use http::HeaderName;
use serde_json::{Map, Value, json};

use crate::api::RunBy;
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

/// The schema of a whole number.
pub(super) fn number() -> Value {
    json!({"type": "integer", "minimum": 0})
}

/// By name among the components.
pub(super) fn parameters() -> Map<String, Value> {
    let limit = json!({"type": "integer", "minimum": 1, "maximum": MAX_LISTED, "default": 100});
    let after = "Give lines behind this number: `next` of the last answer.";
    let of_requests = [
        ("app", "app", "path", name(), "An application."),
        (
            "function",
            "function",
            "path",
            name(),
            "A function of the application.",
        ),
        ("state", "state", "path", name(), "A state of the application."),
        ("node", "node", "path", name(), "A node of the network."),
        (
            "session",
            "session",
            "path",
            session_id(),
            "A session of the application.",
        ),
        ("run", "run", "path", hex_id(), "A run of the session."),
        (
            "after-session",
            "after",
            "query",
            session_id(),
            "List those behind this session.",
        ),
        ("limit", "limit", "query", limit, "How many to list at the most."),
        (
            "force",
            "force",
            "query",
            json!({"type": "boolean", "default": false}),
            "Deploy also what cannot read the states that there may be: sessions that have them are refused then.",
        ),
        ("after-line", "after", "query", number(), after),
    ];
    let of_requests = of_requests.map(|(key, name, place, schema, description)| {
        let parameter = json!({
            "name": name,
            "in": place,
            "required": place == "path",
            "schema": schema,
            "description": description,
        });
        (key.to_owned(), parameter)
    });
    of_requests.into_iter().chain(request_headers()).collect()
}

fn request_headers() -> impl Iterator<Item = (String, Value)> {
    let key = json!({
        "type": "string",
        "minLength": 1,
        "maxLength": MAX_IDEMPOTENCY_KEY,
        "pattern": "^[!-~]+$",
    });
    let seen = json!({"type": "string", "pattern": SEEN});
    let longest = MAX_DEADLINE.as_millis();
    let all = [
        (
            headers::IDEMPOTENCY_KEY,
            key,
            "A name for this request: the same name is executed once.",
        ),
        (headers::CLIENT, hex_id(), "The client's id."),
        (
            headers::SEQUENCE,
            number(),
            "The client's number of the request, instead of a key; rising from 1.",
        ),
        (
            headers::TIMEOUT_MS,
            number(),
            &format!("How long the caller waits; more than {longest} counts as that."),
        ),
        (
            headers::SEEN,
            seen,
            "What the client has seen of the session: `fogline-seen` of the last answer.",
        ),
        (
            headers::RUN_BY,
            json!({"type": "string", "enum": RunBy::ALL.map(RunBy::name), "default": "node"}),
            "`node`: the node that is asked invokes the steps; `hops`: they call each other.",
        ),
        (
            headers::PREFER,
            json!({"type": "string"}),
            "`respond-async`: accept the run now, execute it later; other preferences are ignored (RFC 7240).",
        ),
        (
            headers::TRACEPARENT,
            json!({"type": "string"}),
            "Of which trace the request is, and which span caused it (W3C Trace Context).",
        ),
        (
            headers::TRACESTATE,
            json!({"type": "string"}),
            "What others want to be passed on with the trace, up to 512 bytes (W3C Trace Context).",
        ),
    ];
    let parameter = |(name, schema, description): (HeaderName, Value, &str)| {
        let parameter =
            json!({"name": name.as_str(), "in": "header", "schema": schema, "description": description});
        (name.to_string(), parameter)
    };
    all.map(parameter).into_iter()
}

/// The headers of an answer to an invocation, by name.
pub(super) fn answer_headers() -> Map<String, Value> {
    let mut all = Map::new();
    for (what, schema, description) in [
        (
            headers::NODE,
            name(),
            "The node that executed; of a run, the node that was asked for it.",
        ),
        (headers::RUN, hex_id(), "Of a run: its id."),
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
            what.to_string(),
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
