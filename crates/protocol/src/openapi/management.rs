//! Applications, sessions, and how a node is.

use serde_json::{Value, json};

use super::invocations::{ENVELOPE, NAMING, carried};
use super::operation::{Operation, binary, json_of, text};
use crate::multipart;
use crate::problem::Kind::{
    self, BadEnvelope, Conflict, EnvelopeMissing, Gone, MovingToClient, NotDeployable, NotFound,
    QuotaExceeded, RollingOut, StateRegressed, TooLarge, Unavailable,
};

const SESSION: &str = "apps/{app}/sessions/{session}";
/// What may come of looking for a session.
const FOUND: &[Kind] = &[NotFound, Gone, Unavailable];

pub(super) fn operations() -> Vec<Operation> {
    let mut all = applications();
    all.extend(sessions());
    all.extend(observation());
    all
}

fn applications() -> Vec<Operation> {
    let package = json!({"multipart/form-data": {"schema": {
        "type": "object",
        "description": "The manifest, and each component as a part named by its path.",
        "properties": {multipart::MANIFEST: {"type": "string", "description": "fogline.toml"}},
        "required": [multipart::MANIFEST],
        "additionalProperties": binary(),
    }}});
    vec![
        Operation::new("get", "apps", "listApps", "Lists the tenant's applications.").answer(
            200,
            "The applications.",
            json_of("Apps"),
        ),
        Operation::new(
            "post",
            "apps",
            "deployApp",
            "Deploys an application, here and on all nodes; those that cannot be told now hear of it later.",
        )
        .with(&["force"])
        .required_body(package)
        .answer(200, "The application, as deployed.", json_of("App"))
        .problems(&[Conflict, TooLarge, NotDeployable, Unavailable, RollingOut]),
        Operation::new(
            "post",
            "apps/{app}/rollback",
            "rollBackApp",
            "Deploys the version before the one that is deployed; its sessions stay.",
        )
        .with(&["force"])
        .answer(200, "The application, as deployed.", json_of("App"))
        .problems(&[NotFound, Conflict, NotDeployable, Unavailable]),
        Operation::new("get", "apps/{app}", "describeApp", "Describes an application.")
            .answer(200, "The application.", json_of("App"))
            .problems(&[NotFound]),
        Operation::new(
            "delete",
            "apps/{app}",
            "deleteApp",
            "Deletes an application; its sessions are gone with it.",
        )
        .full_answer(
            204,
            json!({"description": "It is deleted.", "headers": {"fogline-pending": {
                "schema": {"type": "string"},
                "description": "The nodes that have not heard of it yet, with commas between.",
            }}}),
        )
        .problems(&[NotFound, Unavailable]),
        Operation::new(
            "get",
            "apps/{app}/logs",
            "readLogs",
            "The lines that its functions wrote on this node.",
        )
        .with(&["after-line"])
        .answer(
            200,
            "Lines, in the order in which they were written.",
            json_of("Logs"),
        )
        .problems(&[NotFound]),
    ]
}

fn sessions() -> Vec<Operation> {
    vec![
        Operation::new(
            "get",
            "apps/{app}/sessions",
            "listSessions",
            "Lists the sessions that nodes and the cloud keep.",
        )
        .with(&["after-session", "limit"])
        .answer(200, "Sessions, in the order of their ids.", json_of("Sessions"))
        .problems(&[NotFound, Unavailable]),
        Operation::new(
            "post",
            "apps/{app}/sessions",
            "createSession",
            "Creates a session.",
        )
        .traced()
        .body(json_of("NewSession"))
        .full_answer(201, created())
        .problems(&[Conflict, NotFound, TooLarge, QuotaExceeded, Unavailable]),
        Operation::new("get", SESSION, "describeSession", "Describes a session.")
            .answer(200, "The session.", json_of("Session"))
            .problems(FOUND),
        Operation::new(
            "delete",
            SESSION,
            "deleteSession",
            "Deletes a session; one that is deleted stays so.",
        )
        .traced()
        .with(NAMING)
        .full_answer(204, json!({"description": "It is deleted."}))
        .problems(FOUND),
        conversion(),
        migration(),
        Operation::new("get", "nodes", "listNodes", "Lists the nodes of the network.").answer(
            200,
            "The nodes as this one sees them, by name.",
            json_of("Nodes"),
        ),
        drain(),
        Operation::new(
            "get",
            "quota",
            "readQuota",
            "What the tenant may use of this node, and uses.",
        )
        .answer(200, "What has no bound is left out.", json_of("Quota")),
        listing("get", "listStates", "Lists the states of a session that are set."),
        listing(
            "post",
            "listHeldStates",
            "Lists the states that the client holds.",
        )
        .with(NAMING)
        .body(carried(multipart::INPUT))
        .problems(&[
            BadEnvelope,
            EnvelopeMissing,
            MovingToClient,
            StateRegressed,
            TooLarge,
        ]),
    ]
}

