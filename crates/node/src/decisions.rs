//! The log of this node's decisions: one line of JSON each, for `fogline replay`.
//!
//! No invocation waits for it. What comes faster than it can be written is left out and counted.

use std::path::{Path, PathBuf};

use fogline_core::dispatch::{Choice, DecisionRecord, LoggedDecision};
use fogline_core::model::{Bytes, NodeName, Timestamp};
use prometheus_client::metrics::counter::Counter;
use tokio::fs::{File, OpenOptions};
use tokio::io::AsyncWriteExt;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// Decisions that wait to be written.
const MAX_WAITING: usize = 1024;
/// Size at which a file is put aside; with the one before there are two of it at the most.
const MAX_FILE: Bytes = Bytes(64 << 20);

/// Where decisions are handed in.
pub(crate) struct Decisions {
    node: NodeName,
    lines: mpsc::Sender<LoggedDecision>,
    lost: Counter,
}

impl Decisions {
    /// A log whose lines a task of the node writes to a file, if one is given. What is lost is counted.
    pub(crate) fn start(
        path: Option<PathBuf>,
        node: &NodeName,
        (lost, tasks, stopping): (Counter, &TaskTracker, &CancellationToken),
    ) -> Option<Self> {
        let (log, lines) = Self::new(node.clone(), lost.clone());
        tasks.spawn(write(path?, lines, lost, stopping.clone()));
        Some(log)
    }

    /// A log, and its lines.
    fn new(node: NodeName, lost: Counter) -> (Self, mpsc::Receiver<LoggedDecision>) {
        let (lines, written) = mpsc::channel(MAX_WAITING);
        (Self { node, lines, lost }, written)
    }

    /// Hands a decision in, on an invocation that was admitted at this time.
    pub(crate) fn log(&self, at: Timestamp, record: DecisionRecord, choice: Option<Choice>) {
        let decision = LoggedDecision {
            at_unix_ms: at,
            by: self.node.clone(),
            choice,
            record,
        };
        if self.lines.try_send(decision).is_err() {
            self.lost.inc();
        }
    }
}

/// Writes what is handed in behind what is in the file, until the node stops.
async fn write(
    path: PathBuf,
    mut lines: mpsc::Receiver<LoggedDecision>,
    lost: Counter,
    stopping: CancellationToken,
) {
    let mut batch = Vec::new();
    loop {
        let count = tokio::select! {
            count = lines.recv_many(&mut batch, MAX_WAITING) => count,
            () = stopping.cancelled() => {
                lines.close();
                lines.recv_many(&mut batch, MAX_WAITING).await
            }
        };
        if count == 0 {
            return;
        }
        if let Err(error) = append(&path, &batch, MAX_FILE).await {
            tracing::warn!(file = %path.display(), %error, "decisions are not logged");
            lost.inc_by(batch.len() as u64);
        }
        batch.clear();
    }
}

/// Writes a batch behind what is in the file; if the file has become too large, into a new one.
async fn append(path: &Path, batch: &[LoggedDecision], most: Bytes) -> std::io::Result<()> {
    let mut text = Vec::new();
    for decision in batch {
        serde_json::to_writer(&mut text, decision)?;
        text.push(b'\n');
    }
    let mut file = open(path).await?;
    if file.metadata().await?.len() >= most.0 {
        let mut aside = path.as_os_str().to_owned();
        aside.push(".1");
        tokio::fs::rename(path, aside).await?;
        file = open(path).await?;
    }
    file.write_all(&text).await?;
    file.flush().await
}

async fn open(path: &Path) -> std::io::Result<File> {
    OpenOptions::new().create(true).append(true).open(path).await
}

#[cfg(test)]
mod tests {
    use fogline_core::policy::Placement;
    use fogline_core::telemetry::FunctionKey;

    use super::*;

    fn record() -> DecisionRecord {
        DecisionRecord {
            placement: Placement::LoadNet,
            function: FunctionKey {
                tenant: "t".parse().unwrap(),
                app: "a".parse().unwrap(),
                function: "f".parse().unwrap(),
            },
            draw: 0,
            turn: 0,
            legs: Vec::new(),
            candidates: Vec::new(),
        }
    }

    fn decision(number: u64) -> LoggedDecision {
        LoggedDecision {
            at_unix_ms: Timestamp(number),
            by: "one".parse().unwrap(),
            choice: None,
            record: record(),
        }
    }

    #[tokio::test]
    async fn a_log_that_has_become_too_large_begins_anew_and_the_one_before_is_kept() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log");
        for number in 0..3 {
            append(&path, &[decision(number)], Bytes(1)).await.unwrap();
        }
        let times = |name: &str| {
            let text = std::fs::read_to_string(folder.path().join(name)).unwrap();
            let line = |line: &str| serde_json::from_str::<LoggedDecision>(line).unwrap().at_unix_ms.0;
            text.lines().map(line).collect::<Vec<_>>()
        };
        assert_eq!((times("log"), times("log.1")), (vec![2], vec![1]));
        append(&path, &[decision(3), decision(4)], MAX_FILE)
            .await
            .unwrap();
        assert_eq!(times("log"), [2, 3, 4]);
    }

    #[tokio::test]
    async fn what_cannot_be_written_is_counted_and_what_can_is_written_before_the_end() {
        let folder = tempfile::tempdir().unwrap();
        let lost = Counter::default();
        let (log, lines) = Decisions::new("one".parse().unwrap(), lost.clone());
        for number in 0..=MAX_WAITING as u64 {
            log.log(Timestamp(number), record(), None);
        }
        assert_eq!(lost.get(), 1, "one more than may wait");
        let stopping = CancellationToken::new();
        stopping.cancel();
        let path = folder.path().join("log");
        write(path.clone(), lines, lost.clone(), stopping).await;
        let text = std::fs::read_to_string(&path).unwrap();
        assert_eq!(text.lines().count(), MAX_WAITING);
        log.log(Timestamp(0), record(), None);
        assert_eq!(lost.get(), 2, "nobody writes any more");
    }
}
