//! The schemas say what the types are.

use std::collections::{BTreeMap, BTreeSet};

use fogline_core::application::{Durability, Guard};
use fogline_core::model::{Birth, ExecutionModel, NodeName, RunId, Seconds, SessionId, Timestamp};
use fogline_core::policy::Placement;
use serde::Serialize;
use serde_json::Value;

use super::document::{document, value};
use crate::api;
use crate::problem::{Kind, Problem};

fn session() -> SessionId {
    SessionId::mint("edge-1".parse().unwrap(), vec![Birth::InEdge], [7; 16]).unwrap()
}

fn keys(value: &Value) -> BTreeSet<String> {
    value
        .as_object()
        .expect("it is an object")
        .keys()
        .cloned()
        .collect()
}

fn schema(name: &str) -> Value {
    value()["components"]["schemas"][name].clone()
}

/// `full` has every field, `least` only those that are always there.
fn same(name: &str, full: &impl Serialize, least: &impl Serialize) {
    let schema = schema(name);
    let keys_of = |it: Value| keys(&it);
    assert_eq!(
        keys(&schema["properties"]),
        keys_of(serde_json::to_value(full).unwrap()),
        "{name}"
    );
    let required = schema["required"]
        .as_array()
        .unwrap()
        .iter()
        .map(|name| name.as_str().unwrap().to_owned());
    assert_eq!(
        required.collect::<BTreeSet<_>>(),
        keys_of(serde_json::to_value(least).unwrap()),
        "{name}"
    );
}

#[test]
fn schemas_of_applications_have_the_fields_of_the_types() {
    let function = api::AppFunction {
        name: "f".parse().unwrap(),
        reads: vec![],
        writes: vec![],
    };
    let state = api::AppState {
        name: "s".parse().unwrap(),
        model: ExecutionModel::InEdge,
        own_model: false,
        schema: 1,
    };
    let step = api::AppStep {
        name: "s".parse().unwrap(),
        function: "f".parse().unwrap(),
        after: vec![],
    };
    same("AppFunction", &function, &function);
    same("AppState", &state, &state);
    same("AppStep", &step, &step);
    let app = api::App {
        name: "a".parse().unwrap(),
        version: "1".to_owned(),
        digest: "0".to_owned(),
        model: ExecutionModel::InEdge,
        durability: Durability::Memory,
        guard: Guard::None,
        functions: vec![function],
        states: vec![state],
        workflow: vec![step],
        pending: vec!["b".parse().unwrap()],
    };
    let without = api::App {
        pending: vec![],
        ..app.clone()
    };
    same("App", &app, &without);
    same("Apps", &api::Apps { apps: vec![] }, &api::Apps { apps: vec![] });
}

#[test]
fn schemas_of_sessions_have_the_fields_of_the_types() {
    let node: NodeName = "a".parse().unwrap();
    let new = api::NewSession {
        model: Some(ExecutionModel::InEdge),
    };
    same("NewSession", &new, &api::NewSession::default());
    let convert = api::Convert {
        to: ExecutionModel::InEdge,
    };
    same("Convert", &convert, &convert);
    let migrate = api::Migrate { node: node.clone() };
    same("Migrate", &migrate, &migrate);
    let info = api::StateInfo {
        name: "s".parse().unwrap(),
        bytes: 1,
        schema: 1,
        version: 1,
    };
    same("StateInfo", &info, &info);
    same(
        "States",
        &api::States { states: vec![] },
        &api::States { states: vec![] },
    );
    let part = api::SessionPart {
        model: ExecutionModel::InEdge,
        node: Some(node),
        epoch: 0,
        version: 0,
        expires_unix_ms: Some(Timestamp(1)),
        states: vec![info],
        separate_snapshot: false,
    };
    same(
        "SessionPart",
        &part,
        &api::SessionPart {
            node: None,
            expires_unix_ms: None,
            ..part.clone()
        },
    );
    let envelopes = BTreeMap::from([("s".parse().unwrap(), String::new())]);
    let full = api::Session {
        session: session(),
        parts: vec![part],
        envelopes,
    };
    same(
        "Session",
        &full,
        &api::Session {
            envelopes: BTreeMap::new(),
            ..full.clone()
        },
    );
    let full = api::Sessions {
        sessions: vec![],
        next: Some(session()),
        unreachable: vec!["a".to_owned()],
    };
    same(
        "Sessions",
        &full,
        &api::Sessions {
            next: None,
            unreachable: vec![],
            ..full.clone()
        },
    );
}

