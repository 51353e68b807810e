//! Components behave, misbehave, and leave the others alone.
#![expect(clippy::unwrap_used, reason = "a test fails where it stands")]

#[path = "support/component.rs"]
mod guests;
mod support;

use std::os::unix::fs::DirEntryExt;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use fogline_core::application::{Function, Instance, RuntimeKind};
use fogline_core::model::{Birth, Bytes as Size, CommitId, SessionId};
use fogline_runtime::component::{Allocator, ComponentOptions, ComponentRuntime};
use fogline_runtime::{
    Busy, ExecuteError, Execution, Executor, Fault, FunctionFault, GuestError, KeepTag, LogLevel,
    PrepareError, WrittenBy,
};
use support::call;

fn runtime() -> ComponentRuntime {
    ComponentRuntime::new(ComponentOptions {
        workers: 16,
        ..ComponentOptions::default()
    })
    .unwrap()
}

fn function() -> Function {
    support::function(RuntimeKind::Component("f.wasm".to_owned()))
}

async fn ready(runtime: &ComponentRuntime, function: &Function) -> Arc<dyn Executor> {
    support::prepare(runtime, function, &guests::guest(), Path::new(""))
        .await
        .unwrap()
}

async fn fault(executor: &Arc<dyn Executor>, input: &str) -> Fault {
    match executor.execute(call(input, None)).await {
        Err(ExecuteError::Guest { fault, .. }) => fault,
        other => panic!("{input}: {other:?}"),
    }
}

async fn refused(bytes: &[u8], function: &Function) -> (FunctionFault, &'static str) {
    let runtime = runtime();
    let error = support::prepare(&runtime, function, bytes, Path::new(""))
        .await
        .err()
        .expect("refused");
    let hint = error.hint().expect("a fault of the function has a hint");
    match error {
        PrepareError::Function { fault, .. } => (fault, hint),
        other => panic!("{other}"),
    }
}

fn text(component: &str) -> Vec<u8> {
    wat::parse_str(component).unwrap()
}

fn output(execution: Execution) -> Vec<u8> {
    execution.outcome.unwrap().to_vec()
}

fn session() -> SessionId {
    SessionId::mint("n".parse().unwrap(), vec![Birth::InFunction], [9; 16]).unwrap()
}

fn written(by: u8) -> WrittenBy {
    WrittenBy::from([("s".parse().unwrap(), CommitId([by; 16]))])
}

fn tag(session: SessionId, by: u8) -> KeepTag {
    let states = written(by);
    KeepTag { session, states }
}

#[tokio::test]
async fn a_function_reads_and_changes_its_states() {
    let runtime = runtime();
    let executor = ready(&runtime, &function()).await;
    let run = async |input: &str, s| executor.execute(call(input, s)).await.unwrap();

    let got = run("g", Some("hello")).await;
    assert!(got.writes.is_empty() && got.cold && got.worker.is_none());
    assert_eq!(output(got), b"hello");
    assert_eq!(output(run("g", None).await), b"");
    assert_eq!(output(run("r", Some("hello")).await), b"el");
    assert_eq!(output(run("z", Some("hello")).await), 5_u64.to_le_bytes());
    assert_eq!(
        output(run("ynew", Some("old")).await),
        7_u32.to_le_bytes(),
        "the declared schema"
    );

    let name = || "s".parse().unwrap();
    let set = run("shello", Some("hello")).await;
    assert_eq!(
        set.writes,
        [(name(), Some("hello".into()))].into(),
        "also to the same bytes"
    );
    let appended = run("a world", Some("hello")).await;
    assert_eq!(appended.writes, [(name(), Some("hello world".into()))].into());
    assert_eq!(output(appended), b"hello world");
    assert_eq!(run("d", Some("hello")).await.writes, [(name(), None)].into());
}

#[tokio::test]
async fn a_function_knows_its_invocation() {
    let runtime = runtime();
    let executor = ready(&runtime, &function()).await;
    let times = output(executor.execute(call("c", None)).await.unwrap());
    let expected = [1_700_000_000_000_u64, 1_700_000_030_000, 42]
        .map(u64::to_le_bytes)
        .concat();
    assert_eq!(times, expected);
    let id = output(executor.execute(call("i", None)).await.unwrap());
    assert_eq!(id, "03".repeat(16).as_bytes());
}

