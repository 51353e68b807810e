//! One method of one path.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::document::problem_answer;
use crate::problem::Kind;

/// One method of one path.
pub(super) struct Operation {
    method: &'static str,
    path: String,
    parameters: Vec<String>,
    problems: Vec<Kind>,
    in_parts: bool,
    of_run: bool,
    rest: Map<String, Value>,
    answers: BTreeMap<String, Value>,
}

impl Operation {
    /// `id` is what generated clients call it; `/v1` is set before paths that do not begin with `/`.
    pub(super) fn new(method: &'static str, path: &str, id: &str, summary: &str) -> Self {
        let of_api = !path.starts_with('/');
        let path = if of_api {
            format!("/v1/{path}")
        } else {
            path.to_owned()
        };
        let in_path = path
            .split('/')
            .filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'));
        let parameters = in_path.map(str::to_owned).collect();
        let mut rest = Map::new();
        rest.insert("operationId".to_owned(), id.into());
        rest.insert("summary".to_owned(), summary.into());
        let new = Self {
            method,
            path,
            parameters,
            problems: Vec::new(),
            in_parts: false,
            of_run: false,
            rest,
            answers: BTreeMap::new(),
        };
        if !of_api {
            return new;
        }
        // What any request to the API may be told.
        let of_app = new.path.contains("{app}");
        let mut new = new
            .secured()
            .problems(&[Kind::BadRequest, Kind::Overloaded, Kind::DeadlineExceeded]);
        if of_app {
            new = new.problems(&[Kind::RollingOut]);
        }
        new.with(&["fogline-timeout-ms"])
    }

    /// Asked with a token.
    pub(super) fn secured(mut self) -> Self {
        self.rest.insert("security".to_owned(), json!([{"token": []}]));
        self.problems(&[Kind::Unauthorized])
    }

    pub(super) fn path(&self) -> String {
        self.path.clone()
    }

    pub(super) fn method(&self) -> &'static str {
        self.method
    }

    /// Takes these parameters too, by their names among the components.
    pub(super) fn with(mut self, parameters: &[&str]) -> Self {
        self.parameters
            .extend(parameters.iter().map(|name| (*name).to_owned()));
        self
    }

    /// May be answered with these problems too.
    pub(super) fn problems(mut self, kinds: &[Kind]) -> Self {
        self.problems.extend_from_slice(kinds);
        self
    }

    /// Is part of the trace that its headers name.
    pub(super) fn traced(self) -> Self {
        self.with(&["traceparent", "tracestate"])
    }

    /// Its problems say which run they are of, once there is one.
    pub(super) fn of_run(mut self) -> Self {
        self.of_run = true;
        self
    }

    /// Is for operators, whom no tenant's rate holds up.
    pub(super) fn for_operators(mut self) -> Self {
        self.problems.retain(|kind| *kind != Kind::Overloaded);
        self
    }

    /// May be answered with any of its problems beside envelopes that the client must keep.
    pub(super) fn problems_in_parts(mut self) -> Self {
        self.in_parts = true;
        self
    }

    /// Takes a body, which may be left out.
    pub(super) fn body(mut self, content: Value) -> Self {
        self.rest.insert(
            "requestBody".to_owned(),
            json!({"required": false, "content": content}),
        );
        self
    }

    /// Takes a body, which must be there.
    pub(super) fn required_body(mut self, content: Value) -> Self {
        self.rest.insert(
            "requestBody".to_owned(),
            json!({"required": true, "content": content}),
        );
        self
    }

    /// Is answered with this if all is well; no content is an empty body.
    pub(super) fn answer(self, status: u16, description: &str, content: Value) -> Self {
        self.full_answer(status, json!({"description": description, "content": content}))
    }

    /// As [`Self::answer`], with headers or links.
    pub(super) fn full_answer(mut self, status: u16, answer: Value) -> Self {
        self.answers.insert(status.to_string(), answer);
        self
    }

    pub(super) fn into_value(mut self) -> Value {
        let mut by_status: BTreeMap<u16, Vec<Kind>> = BTreeMap::new();
        for kind in self.problems {
            let kinds = by_status.entry(kind.status()).or_default();
            if !kinds.contains(&kind) {
                kinds.push(kind);
            }
        }
        for (status, kinds) in by_status {
            let mut answer = problem_answer(&kinds, self.in_parts);
            if self.of_run {
                answer["headers"]["fogline-run"] = json!({"$ref": "#/components/headers/fogline-run"});
            }
            self.answers.insert(status.to_string(), answer);
        }
        let reference = |name: &String| json!({"$ref": format!("#/components/parameters/{name}")});
        let parameters: Vec<_> = self.parameters.iter().map(reference).collect();
        self.rest.insert("parameters".to_owned(), parameters.into());
        self.rest.insert("responses".to_owned(), json!(self.answers));
        self.rest.into()
    }
}

/// A body of JSON, of this schema.
pub(super) fn json_of(schema: &str) -> Value {
    json!({"application/json": {"schema": {"$ref": format!("#/components/schemas/{schema}")}}})
}

/// Text.
pub(super) fn text(media_type: &str) -> Value {
    json!({media_type: {"schema": {"type": "string"}}})
}

/// The schema of bytes.
pub(super) fn binary() -> Value {
    json!({"contentMediaType": "application/octet-stream"})
}
