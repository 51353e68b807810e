//! What is said between node and program.
//!
//! The node: `{"invocation": {"id", "session", "now", "deadline", "seed"}, "function": NAME, "input": BASE64,
//! "states": {NAME: {"schema": N, "value": BASE64}}}`; times are milliseconds since 1970, `session` is empty if there
//! is none, a state that was never set is not there.
//!
//! The program: `{"output": BASE64, "states": {NAME: BASE64 or null}, "logs": [{"level", "message"}]}` with the states
//! that it sets or deletes, or `{"error": {"kind": "invalid-input" or "failed", "message": TEXT}}`; `states` and `logs`
//! may be left out.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use data_encoding::BASE64;
use fogline_core::application::FunctionLimits;
use fogline_core::model::{Bytes as Size, FunctionName, StateName, limits};
use serde::{Deserialize, Serialize, Serializer};

use crate::call::{Call, GuestError, InvocationContext, StateValue};
use crate::error::Fault;
use crate::logs::{LogLine, Logs, MAX_LOG_LINE, MAX_LOG_LINES, cut};

#[derive(Serialize)]
struct Request<'a> {
    invocation: Invocation,
    function: &'a FunctionName,
    input: Base64<'a>,
    states: BTreeMap<&'a StateName, State<'a>>,
}

#[derive(Serialize)]
struct Invocation {
    id: String,
    session: String,
    now: u64,
    deadline: u64,
    seed: u64,
}

#[derive(Serialize)]
struct State<'a> {
    schema: u32,
    value: Base64<'a>,
}

struct Base64<'a>(&'a [u8]);

impl Serialize for Base64<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&BASE64.encode_display(self.0))
    }
}

/// What it does not have is a mistake: a state that is named wrongly would be lost silently.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Reply {
    output: Option<String>,
    #[serde(default)]
    states: BTreeMap<String, Option<String>>,
    #[serde(default)]
    logs: Vec<LogLine>,
    error: Option<ReplyError>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ReplyError {
    kind: ErrorKind,
    message: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
enum ErrorKind {
    InvalidInput,
    Failed,
}

/// What a program's answer says.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) outcome: Result<Bytes, GuestError>,
    pub(super) writes: BTreeMap<StateName, Option<Bytes>>,
    pub(super) logs: Vec<LogLine>,
}

/// The body of a `POST` for this call, with the states that the function declares.
pub(super) fn request(function: &FunctionName, declared: &BTreeSet<StateName>, call: &Call) -> Vec<u8> {
    let InvocationContext {
        id,
        session,
        now,
        deadline,
        seed,
    } = &call.invocation;
    let states = call.states.iter().filter(|(name, _)| declared.contains(name));
    let request = Request {
        invocation: Invocation {
            id: id.to_string(),
            session: session.as_ref().map(ToString::to_string).unwrap_or_default(),
            now: now.0,
            deadline: deadline.0,
            seed: *seed,
        },
        function,
        input: Base64(&call.input),
        states: states.map(|(name, value)| (name, state_of(value))).collect(),
    };
    serde_json::to_vec(&request).expect("keys are texts and nothing else can fail")
}

/// Largest body of an answer: output and states in base64, and the logs.
pub(super) fn most(function: &FunctionLimits, writes: usize) -> Size {
    let encoded = |size: Size| Size(size.0.div_ceil(3) * 4 + 1024);
    let states = function.written().min(limits::MAX_STATE * writes as u64);
    encoded(function.output)
        + encoded(states)
        + Size(1024) * writes as u64
        + MAX_LOG_LINE * (2 * MAX_LOG_LINES as u64)
}

/// Reads an answer.
///
/// # Errors
/// When it is not as the protocol says, or sets what the function may not, or more than so much in all.
pub(super) fn answer(body: &[u8], writable: &BTreeSet<StateName>, most: Size) -> Result<Answer, Fault> {
    let reply: Reply = serde_json::from_slice(body).map_err(|error| Fault::BadAnswer(error.to_string()))?;
    let mut logs = Logs::default();
    reply
        .logs
        .iter()
        .for_each(|line| logs.write(line.level, &line.message));
    let logs = logs.finish();
    let outcome = match (reply.output, reply.error) {
        (Some(output), None) => Ok(decode("output", &output)?),
        (None, Some(error)) => Err(error.into()),
        _ => {
            return Err(Fault::BadAnswer(
                "one of \"output\" and \"error\" is expected".to_owned(),
            ));
        }
    };
    let mut writes = BTreeMap::new();
    if outcome.is_ok() {
        for (name, value) in &reply.states {
            let place = writable.iter().find(|it| it.as_str() == name);
            let place = place.ok_or_else(|| undeclared(name))?;
            let value = value.as_ref().map(|value| decode(name, value)).transpose()?;
            check_size(place, value.as_ref())?;
            writes.insert(place.clone(), value);
        }
    }
    let written = Size(writes.values().flatten().map(|value| value.len() as u64).sum());
    if written > most {
        return Err(Fault::BadAnswer(format!(
            "the states that it sets have {written} together, the most is {most}"
        )));
    }
    Ok(Answer {
        outcome,
        writes,
        logs,
    })
}