#[tokio::test]
async fn states_that_are_not_declared_so_are_refused_to_the_guest() {
    let runtime = runtime();
    let executor = ready(&runtime, &function()).await;
    let undeclared = executor.execute(call("u", None)).await.unwrap();
    assert_eq!(undeclared.outcome, Err(GuestError::Failed("u".to_owned())));
    let read_only = executor.execute(call("wx", None)).await.unwrap();
    assert_eq!(
        read_only.outcome,
        Err(GuestError::Failed("s".to_owned())),
        "read-only is the error's case 1"
    );
    assert!(read_only.writes.is_empty());
}

#[tokio::test]
async fn states_that_are_too_large_together_are_refused_to_the_guest() {
    let runtime = runtime();
    let mut small = function();
    small.writes.insert("r".parse().unwrap());
    small.limits.memory = Size(15 << 20);
    let executor = ready(&runtime, &small).await;
    let much = executor.execute(call("o", None)).await.unwrap();
    assert_eq!(
        much.outcome,
        Err(GuestError::Failed("sr".to_owned())),
        "too-large is the error's case 2"
    );
    assert!(much.writes.is_empty());
    assert_eq!(
        output(executor.execute(call("a!", Some("hello"))).await.unwrap()),
        b"hello!"
    );
    small.limits.memory = Size(16 << 20);
    let enough = ready(&runtime, &small).await;
    let written = enough.execute(call("o", None)).await.unwrap().writes;
    let bytes = written.values().flatten().map(|value| value.len());
    assert_eq!(bytes.sum::<usize>(), 16 << 20);
}

#[tokio::test]
async fn an_error_of_the_functions_own_writes_nothing() {
    let runtime = runtime();
    let mut kept = function();
    kept.instance = Instance::PerSession;
    let executor = ready(&runtime, &kept).await;
    let mut failing = call("fwhy", Some("before"));
    failing.keep = Some(tag(session(), 1));
    let execution = executor.execute(failing).await.unwrap();
    assert_eq!(execution.outcome, Err(GuestError::InvalidInput("why".to_owned())));
    assert!(execution.writes.is_empty() && execution.worker.is_none());
}

#[tokio::test]
async fn each_fault_has_its_name_and_leaves_the_function_usable() {
    let runtime = runtime();
    let mut small = function();
    small.limits.time = Duration::from_millis(50);
    small.limits.memory = Size(4 << 20);
    small.limits.output = Size(1000);
    let executor = ready(&runtime, &small).await;
    assert!(matches!(fault(&executor, "?").await, Fault::Trap(text) if text.contains("unreachable")));
    assert!(matches!(fault(&executor, "k").await, Fault::Trap(text) if text.contains("stack")));
    assert_eq!(fault(&executor, "l").await, Fault::TimeLimit(small.limits.time));
    assert_eq!(
        fault(&executor, "m").await,
        Fault::MemoryLimit(small.limits.memory)
    );
    let (size, limit) = (Size(100_000), Size(1000));
    assert_eq!(fault(&executor, "b").await, Fault::OutputTooLarge { size, limit });
    assert_eq!(
        output(executor.execute(call("ehello", None)).await.unwrap()),
        b"hello"
    );
}

#[tokio::test]
async fn fuel_runs_out_where_it_is_limited() {
    let runtime = runtime();
    let mut metered = function();
    metered.limits.fuel = Some(1_000_000);
    let executor = ready(&runtime, &metered).await;
    assert_eq!(fault(&executor, "l").await, Fault::FuelExhausted(1_000_000));
    assert_eq!(
        output(executor.execute(call("ehello", None)).await.unwrap()),
        b"hello"
    );
}

#[tokio::test]
async fn what_was_logged_before_a_trap_is_kept() {
    let runtime = runtime();
    let executor = ready(&runtime, &function()).await;
    let Err(ExecuteError::Guest { logs, .. }) = executor.execute(call("xwarned", None)).await else {
        panic!("it traps");
    };
    let lines: Vec<_> = logs.iter().map(|line| (line.level, &*line.message)).collect();
    assert_eq!(lines, [(LogLevel::Warn, "warned"), (LogLevel::Error, "oh")]);
}