fn listing(method: &'static str, id: &str, summary: &str) -> Operation {
    Operation::new(method, &format!("{SESSION}/states"), id, summary)
        .answer(200, "The states, without their bytes.", json_of("States"))
        .problems(FOUND)
}

fn created() -> Value {
    let link = |id: &str| {
        let parameters = json!({"app": "$request.path.app", "session": "$response.body#/session"});
        json!({"operationId": id, "parameters": parameters})
    };
    json!({
        "description": "The session; if its client holds states, with their first envelopes.",
        "content": json_of("Session"),
        "links": {
            "describe": link("describeSession"),
            "states": link("listStates"),
            "convert": link("convertSession"),
            "delete": link("deleteSession"),
        },
    })
}

fn conversion() -> Operation {
    let asked = json!({
        "application/json": {"schema": {"$ref": "#/components/schemas/Convert"}},
        "multipart/form-data": {"schema": {
            "type": "object",
            "description": "With the envelopes, if the client holds the session's states.",
            "properties": {multipart::CONVERT: {"$ref": "#/components/schemas/Convert"}},
            "patternProperties": {ENVELOPE: binary()},
            "required": [multipart::CONVERT],
            "additionalProperties": false,
        }},
    });
    let mut converted = json_of("Session");
    converted["multipart/mixed"] = json!({"schema": binary()});
    let description = "The session where it is now; in parts, if its client must keep envelopes.";
    let path = format!("{SESSION}/convert");
    Operation::new(
        "post",
        &path,
        "convertSession",
        "Moves a session to another model.",
    )
    .traced()
    .with(NAMING)
    .required_body(asked)
    .answer(200, description, converted)
    .problems(FOUND)
    .problems(&[
        BadEnvelope,
        Conflict,
        EnvelopeMissing,
        MovingToClient,
        StateRegressed,
        TooLarge,
        QuotaExceeded,
    ])
}

fn migration() -> Operation {
    let path = format!("{SESSION}/migrate");
    let asked = json!({"application/json": {"schema": {"$ref": "#/components/schemas/Migrate"}}});
    Operation::new(
        "post",
        &path,
        "migrateSession",
        "Moves a session to another node, under the model that it has.",
    )
    .traced()
    .with(NAMING)
    .required_body(asked)
    .answer(200, "The session where it is now.", json_of("Session"))
    .problems(FOUND)
    .problems(&[Conflict, StateRegressed, TooLarge, QuotaExceeded])
}

fn drain() -> Operation {
    Operation::new(
        "post",
        "nodes/{node}/drain",
        "drainNode",
        "Moves a node's sessions to others, for as long as the caller waits. For operators.",
    )
    .traced()
    .answer(
        200,
        "How many were moved, and how many were not.",
        json_of("Drained"),
    )
    .problems(FOUND)
    .for_operators()
}

fn observation() -> Vec<Operation> {
    vec![
        Operation::new("get", "/livez", "isLive", "Whether the node runs.").answer(
            200,
            "It does.",
            text("text/plain"),
        ),
        Operation::new("get", "/readyz", "isReady", "Whether the node takes requests.")
            .answer(200, "It does.", text("text/plain"))
            .problems(&[Unavailable]),
        Operation::new(
            "get",
            "/metrics",
            "metrics",
            "What the node counts, for Prometheus.",
        )
        .secured()
        .answer(
            200,
            "The metrics, in the OpenMetrics format.",
            text("application/openmetrics-text"),
        ),
        Operation::new("get", "/openapi.json", "openapi", "This document.").answer(
            200,
            "OpenAPI 3.1.",
            json!({"application/json": {"schema": {"type": "object"}}}),
        ),
    ]
}
