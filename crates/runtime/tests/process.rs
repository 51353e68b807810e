//! Programs behave, crash and hang, and are started again.
//!
//! The program is Python with the standard library only; the first byte of the input says what it does.
#![expect(clippy::unwrap_used, reason = "a test fails where it stands")]

mod support;

use std::future::Future;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use fogline_core::application::{Function, Instance, RuntimeKind};
use fogline_runtime::process::ProcessRuntime;
use fogline_runtime::{Busy, ExecuteError, Executor, Fault, FunctionFault, GuestError, PrepareError};
use support::call;
use tempfile::TempDir;

const SCRIPT: &str = r#"
import base64, json, os, socketserver, sys, time
from http.server import BaseHTTPRequestHandler

class Handler(BaseHTTPRequestHandler):
    def address_string(self):
        return "node"

    def log_message(self, *arguments):
        pass

    def answer(self, status, body):
        body = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    asked = 0

    def do_GET(self):
        Handler.asked += 1
        if "silent" in sys.argv and Handler.asked > 1:
            time.sleep(3600)
        self.answer(200 if self.path == "/ready" else 404, b"")

    def do_POST(self):
        request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        text = base64.b64decode(request["input"]).decode()
        states = {name: base64.b64decode(state["value"]).decode() for name, state in request["states"].items()}
        output = lambda text: base64.b64encode(text.encode()).decode()
        what, rest = text[:1], text[1:]
        if what == "e":
            self.answer(200, {"output": output(rest)})
        elif what == "a":
            s = states.get("s", "") + rest
            logs = [{"level": "info", "message": "appending"}]
            self.answer(200, {"output": output(s), "states": {"s": output(s)}, "logs": logs})
        elif what == "p":
            self.answer(200, {"output": output(str(os.getpid()))})
        elif what == "f":
            self.answer(200, {"error": {"kind": "failed", "message": rest}})
        elif what == "u":
            self.answer(200, {"output": "", "states": {"r": ""}})
        elif what == "k":
            self.answer(200, {"output": "", "state": {"s": ""}})
        elif what == "b":
            self.answer(200, {"output": output("x" * 100000)})
        elif what == "h":
            self.answer(200, b" " * 20000000)
        elif what == "5":
            self.answer(500, b"oh no")
        elif what == "c":
            os._exit(3)
        elif what == "l":
            time.sleep(3600)
        elif what == "w":
            time.sleep(float(rest))
            self.answer(200, {"output": ""})
        elif what == "m":
            self.answer(200, {"output": output(str(len(bytearray(1 << 30))))})
        elif what == "v":
            self.answer(200, {"output": output(" ".join(sorted(os.environ)))})

threads = "threads" in sys.argv
Server = socketserver.ThreadingUnixStreamServer if threads else socketserver.UnixStreamServer
Server.daemon_threads = True
Server.request_queue_size = 128 if "patient" in sys.argv else 5
Server(os.environ["FOGLINE_SOCKET"], Handler).serve_forever()
"#;

/// A program with this command line.
fn program(command: &[&str]) -> RuntimeKind {
    RuntimeKind::Process {
        command: command.iter().map(ToString::to_string).collect(),
        files: Vec::new(),
    }
}

fn function(arguments: &[&str]) -> Function {
    let command = [&["python3", "app.py"], arguments].concat();
    let mut function = support::function(program(&command));
    function.limits.concurrency = 4;
    function
}

/// An executor, and the folder of its program.
type Prepared = (Arc<dyn Executor>, TempDir);

async fn prepare(function: &Function, script: &str) -> Result<Prepared, PrepareError> {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("app.py"), script).unwrap();
    let executor = support::prepare(&ProcessRuntime, function, b"", folder.path()).await?;
    Ok((executor, folder))
}

async fn ready(function: &Function) -> Prepared {
    prepare(function, SCRIPT).await.unwrap()
}

async fn run(executor: &Arc<dyn Executor>, input: &str) -> Result<String, ExecuteError> {
    let execution = executor.execute(call(input, None)).await?;
    Ok(String::from_utf8(execution.outcome.unwrap().to_vec()).unwrap())
}

async fn fault(executor: &Arc<dyn Executor>, input: &str) -> Fault {
    match executor.execute(call(input, None)).await {
        Err(ExecuteError::Guest { fault, .. }) => fault,
        other => panic!("{input}: {other:?}"),
    }
}