#[tokio::test]
async fn the_callers_deadline_is_not_the_functions_fault() {
    let runtime = runtime();
    let executor = ready(&runtime, &function()).await;
    let mut hurried = call("l", None);
    hurried.time_left = Duration::from_millis(20);
    assert!(matches!(
        executor.execute(hurried).await,
        Err(ExecuteError::Deadline)
    ));
}

/// On one thread: `tokio::test` has no other.
#[tokio::test]
async fn others_go_on_while_a_function_loops() {
    let runtime = runtime();
    let mut looping = function();
    looping.limits.time = Duration::from_secs(2);
    let (looping, others) = (
        ready(&runtime, &looping).await,
        ready(&runtime, &function()).await,
    );
    let begun = Instant::now();
    let endless = tokio::spawn(async move { looping.execute(call("l", None)).await });
    let mut served = 0_u32;
    while !endless.is_finished() {
        // A timer, so that the driver of IO must have its turn as well.
        tokio::time::sleep(Duration::from_millis(1)).await;
        assert_eq!(
            output(others.execute(call("ehello", None)).await.unwrap()),
            b"hello"
        );
        served += 1;
    }
    let ended = endless.await.unwrap();
    assert!(matches!(
        ended,
        Err(ExecuteError::Guest {
            fault: Fault::TimeLimit(_),
            ..
        })
    ));
    assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());
    // Every second turn is the guest's, of a millisecond: some hundreds on a quiet machine. If IO waited for
    // tokio's 61 polls, it would be some dozens.
    assert!(served > 100, "{served}");
}

#[tokio::test]
async fn executions_over_the_limit_are_refused_at_once() {
    let runtime = runtime();
    let mut single = function();
    single.limits.concurrency = 1;
    let executor = ready(&runtime, &single).await;
    let (first, second) = tokio::join!(biased; async {
        let mut looping = call("l", None);
        looping.time_left = Duration::from_millis(50);
        executor.execute(looping).await
    }, executor.execute(call("ehello", None)));
    assert!(matches!(first, Err(ExecuteError::Deadline)));
    assert!(matches!(second, Err(ExecuteError::Busy(Busy::Function(1)))));
    assert!(
        executor.execute(call("ehello", None)).await.is_ok(),
        "the slot is free again"
    );
}

#[tokio::test]
async fn a_call_that_is_dropped_ends() {
    let runtime = runtime();
    let mut single = function();
    single.limits.concurrency = 1;
    let executor = ready(&runtime, &single).await;
    let dropped = tokio::time::timeout(Duration::from_millis(20), executor.execute(call("l", None))).await;
    assert!(dropped.is_err());
    assert!(
        executor.execute(call("ehello", None)).await.is_ok(),
        "the slot is free again"
    );
}

#[tokio::test]
async fn a_kept_worker_is_used_on_its_very_states_only() {
    let runtime = runtime();
    let mut kept = function();
    kept.instance = Instance::PerSession;
    let executor = ready(&runtime, &kept).await;
    let count = async |base: u8| {
        let mut counting = call("n", None);
        counting.keep = Some(tag(session(), base));
        let execution = executor.execute(counting).await.unwrap();
        (
            execution.cold,
            execution.outcome.unwrap()[0],
            execution.worker.unwrap(),
        )
    };
    let (cold, calls, worker) = count(1).await;
    assert_eq!((cold, calls), (true, 1));
    worker.keep(session(), written(2));
    let (cold, calls, worker) = count(2).await;
    assert_eq!((cold, calls), (false, 2));
    drop(worker);
    let (cold, calls, worker) = count(2).await;
    assert_eq!((cold, calls), (true, 1), "what did not commit was dropped");
    worker.keep(session(), written(3));
    assert_eq!(count(4).await.1, 1, "other states");
    assert_eq!(count(3).await.1, 1, "and the worker of the old states is gone");
}

