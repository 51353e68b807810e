//! The document as a whole.

use std::sync::LazyLock;

use serde_json::{Map, Value, json};

use super::operation::binary;
use super::{invocations, management, parameters, schemas};
use crate::problem::{Kind, MEDIA_TYPE};

const DESCRIPTION: &str = "\
Stateful functions at the edge. What an application does with its states, and where they live, is its \
manifest's; see the book for how to use each model with curl.

Errors are problems of RFC 9457 with a kind, who must act, and a hint. A status 500 (`internal`) is not \
described: it is a fault of Fogline.";

/// OpenAPI 3.1, as JSON.
#[must_use]
pub fn document() -> &'static str {
    static DOCUMENT: LazyLock<String> = LazyLock::new(|| value().to_string());
    &DOCUMENT
}

/// The document as a value.
pub(super) fn value() -> Value {
    let mut paths: Map<String, Value> = Map::new();
    for operation in management::operations()
        .into_iter()
        .chain(invocations::operations())
    {
        let (path, method) = (operation.path(), operation.method());
        let methods = paths.entry(path).or_insert_with(|| json!({}));
        methods[method] = operation.into_value();
    }
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Fogline",
            "version": env!("CARGO_PKG_VERSION"),
            "description": DESCRIPTION,
            "license": {"name": "Apache-2.0 OR MIT"},
        },
        "servers": [{"url": "/"}],
        "paths": paths,
        "components": {
            "schemas": schemas::schemas(),
            "parameters": parameters::parameters(),
            "headers": parameters::answer_headers(),
            "securitySchemes": {"token": {
                "type": "http",
                "scheme": "bearer",
                "description": "A tenant's token; in loopback development mode none is needed.",
            }},
        },
    })
}

/// What a status is answered with, when it stands for these kinds of problems; `in_parts` if envelopes may
/// come with it.
pub(super) fn problem_answer(kinds: &[Kind], in_parts: bool) -> Value {
    let names: Vec<_> = kinds.iter().map(|kind| kind.name()).collect();
    let status = kinds.first().map_or(0, |kind| kind.status());
    let schema = json!({
        "$ref": "#/components/schemas/Problem",
        "properties": {"kind": {"enum": names}, "status": {"const": status}},
    });
    let mut content = json!({MEDIA_TYPE: {"schema": schema}});
    if in_parts || kinds.contains(&Kind::MovingToClient) {
        content["multipart/mixed"] = json!({"schema": binary()});
    }
    let mut answer = json!({"description": names.join(", "), "content": content});
    let come_again = [Kind::Overloaded, Kind::RollingOut, Kind::QuotaExceeded];
    if come_again.iter().any(|kind| kinds.contains(kind)) {
        answer["headers"] =
            json!({"retry-after": {"schema": {"type": "integer"}, "description": "Seconds."}});
    }
    if kinds.contains(&Kind::Unauthorized) {
        answer["headers"] = json!({"www-authenticate": {"schema": {"const": "Bearer"}, "description": "How to prove who asks."}});
    }
    answer
}
