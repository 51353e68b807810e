//! A program that runs: the child, its socket, its output.

use std::collections::VecDeque;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use fogline_core::model::{Bytes as Size, FunctionName};
use http::{Method, StatusCode};
use rustix::process::{Pid, Signal, kill_process_group};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, BufReader};
use tokio::process::{Child, Command};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout};

use super::exchange::{ExchangeError, ask};
use crate::logs::MAX_LOG_LINE;

/// What a program gets of the node's environment: the node's own may hold secrets.
const ENVIRONMENT: [&str; 10] = [
    "PATH",
    "HOME",
    "LANG",
    "LC_ALL",
    "TZ",
    "TMPDIR",
    "LD_LIBRARY_PATH",
    "PYTHONPATH",
    "VIRTUAL_ENV",
    "CUDA_VISIBLE_DEVICES",
];
/// How long a program may take to begin serving.
const START: Duration = Duration::from_secs(20);
/// How often it is asked meanwhile.
const ASK_AGAIN: Duration = Duration::from_millis(10);
/// Largest body of an answer to `GET /ready`; it says nothing.
const READY_BODY: Size = Size(4096);
/// Ends its process group when the pipe to it is closed, as it is with the node, whatever ends that: a node that is
/// killed drops nothing. It is what leads the group, so that it is there before the program, and after it.
const GUARD: [&str; 3] = ["sh", "-c", "read -r _; kill -KILL 0"];
/// Lines of output that a failure is explained with.
const LAST_LINES: usize = 8;

/// How a program is started.
pub(super) struct Spec {
    /// Whose it is, for the log.
    pub(super) application: String,
    pub(super) function: FunctionName,
    /// Program and arguments; not empty.
    pub(super) command: Vec<String>,
    pub(super) folder: PathBuf,
    /// Memory of the program, over all its executions.
    pub(super) memory: Size,
}

/// A running program. Dropping it kills the program's whole process group.
pub(super) struct Program {
    child: Child,
    /// Holds the pipe to the guard.
    _guard: Child,
    /// Holds the socket; nobody else may look into it.
    folder: TempDir,
    last: Arc<Mutex<VecDeque<String>>>,
    readers: JoinSet<()>,
    group: Option<Pid>,
}

impl Program {
    /// Starts a program and waits until it serves.
    ///
    /// # Errors
    /// When it cannot be started, ends, or does not serve in time: a text that says so, with its last words.
    pub(super) async fn start(spec: &Spec) -> Result<Self, String> {
        let mut program =
            Self::spawn(spec).map_err(|error| format!("starting {:?}: {error}", spec.command[0]))?;
        let end = Instant::now() + START;
        while program
            .is_ready(end.saturating_duration_since(Instant::now()))
            .await
            != Some(true)
        {
            if let Ok(Some(status)) = program.child.try_wait() {
                return Err(program.last_words(&format!("it ended with {status}")).await);
            }
            if Instant::now() >= end {
                return Err(program
                    .last_words(&format!("it is not ready after {START:?}"))
                    .await);
            }
            sleep(ASK_AGAIN).await;
        }
        Ok(program)
    }

    /// Where it listens.
    pub(super) fn socket(&self) -> PathBuf {
        self.folder.path().join("socket")
    }

    /// Whether it answers within this time that it is ready; nobody knows if the node cannot ask it.
    pub(super) async fn is_ready(&self, within: Duration) -> Option<bool> {
        let socket = self.socket();
        let answer = timeout(
            within,
            ask(&socket, Method::GET, "/ready", Vec::new(), READY_BODY),
        )
        .await;
        match answer {
            Ok(Err(ExchangeError::Node(_))) => None,
            answer => Some(matches!(answer, Ok(Ok((StatusCode::OK, _))))),
        }
    }

    /// Waits until it ends by itself.
    pub(super) async fn ended(&mut self) -> io::Result<ExitStatus> {
        self.child.wait().await
    }