#[tokio::test]
async fn memory_that_an_earlier_call_did_without_is_not_what_a_later_one_fails_for() {
    let runtime = runtime();
    let mut kept = function();
    kept.instance = Instance::PerSession;
    let executor = ready(&runtime, &kept).await;
    let tagged = |input| {
        let mut tagged = call(input, None);
        tagged.keep = Some(tag(session(), 1));
        tagged
    };
    let worker = executor.execute(tagged("q")).await.unwrap().worker.unwrap();
    worker.keep(session(), written(1));
    for cold in [false, true] {
        match executor.execute(tagged("?")).await {
            Err(ExecuteError::Guest { fault, cold: is, .. }) => {
                let trapped = matches!(&fault, Fault::Trap(text) if text.contains("unreachable"));
                assert!(trapped, "{fault}");
                assert_eq!(is, cold, "what broke off is not used again");
            }
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test]
async fn workers_are_not_kept_unless_the_function_asks_for_it() {
    let runtime = runtime();
    let executor = ready(&runtime, &function()).await;
    let mut counting = call("n", None);
    counting.keep = Some(tag(session(), 1));
    assert!(executor.execute(counting).await.unwrap().worker.is_none());
}

#[tokio::test]
async fn kept_workers_make_room_when_the_pool_is_used_up() {
    let options = ComponentOptions {
        workers: 2,
        ..ComponentOptions::default()
    };
    let runtime = ComponentRuntime::new(options).unwrap();
    assert_eq!(runtime.allocator(), Allocator::Pool(2));
    let mut kept = function();
    kept.instance = Instance::PerSession;
    let executor = ready(&runtime, &kept).await;
    let run = async |number: u8| {
        let session = SessionId::mint("n".parse().unwrap(), vec![Birth::InFunction], [number; 16]).unwrap();
        let mut counting = call("n", None);
        counting.keep = Some(tag(session.clone(), 1));
        executor
            .execute(counting)
            .await
            .map(|execution| (session, execution.worker.unwrap()))
    };
    for number in 0..5 {
        let (session, worker) = run(number).await.unwrap();
        worker.keep(session, written(1));
    }
    let in_use = (run(6).await.unwrap(), run(7).await.unwrap());
    assert!(matches!(run(8).await, Err(ExecuteError::Busy(Busy::Node))));
    drop(in_use);
}

#[tokio::test]
async fn without_a_pool_everything_works_the_same() {
    let options = ComponentOptions {
        pooling: false,
        ..ComponentOptions::default()
    };
    let runtime = ComponentRuntime::new(options).unwrap();
    assert_eq!(runtime.allocator(), Allocator::OnDemand);
    let executor = ready(&runtime, &function()).await;
    assert_eq!(
        output(executor.execute(call("a!", Some("hello"))).await.unwrap()),
        b"hello!"
    );
    let memory = function().limits.memory;
    assert_eq!(fault(&executor, "m").await, Fault::MemoryLimit(memory));
}

#[tokio::test]
async fn random_bytes_are_no_component() {
    for seed in 0..20_u8 {
        let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, &[seed]);
        let bytes = digest.as_ref().repeat(10)[..300].to_vec();
        let (fault, _) = refused(&bytes, &function()).await;
        assert!(
            matches!(fault, FunctionFault::NotAComponent(_)),
            "seed {seed}: {fault}"
        );
    }
    let whole = guests::guest();
    let (fault, _) = refused(&whole[..whole.len() / 2], &function()).await;
    assert!(
        matches!(fault, FunctionFault::NotAComponent(_)),
        "half of one: {fault}"
    );
}

/// What was begun goes on, and is there for whoever comes later.
#[tokio::test]
async fn a_component_that_is_not_compiled_in_time_is_refused_and_compiled_all_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let hasty = ComponentRuntime::new(ComponentOptions {
        cache: Some(folder.path().to_owned()),
        compile: Duration::ZERO,
        workers: 16,
        ..ComponentOptions::default()
    });
    let hasty = hasty.unwrap();
    let mut refused = 0;
    loop {
        let prepared = support::prepare(&hasty, &function(), &guests::guest(), Path::new("")).await;
        match prepared.map(drop) {
            Err(PrepareError::Function {
                fault: FunctionFault::CompileTime(limit),
                ..
            }) => assert_eq!(limit, Duration::ZERO),
            Err(PrepareError::Busy { busy, .. }) => {
                assert_eq!(busy, Busy::Compiler);
                break;
            }
            other => panic!("{other:?}"),
        }
        refused += 1;
    }
    assert_eq!(refused, 2, "those that go on have their places");
    let is_code = |file: std::io::Result<std::fs::DirEntry>| {
        let path = file.unwrap().path();
        path.extension().is_some_and(|ending| ending == "cwasm")
    };
    let end = Instant::now() + Duration::from_secs(30);
    while !std::fs::read_dir(folder.path()).unwrap().any(is_code) {
        assert!(Instant::now() < end, "nothing comes of it");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test]
async fn components_of_another_world_are_refused_with_what_is_wrong() {
    let (fault, hint) = refused(&text("(module)"), &function()).await;
    assert!(matches!(fault, FunctionFault::CoreModule), "{fault}");
    assert!(hint.contains("fogline build"), "{hint}");

    let (fault, _) = refused(&text("(component)"), &function()).await;
    assert!(
        fault.to_string().contains("does not export a function `handle`"),
        "{fault}"
    );

    let mistyped = r#"(component
        (core module $m (func (export "handle") (param i32)))
        (core instance $i (instantiate $m))
        (func (export "handle") (param "input" u32) (canon lift (core func $i "handle"))))"#;
    let (fault, _) = refused(&text(mistyped), &function()).await;
    assert!(fault.to_string().contains("list<u8>"), "{fault}");

    let wasi = r#"(component (import "wasi:cli/environment@0.2.0" (instance
        (export "get-arguments" (func (result (list string)))))))"#;
    let (fault, hint) = refused(&text(wasi), &function()).await;
    assert!(fault.to_string().contains("wasi:cli/environment"), "{fault}");
    assert!(hint.contains("WASI"), "{hint}");
}

