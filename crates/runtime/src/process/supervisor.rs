//! Keeps a program running.
//!
//! ```text
//! Starting ──ready──▶ Up ──ends, or hangs──▶ Down ──pause──▶ (start again) ──ready──▶ Up
//!     └───────────fails───────────────────────▲  └──fails──▶ Down, with twice the pause
//! ```

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Notify, watch};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep};

use super::program::{Program, Spec};

/// The pause before the first new start; it doubles with every start that does not hold.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);
/// A program that ran as long as this is not counted as failing.
const HOLDS: Duration = Duration::from_secs(60);

/// What a program is doing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Status {
    /// It has never been ready.
    Starting,
    /// It listens there.
    Up(PathBuf),
    /// It is down, for this reason, and will be started again.
    Down(String),
}

/// Owns the task that owns the program; both end when it is dropped.
pub(super) struct Supervisor {
    status: watch::Receiver<Status>,
    suspect: Arc<Notify>,
    task: JoinHandle<()>,
}

impl Supervisor {
    /// Starts a program; `patience` is how long it may be silent before it counts as hanging.
    pub(super) fn start(spec: Spec, patience: Duration) -> Self {
        let (sender, status) = watch::channel(Status::Starting);
        let suspect = Arc::new(Notify::new());
        let task = tokio::spawn(supervise(spec, patience, sender, Arc::clone(&suspect)));
        Self {
            status,
            suspect,
            task,
        }
    }

    /// What the program is doing now.
    pub(super) fn status(&self) -> Status {
        self.status.borrow().clone()
    }

    /// Waits for the end of the first start: ready, or the reason why not.
    pub(super) async fn started(&self) -> Result<(), String> {
        let mut status = self.status.clone();
        let known = status.wait_for(|status| *status != Status::Starting).await;
        match known.map(|status| status.clone()) {
            Ok(Status::Down(reason)) => Err(reason),
            Ok(_) => Ok(()),
            Err(_) => Err("its supervisor has ended".to_owned()),
        }
    }

    /// Says that the program did not answer in time: it is killed if it does not say that it is ready.
    pub(super) fn suspect(&self) {
        self.suspect.notify_one();
    }
}

impl Drop for Supervisor {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn supervise(spec: Spec, patience: Duration, status: watch::Sender<Status>, suspect: Arc<Notify>) {
    let mut pause = FIRST_PAUSE;
    loop {
        let begun = Instant::now();
        let reason = match Program::start(&spec).await {
            Ok(mut program) => {
                status.send_replace(Status::Up(program.socket()));
                watch_over(&mut program, patience, &suspect).await
            }
            Err(reason) => reason,
        };
        if begun.elapsed() >= HOLDS {
            pause = FIRST_PAUSE;
        }
        tracing::warn!(function = %spec.function, ?pause, "a function's process is down: {reason}");
        status.send_replace(Status::Down(reason));
        sleep(pause).await;
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}

/// Until it ends or hangs; says which.
async fn watch_over(program: &mut Program, patience: Duration, suspect: &Notify) -> String {
    loop {
        tokio::select! {
            ended = program.ended() => return match ended {
                Ok(status) => format!("it ended with {status}"),
                Err(error) => format!("waiting for its end: {error}"),
            },
            () = suspect.notified() => {
                if !program.is_ready(patience).await {
                    return format!("it did not answer for {patience:?}");
                }
            }
        }
    }
}