    fn spawn(spec: &Spec) -> io::Result<Self> {
        let folder = tempfile::Builder::new().prefix("fogline-").tempdir()?;
        let guard = Command::new(GUARD[0])
            .args(&GUARD[1..])
            .env_clear()
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .process_group(0)
            .kill_on_drop(true)
            .spawn()
            .map_err(|error| io::Error::new(error.kind(), format!("its guard {:?}: {error}", GUARD[0])))?;
        let group = id_of(&guard);
        let mut command = Command::new(program_path(&spec.command[0], &spec.folder));
        command
            .args(&spec.command[1..])
            .current_dir(&spec.folder)
            .env_clear()
            .envs(
                ENVIRONMENT
                    .iter()
                    .filter_map(|name| Some((name, std::env::var_os(name)?))),
            )
            .env("FOGLINE_SOCKET", folder.path().join("socket"))
            .env("FOGLINE_FUNCTION", spec.function.as_str())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(group.map_or(0, |group| group.as_raw_nonzero().get()))
            .kill_on_drop(true);
        let mut child = command.spawn()?;
        let last = Arc::new(Mutex::new(VecDeque::new()));
        let mut readers = JoinSet::new();
        let whose = (spec.application.clone(), spec.function.clone());
        if let Some(output) = child.stdout.take() {
            readers.spawn(read_lines(whose.clone(), output, Arc::clone(&last)));
        }
        if let Some(output) = child.stderr.take() {
            readers.spawn(read_lines(whose, output, Arc::clone(&last)));
        }
        let program = Self {
            child,
            _guard: guard,
            folder,
            last,
            readers,
            group,
        };
        program.limit_memory(spec.memory)?;
        Ok(program)
    }

    /// Limits what the program allocates, not its address space: GPU libraries reserve far more than they use.
    #[cfg(target_os = "linux")]
    fn limit_memory(&self, most: Size) -> io::Result<()> {
        use rustix::process::{Resource, Rlimit, prlimit};
        let limit = Rlimit {
            current: Some(most.0),
            maximum: Some(most.0),
        };
        prlimit(id_of(&self.child), Resource::Data, limit)?;
        Ok(())
    }

    /// Elsewhere another process's limits cannot be set.
    #[cfg(not(target_os = "linux"))]
    #[expect(clippy::unnecessary_wraps, clippy::unused_self, reason = "as on Linux")]
    fn limit_memory(&self, _: Size) -> io::Result<()> {
        Ok(())
    }

    /// A reason, and what the program said last.
    async fn last_words(mut self, reason: &str) -> String {
        self.kill();
        // The pipes are closed now, unless a process outside of the group has inherited them.
        let _ = timeout(Duration::from_secs(1), self.readers.join_next()).await;
        let _ = timeout(Duration::from_secs(1), self.readers.join_next()).await;
        let last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if last.is_empty() {
            return reason.to_owned();
        }
        let lines: Vec<_> = last.iter().map(String::as_str).collect();
        format!("{reason}; its last lines were:\n{}", lines.join("\n"))
    }

    fn kill(&mut self) {
        if let Some(group) = self.group.take()
            && let Err(error) = kill_process_group(group, Signal::KILL)
        {
            tracing::debug!("nothing of the process group is left to kill: {error}");
        }
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        self.kill();
    }
}

/// The id of a process that has not been waited for.
fn id_of(child: &Child) -> Option<Pid> {
    child
        .id()
        .and_then(|id| i32::try_from(id).ok())
        .and_then(Pid::from_raw)
}

/// A program with a slash in its name is looked for in the manifest's folder.
fn program_path(program: &str, folder: &Path) -> PathBuf {
    if program.contains('/') {
        folder.join(program)
    } else {
        PathBuf::from(program)
    }
}

/// Passes lines on to the node's log, cut, and remembers the last.
async fn read_lines(
    (application, function): (String, FunctionName),
    output: impl AsyncRead + Unpin + Send,
    last: Arc<Mutex<VecDeque<String>>>,
) {
    let mut output = BufReader::new(output);
    let mut line = Vec::new();
    loop {
        line.clear();
        match (&mut output)
            .take(MAX_LOG_LINE.0)
            .read_until(b'\n', &mut line)
            .await
        {
            Ok(0) | Err(_) => return,
            Ok(_) => {}
        }
        let text = String::from_utf8_lossy(&line).trim_end().to_owned();
        tracing::info!(application, %function, "{text}");
        let mut last = last.lock().unwrap_or_else(PoisonError::into_inner);
        if last.len() == LAST_LINES {
            last.pop_front();
        }
        last.push_back(text);
    }
}