#[tokio::test]
async fn a_function_that_cannot_even_start_is_refused() {
    let mut small = function();
    small.limits.memory = Size(64 << 10);
    let (fault, hint) = refused(&guests::guest(), &small).await;
    assert!(
        matches!(
            fault,
            FunctionFault::Memory {
                needed: Size(131_072),
                ..
            }
        ),
        "{fault}"
    );
    assert!(hint.contains("limits.memory"), "{hint}");

    let mut hasty = function();
    hasty.limits.time = Duration::from_millis(20);
    let starts = |body: &str| {
        guests::component(&format!(
            "(module (memory (export \"memory\") 1) (func $start {body}) (start $start)
             (func (export \"cabi_realloc\") (param i32 i32 i32 i32) (result i32) unreachable)
             (func (export \"handle\") (param i32 i32) (result i32) unreachable))"
        ))
    };
    let (fault, _) = refused(&starts("unreachable"), &hasty).await;
    assert!(matches!(fault, FunctionFault::Start(Fault::Trap(_))), "{fault}");
    let (fault, _) = refused(&starts("(loop $forever (br $forever))"), &hasty).await;
    assert!(
        matches!(fault, FunctionFault::Start(Fault::TimeLimit(_))),
        "{fault}"
    );
}

#[tokio::test]
async fn compiled_code_is_found_again_by_the_next_start() {
    let folder = tempfile::tempdir().unwrap();
    let options = ComponentOptions {
        cache: Some(folder.path().join("code")),
        workers: 4,
        ..ComponentOptions::default()
    };
    let mut found = Vec::new();
    for _ in 0..2 {
        let runtime = ComponentRuntime::new(options.clone()).unwrap();
        let executor = ready(&runtime, &function()).await;
        assert_eq!(
            output(executor.execute(call("ehello", None)).await.unwrap()),
            b"hello"
        );
        let files = std::fs::read_dir(folder.path().join("code")).unwrap();
        let mut files: Vec<_> = files.map(|file| file.unwrap().ino()).collect();
        files.sort_unstable();
        assert_eq!(files.len(), 2, "the key and one component");
        found.push(files);
    }
    // What is compiled again takes the place of the file.
    assert_eq!(found[0], found[1]);
}