/// Tries again until something comes of it.
async fn eventually<T, F: Future<Output = Option<T>>>(mut attempt: impl FnMut() -> F) -> T {
    let end = Instant::now() + Duration::from_secs(30);
    loop {
        if let Some(value) = attempt().await {
            return value;
        }
        assert!(Instant::now() < end, "nothing comes of it");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[cfg(target_os = "linux")]
fn lives(process: &str) -> bool {
    // A process that has ended and was not waited for yet is a zombie.
    let status = std::fs::read_to_string(Path::new("/proc").join(process).join("stat"));
    status.is_ok_and(|text| !text.contains(") Z "))
}

#[tokio::test]
async fn a_program_gets_states_and_gives_new_ones() {
    let (executor, _folder) = ready(&function(&[])).await;
    let execution = executor.execute(call("a world", Some("hello"))).await.unwrap();
    assert_eq!(execution.outcome.unwrap(), "hello world");
    assert_eq!(
        execution.writes,
        [("s".parse().unwrap(), Some("hello world".into()))].into()
    );
    assert_eq!(execution.logs[0].message, "appending");
    let failed = executor.execute(call("fwhy", None)).await.unwrap();
    assert_eq!(failed.outcome, Err(GuestError::Failed("why".to_owned())));
}

#[tokio::test]
async fn a_wrong_answer_is_the_functions_fault() {
    let mut small = function(&[]);
    small.limits.output = fogline_core::model::Bytes(1000);
    let (executor, _folder) = ready(&small).await;
    assert!(matches!(fault(&executor, "u").await, Fault::BadAnswer(text) if text.contains("\"r\"")));
    assert!(matches!(fault(&executor, "k").await, Fault::BadAnswer(text) if text.contains("`state`")));
    assert!(matches!(fault(&executor, "5").await, Fault::BadAnswer(text) if text.contains("oh no")));
    assert!(matches!(
        fault(&executor, "b").await,
        Fault::OutputTooLarge { .. }
    ));
    assert_eq!(run(&executor, "ehello").await.unwrap(), "hello");
}

#[tokio::test]
async fn a_program_that_crashes_is_started_again() {
    let (executor, _folder) = ready(&function(&[])).await;
    let before = run(&executor, "p").await.unwrap();
    assert!(matches!(fault(&executor, "c").await, Fault::Trap(_)));
    let executor = &executor;
    // Who comes while it ends sees it break off as well; who comes later, that it is down.
    let after = eventually(async || run(executor, "p").await.ok()).await;
    assert_ne!(before, after);
}

/// Writes down when it starts; only the first time it goes on.
const STARTS: &str = r#"
import os, sys, time
with open("starts", "a") as starts:
    starts.write(f"{time.monotonic()}\n")
if sum(1 for _ in open("starts")) > 1:
    sys.exit(1)
"#;

#[tokio::test]
async fn a_program_that_keeps_ending_is_started_after_longer_and_longer_pauses() {
    let (executor, folder) = prepare(&function(&[]), &format!("{STARTS}{SCRIPT}"))
        .await
        .unwrap();
    fault(&executor, "c").await;
    let starts = eventually(async || {
        let text = std::fs::read_to_string(folder.path().join("starts")).unwrap();
        let starts: Vec<f64> = text.lines().map(|line| line.parse().unwrap()).collect();
        (starts.len() == 5).then_some(starts)
    })
    .await;
    // The first new start was after 0.1 s.
    let pauses: Vec<f64> = starts.windows(2).map(|pair| pair[1] - pair[0]).skip(1).collect();
    for (pause, least) in pauses.iter().zip([0.2, 0.4, 0.8]) {
        assert!(*pause >= least, "{pauses:?}");
    }
}

#[tokio::test]
async fn a_program_that_hangs_is_killed_and_started_again() {
    let mut hasty = function(&[]);
    hasty.limits.time = Duration::from_millis(300);
    let (executor, _folder) = ready(&hasty).await;
    let before = run(&executor, "p").await.unwrap();
    assert_eq!(fault(&executor, "l").await, Fault::TimeLimit(hasty.limits.time));
    let executor = &executor;
    let after = eventually(async || run(executor, "p").await.ok()).await;
    assert_ne!(before, after);
}

#[tokio::test]
async fn a_program_that_serves_others_meanwhile_is_left_alone() {
    let mut hasty = function(&["threads"]);
    hasty.limits.time = Duration::from_millis(300);
    let (executor, _folder) = ready(&hasty).await;
    let before = run(&executor, "p").await.unwrap();
    assert_eq!(fault(&executor, "l").await, Fault::TimeLimit(hasty.limits.time));
    for _ in 0..20 {
        assert_eq!(run(&executor, "p").await.unwrap(), before);
    }
}

/// What callers no longer wait for is not handed to the program in any number.
#[tokio::test]
async fn a_program_that_serves_one_after_the_other_is_left_alone_when_callers_do_not_wait() {
    let mut sequential = function(&["patient"]);
    sequential.limits.time = Duration::from_secs(1);
    let (executor, _folder) = ready(&sequential).await;
    let before = run(&executor, "p").await.unwrap();
    let callers = (0..4).map(|_| {
        let executor = Arc::clone(&executor);
        tokio::spawn(async move {
            for _ in 0..30 {
                let mut hurried = call("w0.1", None);
                hurried.time_left = Duration::from_millis(20);
                drop(executor.execute(hurried).await);
            }
        })
    });
    for caller in callers.collect::<Vec<_>>() {
        caller.await.unwrap();
    }
    let executor = &executor;
    let after = eventually(async || run(executor, "p").await.ok()).await;
    assert_eq!(before, after);
}

/// It does say that it is ready, but behind those that wait: later than the node has patience.
#[tokio::test]
async fn a_program_that_answers_calls_is_left_alone_when_it_does_not_say_that_it_is_ready() {
    let mut hasty = function(&["threads", "silent"]);
    hasty.limits.time = Duration::from_millis(300);
    let (executor, _folder) = ready(&hasty).await;
    let before = run(&executor, "p").await.unwrap();
    assert_eq!(fault(&executor, "l").await, Fault::TimeLimit(hasty.limits.time));
    let end = Instant::now() + 2 * (hasty.limits.time + Duration::from_secs(1));
    while Instant::now() < end {
        assert_eq!(run(&executor, "w0.01").await.unwrap(), "");
    }
    assert_eq!(run(&executor, "p").await.unwrap(), before);
}

/// As when a connection's caller hangs up: what it called for is dropped.
#[tokio::test]
async fn a_call_that_is_dropped_keeps_its_place_until_the_program_has_answered_it() {
    let mut single = function(&["threads"]);
    single.limits.concurrency = 1;
    let (executor, _folder) = ready(&single).await;
    let hurried = tokio::time::timeout(Duration::from_millis(20), run(&executor, "w1"));
    hurried.await.unwrap_err();
    assert!(matches!(
        run(&executor, "p").await,
        Err(ExecuteError::Busy(Busy::Function(1)))
    ));
    let executor = &executor;
    eventually(async || run(executor, "p").await.ok()).await;
}

/// This test program again, with few descriptors, all of which it takes.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_program_is_left_alone_when_its_node_has_no_descriptor_left() {
    const FEW: &str = "FOGLINE_TEST_FEW_DESCRIPTORS";
    if std::env::var_os(FEW).is_some() {
        let (executor, _folder) = ready(&function(&[])).await;
        let before = run(&executor, "p").await.unwrap();
        let mut taken = Vec::new();
        while let Ok(file) = std::fs::File::open("/dev/null") {
            taken.push(file);
        }
        for _ in 0..100 {
            let failed = run(&executor, "p").await;
            assert!(matches!(failed, Err(ExecuteError::Internal { .. })), "{failed:?}");
            tokio::task::yield_now().await;
        }
        drop(taken);
        assert_eq!(run(&executor, "p").await.unwrap(), before);
        return;
    }
    let test = "a_program_is_left_alone_when_its_node_has_no_descriptor_left";
    let node = Command::new("sh")
        .args(["-c", "ulimit -n 64 && exec \"$@\"", "sh"])
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", test, "--nocapture"])
        .env(FEW, "")
        .output()
        .unwrap();
    assert!(node.status.success(), "{}", String::from_utf8_lossy(&node.stdout));
}

#[tokio::test]
async fn more_calls_than_the_program_lets_wait_are_all_served() {
    let mut many = function(&["threads"]);
    many.limits.concurrency = 64;
    let (executor, _folder) = ready(&many).await;
    let calls: Vec<_> = (0..64)
        .map(|number| {
            let executor = Arc::clone(&executor);
            tokio::spawn(async move { (number, run(&executor, &format!("e{number}")).await.unwrap()) })
        })
        .collect();
    for call in calls {
        let (number, output) = call.await.unwrap();
        assert_eq!(output, number.to_string());
    }
}

#[tokio::test]
async fn the_callers_deadline_is_not_the_functions_fault() {
    let (executor, _folder) = ready(&function(&["threads"])).await;
    let mut hurried = call("l", None);
    hurried.time_left = Duration::from_millis(20);
    assert!(matches!(
        executor.execute(hurried).await,
        Err(ExecuteError::Deadline)
    ));
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_program_ends_with_its_executor() {
    let (executor, _folder) = ready(&function(&[])).await;
    let process = run(&executor, "p").await.unwrap();
    assert!(lives(&process));
    drop(executor);
    eventually(async || (!lives(&process)).then_some(())).await;
}

/// This test program again, as a node with a program: SIGKILL leaves it no time to end it.
#[cfg(target_os = "linux")]
#[tokio::test]
#[expect(clippy::print_stdout, reason = "it tells the test which process it is")]
async fn a_program_ends_with_a_node_that_is_killed() {
    const NODE: &str = "FOGLINE_TEST_NODE";
    if std::env::var_os(NODE).is_some() {
        let (executor, _folder) = ready(&function(&[])).await;
        println!("process={}", run(&executor, "p").await.unwrap());
        std::future::pending::<()>().await;
    }
    let folder = tempfile::tempdir().unwrap();
    let mut node = Command::new(std::env::current_exe().unwrap())
        .args([
            "--exact",
            "a_program_ends_with_a_node_that_is_killed",
            "--nocapture",
        ])
        .env(NODE, "")
        .env("TMPDIR", folder.path())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(node.stdout.take().unwrap())
        .lines()
        .map_while(Result::ok);
    let process = lines.find_map(|line| Some(line.split_once("process=")?.1.to_owned()));
    let process = process.unwrap();
    assert!(lives(&process));
    node.kill().unwrap();
    node.wait().unwrap();
    eventually(async || (!lives(&process)).then_some(())).await;
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_program_cannot_take_more_memory_than_its_workers_may() {
    let (executor, _folder) = ready(&function(&[])).await;
    assert!(
        matches!(fault(&executor, "m").await, Fault::Trap(_)),
        "4 times 64 MiB are less than 1 GiB"
    );
    assert_eq!(run(&executor, "ehello").await.unwrap(), "hello");
}

#[tokio::test]
async fn a_program_sees_little_of_the_nodes_environment() {
    let (executor, _folder) = ready(&function(&[])).await;
    let names = run(&executor, "v").await.unwrap();
    assert!(
        names.contains("FOGLINE_SOCKET") && names.contains("PATH"),
        "{names}"
    );
    assert!(!names.contains("CARGO"), "{names}");
}

#[tokio::test]
async fn a_program_that_does_not_serve_is_refused_with_its_last_words() {
    let refused = async |script| match prepare(&function(&[]), script).await.err().expect("refused") {
        PrepareError::Function {
            fault: FunctionFault::ProcessStart(reason),
            ..
        } => reason,
        other => panic!("{other}"),
    };
    let reason = refused("import nothing_that_exists").await;
    assert!(
        reason.contains("nothing_that_exists") && reason.contains("exit status: 1"),
        "{reason}"
    );

    let mut missing = function(&[]);
    missing.runtime = program(&["./not-there"]);
    let error = prepare(&missing, "").await.err().expect("refused");
    assert!(error.to_string().contains("not-there"), "{error}");
}

#[tokio::test]
async fn what_processes_cannot_do_is_refused() {
    let mut metered = function(&[]);
    metered.limits.fuel = Some(1);
    let mut kept = function(&[]);
    kept.instance = Instance::PerSession;
    let mut nothing = function(&[]);
    nothing.runtime = program(&[]);
    for (function, hint) in [
        (metered, "limits.fuel"),
        (kept, "per-session"),
        (nothing, "command line"),
    ] {
        let error = prepare(&function, SCRIPT).await.err().expect("refused");
        assert!(error.hint().unwrap().contains(hint), "{error}");
    }
}
