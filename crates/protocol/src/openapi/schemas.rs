//! The schemas of bodies; a test compares them with the types of [`crate::api`].

use fogline_core::model::ExecutionModel;
use fogline_core::policy::Placement;
use serde_json::{Map, Value, json};

use super::parameters::{hex_id, name, number, session_id};
use crate::problem::Kind;

/// By name among the components.
pub(super) fn schemas() -> Map<String, Value> {
    let mut all = Map::new();
    let mut add = |what: &str, schema: Value| all.insert(what.to_owned(), schema);
    let models = ExecutionModel::PAPER.map(ExecutionModel::name);
    add(
        "Model",
        json!({"type": "string", "enum": models, "description": "Where states live."}),
    );
    applications(&mut add);
    sessions(&mut add);
    add(
        "Run",
        object(
            &[
                ("run", hex_id()),
                ("node", name()),
                (
                    "status",
                    json!({"type": "string", "enum": ["accepted", "done", "failed"]}),
                ),
                ("finished", list(name())),
            ],
            &[("problem", reference("Problem"))],
        ),
    );
    add(
        "Envelopes",
        object(&[("output", base64()), ("states", by_name(&base64()))], &[]),
    );
    add(
        "Logs",
        object(&[("lines", list(reference("LogLine"))), ("next", count())], &[]),
    );
    add(
        "LogLine",
        object(
            &[
                ("at_unix_ms", count()),
                ("node", name()),
                ("function", name()),
                ("invocation", hex_id()),
                (
                    "level",
                    json!({"type": "string", "enum": ["debug", "info", "warn", "error"]}),
                ),
                ("message", text()),
            ],
            &[],
        ),
    );
    add(
        "Problem",
        object(
            &[
                ("type", text()),
                (
                    "kind",
                    json!({"type": "string", "enum": Kind::ALL.map(Kind::name)}),
                ),
                (
                    "blame",
                    json!({"type": "string", "enum": ["caller", "function", "load", "operator", "platform"]}),
                ),
                ("status", json!({"type": "integer"})),
                ("title", text()),
                ("hint", text()),
            ],
            &[("step", name()), ("states", by_name(&base64()))],
        ),
    );
    all
}

fn applications(add: &mut impl FnMut(&str, Value) -> Option<Value>) {
    add(
        "App",
        object(
            &[
                ("name", name()),
                ("version", text()),
                ("digest", json!({"type": "string", "pattern": "^[0-9a-f]{64}$"})),
                ("model", reference("Model")),
                (
                    "durability",
                    json!({"type": "string", "enum": ["memory", "checkpoint", "every-commit"]}),
                ),
                ("guard", json!({"type": "string", "enum": ["none", "mark"]})),
                ("functions", list(reference("AppFunction"))),
                ("states", list(reference("AppState"))),
                ("workflow", list(reference("AppStep"))),
            ],
            &[("pending", list(name()))],
        ),
    );
    add(
        "AppFunction",
        object(
            &[
                ("name", name()),
                ("reads", list(name())),
                ("writes", list(name())),
            ],
            &[],
        ),
    );
    add(
        "AppState",
        object(
            &[
                ("name", name()),
                ("model", reference("Model")),
                ("own_model", json!({"type": "boolean"})),
                ("schema", count()),
            ],
            &[],
        ),
    );
    add(
        "AppStep",
        object(
            &[("name", name()), ("function", name()), ("after", list(name()))],
            &[],
        ),
    );
    add("Apps", object(&[("apps", list(reference("App")))], &[]));
}

fn nodes(add: &mut impl FnMut(&str, Value) -> Option<Value>) {
    let (text, truth) = (json!({"type": "string"}), json!({"type": "boolean"}));
    add(
        "Nodes",
        object(&[("here", name()), ("nodes", list(reference("NodeInfo")))], &[]),
    );
    add(
        "NodeInfo",
        object(
            &[
                ("name", name()),
                (
                    "presence",
                    json!({"type": "string", "enum": ["alive", "silent", "left", "listed"]}),
                ),
            ],
            &[
                ("since_ms", number()),
                ("http", text.clone()),
                ("peering", text.clone()),
                ("telemetry", reference("NodeTelemetry")),
                ("rtt_us", number()),
                ("rate_bps", number()),
            ],
        ),
    );
    add(
        "NodeTelemetry",
        object(
            &[
                ("arch", text.clone()),
                ("capabilities", list(text)),
                ("functions", truth.clone()),
                ("issuer", truth.clone()),
                ("draining", truth),
                ("queued", number()),
                ("running", number()),
                ("slots", number()),
                ("busy_permille", number()),
                ("free_memory", number()),
            ],
            &[],
        ),
    );
}