impl From<ReplyError> for GuestError {
    fn from(error: ReplyError) -> Self {
        let message = cut(&error.message, MAX_LOG_LINE).to_owned();
        match error.kind {
            ErrorKind::InvalidInput => Self::InvalidInput(message),
            ErrorKind::Failed => Self::Failed(message),
        }
    }
}

fn state_of(it: &StateValue) -> State<'_> {
    State {
        schema: it.schema,
        value: Base64(&it.value),
    }
}

fn decode(what: &str, text: &str) -> Result<Bytes, Fault> {
    let bytes = BASE64.decode(text.as_bytes());
    bytes
        .map(Bytes::from)
        .map_err(|error| Fault::BadAnswer(format!("{} is not base64: {error}", shown(what))))
}

fn check_size(name: &StateName, value: Option<&Bytes>) -> Result<(), Fault> {
    let size = Size(value.map_or(0, Bytes::len) as u64);
    if size > limits::MAX_STATE {
        let most = limits::MAX_STATE;
        return Err(Fault::BadAnswer(format!(
            "state {name} has {size}, the most is {most}"
        )));
    }
    Ok(())
}

fn undeclared(name: &str) -> Fault {
    Fault::BadAnswer(format!(
        "it sets the state {}, which the manifest does not let it write",
        shown(name)
    ))
}

fn shown(name: &str) -> String {
    format!("{:?}", cut(name, Size(64)))
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};
    use std::time::Duration;

    use fogline_core::model::{InvocationId, Timestamp};

    use super::{Call, Fault, GuestError, InvocationContext, Size, StateValue, answer, request};
    use crate::logs::LogLevel;

    fn names(names: &[&str]) -> BTreeSet<super::StateName> {
        names.iter().map(|name| name.parse().unwrap()).collect()
    }

    #[test]
    fn a_request_is_as_documented() {
        let (now, deadline) = (Timestamp(5), Timestamp(9));
        let state = |value: &'static [u8]| StateValue {
            schema: 2,
            value: value.into(),
        };
        let call = Call {
            invocation: InvocationContext {
                id: InvocationId([1; 16]),
                session: None,
                now,
                deadline,
                seed: u64::MAX,
            },
            input: "hi".into(),
            states: BTreeMap::from([
                ("s".parse().unwrap(), state(b"v")),
                ("x".parse().unwrap(), state(b"w")),
            ]),
            keep: None,
            time_left: Duration::from_secs(1),
        };
        let text = String::from_utf8(request(&"f".parse().unwrap(), &names(&["s", "t"]), &call)).unwrap();
        let expected = concat!(
            r#"{"invocation":{"id":"01010101010101010101010101010101","session":"","now":5,"deadline":9,"#,
            r#""seed":18446744073709551615},"function":"f","input":"aGk=","#,
            r#""states":{"s":{"schema":2,"value":"dg=="}}}"#,
        );
        assert_eq!(text, expected);
    }

    #[test]
    fn an_answer_gives_output_writes_and_logs() {
        let body = br#"{"output": "aGk=", "states": {"s": "dg==", "t": null},
                        "logs": [{"level": "warn", "message": "m"}]}"#;
        let answer = answer(body, &names(&["s", "t"]), Size(2)).unwrap();
        assert_eq!(answer.outcome.unwrap(), "hi");
        let writes = BTreeMap::from([
            ("s".parse().unwrap(), Some("v".into())),
            ("t".parse().unwrap(), None),
        ]);
        assert_eq!(answer.writes, writes);
        assert_eq!(
            (answer.logs[0].level, answer.logs[0].message.as_str()),
            (LogLevel::Warn, "m")
        );
    }

    #[test]
    fn an_error_is_an_outcome_that_writes_nothing() {
        let body = br#"{"error": {"kind": "invalid-input", "message": "m"}, "states": {"s": "dg=="}}"#;
        let answer = answer(body, &names(&["s"]), Size(2)).unwrap();
        assert_eq!(answer.outcome, Err(GuestError::InvalidInput("m".to_owned())));
        assert!(answer.writes.is_empty());
    }

    #[test]
    fn a_wrong_answer_is_the_functions_fault() {
        for (body, reason) in [
            (
                r#"{"output": "aGk=", "states": {"u": "dg=="}}"#,
                "sets the state \"u\"",
            ),
            (r#"{"output": "?"}"#, "\"output\" is not base64"),
            (r#"{}"#, "one of"),
            (
                r#"{"output": "", "error": {"kind": "failed", "message": ""}}"#,
                "one of",
            ),
            (
                r#"{"error": {"kind": "other", "message": ""}}"#,
                "unknown variant",
            ),
            ("hello", "expected value"),
            (
                r#"{"output": "", "states": {"s": "dmFs"}}"#,
                "have 3 B together, the most is 2 B",
            ),
        ] {
            let fault = answer(body.as_bytes(), &names(&["s"]), Size(2)).unwrap_err();
            assert!(
                matches!(&fault, Fault::BadAnswer(text) if text.contains(reason)),
                "{body}: {fault}"
            );
        }
    }
}
