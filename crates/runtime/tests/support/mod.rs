//! What the tests of both runtimes share.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use fogline_core::application::{Function, FunctionLimits, Instance, RuntimeKind, State};
use fogline_core::model::{
    Bytes as Size, FunctionClass, InvocationId, Operations, SessionId, StateName, Timestamp,
};
use fogline_runtime::{Artefact, Call, Executor, InvocationContext, PrepareError, Runtime, StateValue};

/// A function that writes the state `s` and reads `r`.
pub(crate) fn function(runtime: RuntimeKind) -> Function {
    let name = |name: &str| name.parse::<StateName>().unwrap();
    Function {
        runtime,
        reads: [name("r"), name("s")].into(),
        writes: [name("s")].into(),
        instance: Instance::PerInvocation,
        limits: FunctionLimits {
            time: Duration::from_secs(5),
            ..FunctionLimits::default()
        },
        operations: Operations(1),
        class: FunctionClass::Generic,
        requires: Vec::new(),
        output: Size(1),
    }
}

/// Prepares a function of the application whose states have schema 7.
pub(crate) async fn prepare(
    runtime: &impl Runtime,
    function: &Function,
    bytes: &[u8],
    folder: &Path,
) -> Result<Arc<dyn Executor>, PrepareError> {
    let state = State {
        model: None,
        schema: 7,
        reads_schema_from: 1,
        size: Size(1),
    };
    let states = ["r", "s", "u"]
        .map(|name| (name.parse().unwrap(), state.clone()))
        .into();
    let artefact = Artefact {
        bytes: bytes.to_vec().into(),
        application: "t/a".to_owned(),
        folder: folder.to_owned(),
    };
    runtime
        .prepare(&"f".parse().unwrap(), function, &states, artefact)
        .await
}

/// A call with a state `s`, if any.
pub(crate) fn call(input: impl Into<Vec<u8>>, s: Option<&str>) -> Call {
    let value = |text: &str| StateValue {
        schema: 1,
        value: text.to_owned().into(),
    };
    Call {
        invocation: InvocationContext {
            id: InvocationId([3; 16]),
            session: None::<SessionId>,
            now: Timestamp(1_700_000_000_000),
            deadline: Timestamp(1_700_000_030_000),
            seed: 42,
        },
        input: input.into().into(),
        states: s
            .map(|text| ("s".parse().unwrap(), value(text)))
            .into_iter()
            .collect::<BTreeMap<_, _>>(),
        keep: None,
        time_left: Duration::from_secs(30),
    }
}