fn quota(add: &mut impl FnMut(&str, Value) -> Option<Value>) {
    add(
        "Quota",
        object(
            &[("node", name()), ("tenant", name())],
            &[
                ("sessions", reference("Share")),
                ("bytes", reference("Share")),
                ("requests", reference("Requests")),
            ],
        ),
    );
    add("Share", object(&[("used", number()), ("most", number())], &[]));
    add(
        "Requests",
        object(
            &[("left", number()), ("per_second", number()), ("burst", number())],
            &[],
        ),
    );
}

fn placement(add: &mut impl FnMut(&str, Value) -> Option<Value>) {
    add(
        "Explanation",
        object(
            &[
                ("node", name()),
                (
                    "policy",
                    json!({"type": "string", "enum": Placement::ALL.map(Placement::name)}),
                ),
                ("input_bytes", count()),
                ("states", list(reference("StateSize"))),
                (
                    "because",
                    json!({"type": "string", "enum": ["policy", "owner", "only-node"]}),
                ),
                ("candidates", list(reference("Candidate"))),
            ],
            &[
                ("model", reference("Model")),
                ("home", name()),
                ("chosen", name()),
            ],
        ),
    );
    add("StateSize", object(&[("name", name()), ("bytes", count())], &[]));
    add(
        "Candidate",
        object(
            &[
                ("node", name()),
                ("queue_seconds", seconds()),
                ("processing_seconds", seconds()),
                ("arguments_seconds", seconds()),
                ("results_seconds", seconds()),
                ("states_seconds", seconds()),
            ],
            &[
                ("score_seconds", seconds()),
                ("heard_seconds_ago", seconds()),
                ("excluded", text()),
            ],
        ),
    );
}

fn sessions(add: &mut impl FnMut(&str, Value) -> Option<Value>) {
    placement(add);
    add(
        "NewSession",
        asked(object(
            &[],
            &[("model", json!({"anyOf": [reference("Model"), {"type": "null"}]}))],
        )),
    );
    nodes(add);
    quota(add);
    add(
        "Drained",
        object(
            &[("moved", number()), ("left", number()), ("runs", number())],
            &[],
        ),
    );
    add("Migrate", asked(object(&[("node", name())], &[])));
    add("Convert", asked(object(&[("to", reference("Model"))], &[])));
    add(
        "Session",
        object(
            &[
                ("session", session_id()),
                ("parts", list(reference("SessionPart"))),
            ],
            &[("envelopes", by_name(&base64()))],
        ),
    );
    add(
        "SessionPart",
        object(
            &[
                ("model", reference("Model")),
                ("epoch", count()),
                ("version", count()),
                ("states", list(reference("StateInfo"))),
                ("separate_snapshot", json!({"type": "boolean"})),
            ],
            &[("node", name()), ("expires_unix_ms", count())],
        ),
    );
    add(
        "StateInfo",
        object(
            &[
                ("name", name()),
                ("bytes", count()),
                ("schema", count()),
                ("version", count()),
            ],
            &[],
        ),
    );
    add(
        "Sessions",
        object(
            &[("sessions", list(reference("Session")))],
            &[("next", session_id()), ("unreachable", list(text()))],
        ),
    );
    add("States", object(&[("states", list(reference("StateInfo")))], &[]));
}

/// Fields that are always there, and fields that may be.
fn object(required: &[(&str, Value)], optional: &[(&str, Value)]) -> Value {
    let names: Vec<_> = required.iter().map(|(name, _)| *name).collect();
    let fields = required
        .iter()
        .chain(optional)
        .map(|(name, schema)| ((*name).to_owned(), schema.clone()));
    json!({"type": "object", "properties": fields.collect::<Map<_, _>>(), "required": names})
}

/// What callers send may have no other fields.
fn asked(mut object: Value) -> Value {
    object["additionalProperties"] = false.into();
    object
}

fn list(items: Value) -> Value {
    json!({"type": "array", "items": items})
}

fn by_name(values: &Value) -> Value {
    json!({"type": "object", "additionalProperties": values})
}

fn reference(schema: &str) -> Value {
    json!({"$ref": format!("#/components/schemas/{schema}")})
}

fn text() -> Value {
    json!({"type": "string"})
}

fn base64() -> Value {
    json!({"type": "string", "contentEncoding": "base64"})
}

fn seconds() -> Value {
    json!({"type": "number", "minimum": 0})
}

fn count() -> Value {
    json!({"type": "integer", "minimum": 0})
}
