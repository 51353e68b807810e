//! Invocations, states by themselves, and runs.

use serde_json::{Value, json};

use super::operation::{Operation, binary, json_of};
use super::parameters::answer_header_references;
use crate::multipart;
use crate::problem::Kind::{
    self, BadEnvelope, Conflict, EnvelopeMissing, FunctionFailed, FunctionLimit, FunctionTrapped, Gone,
    InvalidInput, KeyReused, MovingToClient, NotFound, QuotaExceeded, ReplyExpired, StateRegressed, TooLarge,
    Unavailable,
};

/// Parts that hold envelopes.
pub(super) const ENVELOPE: &str = r"^state\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$";

/// What may come of using a session's states.
const OF_STATES: &[Kind] = &[
    NotFound,
    Gone,
    BadEnvelope,
    EnvelopeMissing,
    MovingToClient,
    Conflict,
    ReplyExpired,
    StateRegressed,
    TooLarge,
    KeyReused,
    QuotaExceeded,
    Unavailable,
];
/// What may come of executing a function.
const OF_FUNCTIONS: &[Kind] = &[InvalidInput, FunctionFailed, FunctionTrapped, FunctionLimit];

/// How a request is named, and what its sender has seen.
pub(super) const NAMING: &[&str] = &[
    "idempotency-key",
    "fogline-client",
    "fogline-sequence",
    "fogline-seen",
];

pub(super) fn operations() -> Vec<Operation> {
    let mut all = functions();
    all.extend(states());
    all.extend(runs());
    all
}

fn functions() -> Vec<Operation> {
    vec![
        Operation::new(
            "post",
            "apps/{app}/functions/{function}",
            "invokeWithoutSession",
            "Invokes a function that declares no state.",
        )
        .traced()
        .with(NAMING)
        .body(carried(multipart::INPUT))
        .full_answer(200, invoked("Its output."))
        .problems(&[NotFound, TooLarge, Unavailable])
        .problems(OF_FUNCTIONS),
        Operation::new(
            "post",
            "apps/{app}/sessions/{session}/functions/{function}",
            "invoke",
            "Invokes a function for a session.",
        )
        .traced()
        .with(NAMING)
        .body(carried(multipart::INPUT))
        .full_answer(
            200,
            invoked("Its output, and the envelopes that the client must keep."),
        )
        .problems(OF_STATES)
        .problems(OF_FUNCTIONS),
        explanation("apps/{app}/functions/{function}/explain", "explainWithoutSession"),
        explanation(
            "apps/{app}/sessions/{session}/functions/{function}/explain",
            "explain",
        ),
    ]
}

fn explanation(path: &str, id: &str) -> Operation {
    Operation::new(
        "post",
        path,
        id,
        "Says where the same invocation would run, and why; executes nothing.",
    )
    .with(NAMING)
    .body(carried(multipart::INPUT))
    .answer(200, "The choice, and every candidate.", json_of("Explanation"))
    .problems(OF_STATES)
}

fn states() -> Vec<Operation> {
    const STATE: &str = "apps/{app}/sessions/{session}/states/{state}";
    vec![
        Operation::new("get", STATE, "getState", "The bytes of a state.")
            .traced()
            .with(NAMING)
            .full_answer(200, invoked("Its bytes."))
            .problems(OF_STATES),
        Operation::new("put", STATE, "putState", "Sets a state.")
            .traced()
            .with(NAMING)
            .body(carried(multipart::VALUE))
            .full_answer(
                200,
                invoked("Nothing, and the envelope that the client must keep."),
            )
            .problems(OF_STATES),
        Operation::new(
            "delete",
            STATE,
            "removeState",
            "Removes a state; one that is not set stays so.",
        )
        .traced()
        .with(NAMING)
        .body(carried(multipart::VALUE))
        .full_answer(
            200,
            invoked("Nothing, and the envelope that the client must keep."),
        )
        .problems(OF_STATES),
        Operation::new(
            "post",
            &format!("{STATE}/open"),
            "openState",
            "The bytes of a state that the client holds.",
        )
        .traced()
        .with(NAMING)
        .body(carried(multipart::INPUT))
        .full_answer(200, invoked("Its bytes."))
        .problems(OF_STATES),
    ]
}

fn runs() -> Vec<Operation> {
    const RUNS: &str = "apps/{app}/sessions/{session}/runs";
    let link = |id: &str| {
        json!({"operationId": id, "parameters": {
            "app": "$request.path.app",
            "session": "$request.path.session",
            "run": "$response.body#/run",
        }})
    };
    let accepted = json!({
        "description": "It will be executed; its description is where `location` says.",
        "content": json_of("Run"),
        "headers": {"location": {"schema": {"type": "string"}}},
        "links": {"describe": link("describeRun"), "result": link("runResult")},
    });
    vec![
        Operation::new(
            "post",
            RUNS,
            "run",
            "Runs the application's workflow for a session.",
        )
        .traced()
        .with(&[
            "idempotency-key",
            "fogline-client",
            "fogline-seen",
            "fogline-run-by",
            "prefer",
        ])
        .body(carried(multipart::INPUT))
        .full_answer(
            200,
            invoked("Its result, and the envelopes that the client must keep."),
        )
        .full_answer(202, accepted)
        .problems_in_parts()
        .of_run()
        .problems(OF_STATES)
        .problems(OF_FUNCTIONS),
        Operation::new(
            "get",
            &format!("{RUNS}/{{run}}"),
            "describeRun",
            "How a run is that has a name or was accepted.",
        )
        .answer(200, "The run.", json_of("Run"))
        .problems(&[NotFound, Gone, Unavailable]),
        Operation::new(
            "get",
            &format!("{RUNS}/{{run}}/result"),
            "runResult",
            "The result of a run.",
        )
        .full_answer(
            200,
            invoked("Its result, and the envelopes that the client must keep."),
        )
        .of_run()
        .problems(OF_STATES)
        .problems(OF_FUNCTIONS),
    ]
}

/// An input, alone or with envelopes.
pub(super) fn carried(part: &str) -> Value {
    json!({
        "application/octet-stream": {"schema": binary()},
        "application/json": {"schema": {}},
        "multipart/form-data": {"schema": {
            "type": "object",
            "description": "With the envelope of each state that the client holds and the request concerns.",
            "properties": {part: binary()},
            "patternProperties": {ENVELOPE: binary()},
            "additionalProperties": false,
        }},
    })
}

/// Bytes; if the request came in parts, or there are envelopes, in parts or, on request, JSON.
fn output() -> Value {
    json!({
        "application/octet-stream": {"schema": binary()},
        "multipart/mixed": {"schema": binary()},
        "application/json": {"schema": {"$ref": "#/components/schemas/Envelopes"}},
    })
}

fn invoked(description: &str) -> Value {
    json!({"description": description, "content": output(), "headers": answer_header_references()})
}