#[test]
fn schemas_of_explanations_have_the_fields_of_the_types() {
    let node: NodeName = "a".parse().unwrap();
    let second = Seconds(1.0);
    let candidate = api::Candidate {
        node: node.clone(),
        score_seconds: Some(second),
        queue_seconds: second,
        processing_seconds: second,
        arguments_seconds: second,
        results_seconds: second,
        states_seconds: second,
        heard_seconds_ago: Some(second),
        excluded: Some("it is".to_owned()),
    };
    let least = api::Candidate {
        score_seconds: None,
        heard_seconds_ago: None,
        excluded: None,
        ..candidate.clone()
    };
    same("Candidate", &candidate, &least);
    let size = api::StateSize {
        name: "s".parse().unwrap(),
        bytes: 1,
    };
    same("StateSize", &size, &size);
    let full = api::Explanation {
        node: node.clone(),
        policy: Placement::LoadNet,
        model: Some(ExecutionModel::InEdge),
        home: Some(node.clone()),
        input_bytes: 1,
        states: vec![size],
        because: api::Because::Policy,
        chosen: Some(node),
        candidates: vec![candidate],
    };
    let least = api::Explanation {
        model: None,
        home: None,
        chosen: None,
        ..full.clone()
    };
    same("Explanation", &full, &least);
}

#[test]
fn schemas_of_what_comes_back_have_the_fields_of_the_types() {
    let node: NodeName = "a".parse().unwrap();
    let problem = Problem {
        step: Some("s".to_owned()),
        ..Problem::new(Kind::Gone, "t", "h")
    };
    same(
        "Problem",
        &api::Refused {
            problem: problem.clone(),
            states: BTreeMap::from([("s".parse().unwrap(), String::new())]),
        },
        &Problem {
            step: None,
            ..problem.clone()
        },
    );
    let run = api::Run {
        run: RunId([1; 16]),
        node: node.clone(),
        status: api::RunStatus::Done,
        finished: vec![],
        problem: Some(problem),
    };
    same(
        "Run",
        &run,
        &api::Run {
            problem: None,
            ..run.clone()
        },
    );
    let envelopes = api::Envelopes {
        output: String::new(),
        states: BTreeMap::new(),
    };
    same("Envelopes", &envelopes, &envelopes);
    let line = api::LogLine {
        at_unix_ms: Timestamp(1),
        node,
        function: "f".parse().unwrap(),
        invocation: String::new(),
        level: "info".to_owned(),
        message: String::new(),
    };
    same("LogLine", &line, &line);
    let logs = api::Logs {
        lines: vec![line],
        next: 1,
    };
    same("Logs", &logs, &logs);
}

#[test]
fn ids_are_the_text_that_paths_take() {
    let run = api::Run {
        run: RunId([0xab; 16]),
        node: "a".parse().unwrap(),
        status: api::RunStatus::Accepted,
        finished: vec![],
        problem: None,
    };
    let value = serde_json::to_value(&run).unwrap();
    assert_eq!(value["run"], "ab".repeat(16));
    assert_eq!(serde_json::from_value::<api::Run>(value).unwrap(), run);
}

#[test]
fn every_kind_of_problem_that_callers_can_meet_is_described() {
    let document = document();
    for kind in Kind::ALL
        .into_iter()
        .filter(|kind| !matches!(kind, Kind::Internal | Kind::MethodNotAllowed))
    {
        let value = value();
        let told = |operation: &Value| {
            let kinds = &operation["responses"][kind.status().to_string()]["content"];
            kinds["application/problem+json"]["schema"]["properties"]["kind"]["enum"]
                .as_array()
                .is_some_and(|names| names.iter().any(|name| name == kind.name()))
        };
        let mut operations = value["paths"]
            .as_object()
            .unwrap()
            .values()
            .flat_map(|path| path.as_object().unwrap().values());
        assert!(operations.any(told), "{kind:?} in {document}");
        assert_eq!(serde_json::to_value(kind).unwrap(), kind.name());
    }
}

#[test]
fn every_reference_leads_somewhere() {
    let document = value();
    fn walk(value: &Value, root: &Value) {
        match value {
            Value::Object(fields) => {
                if let Some(Value::String(to)) = fields.get("$ref") {
                    assert!(root.pointer(to.trim_start_matches('#')).is_some(), "{to}");
                }
                fields.values().for_each(|value| walk(value, root));
            }
            Value::Array(items) => items.iter().for_each(|value| walk(value, root)),
            _ => {}
        }
    }
    walk(&document, &document);
}
