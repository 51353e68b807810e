//! The functions of `functions/`, as they are committed: each works, or misbehaves as its name says.
#![expect(clippy::unwrap_used, reason = "a test fails where it stands")]

mod support;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use fogline_core::application::{Function, RuntimeKind};
use fogline_core::model::Bytes as Size;
use fogline_runtime::component::{ComponentOptions, ComponentRuntime};
use fogline_runtime::process::ProcessRuntime;
use fogline_runtime::{Call, ExecuteError, Executor, Fault, FunctionFault, LogLevel, PrepareError, Runtimes};
use support::call;

fn functions() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../functions")
}

fn runtimes() -> Runtimes {
    let options = ComponentOptions {
        workers: 8,
        ..ComponentOptions::default()
    };
    Runtimes::new(ComponentRuntime::new(options).unwrap(), ProcessRuntime)
}

fn function(reads: &[&str], writes: &[&str]) -> Function {
    let mut function = support::function(RuntimeKind::Component(String::new()));
    function.reads = reads.iter().map(|name| name.parse().unwrap()).collect();
    function.writes = writes.iter().map(|name| name.parse().unwrap()).collect();
    function.limits.memory = Size(16 << 20);
    function.limits.output = Size(64 << 10);
    function
}

async fn prepare(path: &str, function: &Function) -> Result<Arc<dyn Executor>, PrepareError> {
    let bytes = std::fs::read(functions().join(path)).unwrap();
    support::prepare(&runtimes(), function, &bytes, &functions()).await
}

async fn fault(path: &str, function: &Function) -> Fault {
    let executor = prepare(path, function).await.unwrap();
    match executor.execute(call("1000000", None)).await {
        Err(ExecuteError::Guest { fault, .. }) => fault,
        other => panic!("{path}: {other:?}"),
    }
}

#[tokio::test]
async fn every_committed_component_is_a_function() {
    let mut tried = 0;
    for folder in std::fs::read_dir(functions())
        .unwrap()
        .map(|entry| entry.unwrap().path())
    {
        if !folder.join("fogline.toml").is_file() || folder.ends_with("refused") {
            continue;
        }
        for file in std::fs::read_dir(&folder)
            .unwrap()
            .map(|entry| entry.unwrap().path())
        {
            if file.extension().is_some_and(|ending| ending == "wasm") {
                let prepared = prepare(file.to_str().unwrap(), &function(&[], &[])).await;
                assert!(
                    prepared.is_ok(),
                    "{}: {}",
                    file.display(),
                    prepared.err().unwrap()
                );
                tried += 1;
            }
        }
    }
    assert!(tried > 5, "only {tried} components were found");
}

#[tokio::test]
async fn a_panic_is_a_trap_and_its_message_the_last_line_of_the_log() {
    let executor = prepare("faults/panic.wasm", &function(&[], &[])).await.unwrap();
    let executed = executor.execute(call("ä broken sensor", None)).await;
    let Err(ExecuteError::Guest {
        fault: Fault::Trap(_),
        logs,
        cold: true,
    }) = executed
    else {
        panic!("{executed:?}");
    };
    let [line] = &logs[..] else { panic!("{logs:?}") };
    assert_eq!(line.level, LogLevel::Error);
    assert!(line.message.ends_with("\nä broken sensor"), "{}", line.message);
}

/// Each worker would pay for each further one.
#[test]
fn a_function_without_states_is_one_core_module() {
    let component = std::fs::read(functions().join("faults/echo.wasm")).unwrap();
    let begin = b"\0asm\x01\0\0\0";
    let modules = component.windows(begin.len()).filter(|bytes| bytes == begin);
    assert_eq!(modules.count(), 1);
}

#[tokio::test]
async fn each_misbehaves_as_its_name_says() {
    let plain = function(&[], &[]);
    let mut hasty = plain.clone();
    hasty.limits.time = Duration::from_millis(100);
    assert!(
        matches!(fault("faults/recursion.wasm", &plain).await, Fault::Trap(text) if text.contains("stack"))
    );
    assert_eq!(
        fault("faults/memory-bomb.wasm", &plain).await,
        Fault::MemoryLimit(plain.limits.memory)
    );
    assert_eq!(
        fault("faults/endless-loop.wasm", &hasty).await,
        Fault::TimeLimit(hasty.limits.time)
    );
    assert!(matches!(
        fault("faults/big-output.wasm", &plain).await,
        Fault::OutputTooLarge { .. }
    ));
    let refused = prepare("refused/wrong-world.wasm", &plain)
        .await
        .err()
        .expect("refused");
    let PrepareError::Function { fault, .. } = refused else {
        panic!("{refused}")
    };
    assert!(
        matches!(fault, FunctionFault::Exports(_) | FunctionFault::Imports(_)),
        "{fault}"
    );
}

#[tokio::test]
async fn what_is_not_declared_is_refused_and_the_rest_is_kept() {
    let executor = prepare("faults/undeclared-state.wasm", &function(&["shared"], &["own"]))
        .await
        .unwrap();
    let execution = executor.execute(call("x", None)).await.unwrap();
    assert_eq!(execution.outcome.unwrap(), "3");
    assert_eq!(
        execution.writes,
        [("own".parse().unwrap(), Some("set".into()))].into()
    );
}

#[tokio::test]
async fn the_python_example_counts_words() {
    let mut words = function(&[], &["words"]);
    words.runtime = RuntimeKind::Process {
        command: vec!["python3".to_owned(), "app.py".to_owned()],
        files: Vec::new(),
    };
    words.limits.memory = Size(64 << 20);
    let folder = functions().join("process-python");
    let executor = support::prepare(&runtimes(), &words, b"", &folder).await.unwrap();
    let execution = executor.execute(call("to be or not to be", None)).await.unwrap();
    let counts = r#"{"be": 2, "not": 1, "or": 1, "to": 2}"#;
    assert_eq!(execution.outcome.unwrap(), counts);
    let (name, words) = execution.writes.into_iter().next().unwrap();
    let value = fogline_runtime::StateValue {
        schema: 7,
        value: words.unwrap(),
    };
    let again = Call {
        states: [(name, value)].into(),
        ..call("be", None)
    };
    let execution = executor.execute(again).await.unwrap();
    assert_eq!(
        execution.outcome.unwrap(),
        counts.replace("\"be\": 2", "\"be\": 3")
    );
}
