//! Keeps a program running.
//!
//! ```text
//! Starting ──ready──▶ Up ──ends, or hangs──▶ Down ──pause──▶ (start again) ──ready──▶ Up
//!     └───────────fails───────────────────────▲  └──fails──▶ Down, with twice the pause
//! ```

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
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

/// What is known of a program by its answers.
#[derive(Default)]
pub(super) struct Health {
    /// How many calls it has answered.
    answers: AtomicU64,
    suspected: Notify,
}

impl Health {
    /// Says that the program has answered a call.
    pub(super) fn answered(&self) {
        self.answers.fetch_add(1, Ordering::Relaxed);
    }

    /// Says that the program did not answer in time: it is killed if it answers nothing.
    pub(super) fn suspect(&self) {
        self.suspected.notify_one();
    }
}

/// Owns the task that owns the program; both end when it is dropped.
pub(super) struct Supervisor {
    status: watch::Receiver<Status>,
    health: Arc<Health>,
    task: JoinHandle<()>,
}

impl Supervisor {
    /// Starts a program; `patience` is how long it may be silent before it counts as hanging.
    pub(super) fn start(spec: Spec, patience: Duration) -> Self {
        let (sender, status) = watch::channel(Status::Starting);
        let health = Arc::new(Health::default());
        let task = tokio::spawn(supervise(spec, patience, sender, Arc::clone(&health)));
        Self { status, health, task }
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

    /// Where it is told how the program answers.
    pub(super) fn health(&self) -> &Arc<Health> {
        &self.health
    }
}

impl Drop for Supervisor {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn supervise(spec: Spec, patience: Duration, status: watch::Sender<Status>, health: Arc<Health>) {
    let mut pause = FIRST_PAUSE;
    loop {
        let begun = Instant::now();
        let reason = match Program::start(&spec).await {
            Ok(mut program) => {
                status.send_replace(Status::Up(program.socket()));
                watch_over(&mut program, patience, &health).await
            }
            Err(reason) => reason,
        };
        if begun.elapsed() >= HOLDS {
            pause = FIRST_PAUSE;
        }
        let (application, function) = (&spec.application, &spec.function);
        // With what the program said, which must not look like lines of the log.
        tracing::warn!(application, %function, ?pause, ?reason, "a function's process is down");
        status.send_replace(Status::Down(reason));
        sleep(pause).await;
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}

/// Until it ends or hangs; says which.
async fn watch_over(program: &mut Program, patience: Duration, health: &Health) -> String {
    loop {
        tokio::select! {
            ended = program.ended() => return match ended {
                Ok(status) => format!("it ended with {status}"),
                Err(error) => format!("waiting for its end: {error}"),
            },
            () = health.suspected.notified() => {
                let before = health.answers.load(Ordering::Relaxed);
                let ready = program.is_ready(patience).await;
                // One that serves one call after the other is asked behind those that wait.
                if ready == Some(false) && health.answers.load(Ordering::Relaxed) == before {
                    return format!("it did not answer for {patience:?}");
                }
            }
        }
    }
}
