//! The generator: connections that send what their scripts say, at a pace, and time the answers.

use std::sync::Arc;
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use tokio::task::JoinSet;

use crate::connection::{Connection, Server};
use crate::error::BenchError;
use crate::pace::{Due, Pace};
use crate::row::Row;
use crate::script::Script;

/// Latencies are told apart from so many nanoseconds on.
const LEAST: u64 = 100;
/// Up to so many: ten minutes. Longer ones count as this.
const MOST: u64 = 600_000_000_000;

/// How a server is loaded.
#[derive(Clone, Copy, Debug)]
pub struct Load {
    /// When requests are sent.
    pub pace: Pace,
    /// How long it is loaded before anything counts.
    pub warm_up: Duration,
    /// How long it is then measured.
    pub lasts: Duration,
}

/// What one connection has seen.
struct Seen {
    /// Nanoseconds.
    latencies: Histogram<u64>,
    failed: u64,
    first_failure: Option<String>,
    bytes_sent: u64,
    bytes_received: u64,
}

/// From when until when answers count.
#[derive(Clone, Copy)]
struct Window {
    from: Instant,
    to: Instant,
}

/// Loads a server: one connection for each script.
///
/// # Errors
/// When a connection cannot be made again, or every request fails.
pub async fn run<S: Script + 'static>(
    name: &str,
    server: &Server,
    load: &Load,
    scripts: Vec<S>,
) -> Result<Row, BenchError> {
    let connections = scripts.len();
    let mut ready = Vec::with_capacity(connections);
    for script in scripts {
        ready.push((server.connect().await?, script));
    }
    let start = Instant::now();
    let from = start + load.warm_up;
    let window = Window {
        from,
        to: from + load.lasts,
    };
    let due = match load.pace {
        Pace::Closed => None,
        Pace::Open { per_second } => Some(Due::start(per_second, start, window.to)?),
    };
    let mut tasks = JoinSet::new();
    for (connection, script) in ready {
        tasks.spawn(drive(connection, server.clone(), script, due.clone(), window));
    }
    let mut all = Seen::new();
    while let Some(ended) = tasks.join_next().await {
        all.add(&ended.expect("a connection's task does not panic")?);
    }
    if all.latencies.is_empty() && all.failed > 0 {
        let first = all.first_failure.unwrap_or_default();
        return Err(BenchError::AllFailed {
            name: name.to_owned(),
            requests: all.failed,
            first,
        });
    }
    let unsent = due.map_or(0, |due| due.unsent());
    Ok(Row {
        unsent,
        failed: all.failed,
        first_failure: all.first_failure,
        bytes_sent: all.bytes_sent,
        bytes_received: all.bytes_received,
        ..Row::of(name, connections, load, &all.latencies)
    })
}

async fn drive<S: Script>(
    mut connection: Connection,
    server: Server,
    mut script: S,
    due: Option<Arc<Due>>,
    window: Window,
) -> Result<Seen, BenchError> {
    let mut seen = Seen::new();
    loop {
        let since = match &due {
            None => Instant::now(),
            Some(due) => match due.next().await {
                Some(at) => at,
                None => return Ok(seen),
            },
        };
        if since >= window.to {
            return Ok(seen);
        }
        let request = script.request();
        let sent = hyper::body::Body::size_hint(request.body()).lower();
        let outcome = connection.send(request).await;
        let took = since.elapsed();
        let counts = since >= window.from;
        let failure = match outcome {
            Ok(answer) if answer.status.is_success() => {
                let received = answer.body.len() as u64;
                match script.answered(answer).await {
                    Ok(()) if counts => {
                        seen.answered(took, sent, received);
                        None
                    }
                    Ok(()) => None,
                    Err(problem) => Some(problem),
                }
            }
            Ok(answer) => Some(format!(
                "{}: {}",
                answer.status,
                String::from_utf8_lossy(&answer.body)
            )),
            Err(error) => {
                connection = server.connect().await?;
                Some(format!("{error}"))
            }
        };
        if let Some(failure) = failure.filter(|_| counts) {
            seen.failed += 1;
            seen.first_failure.get_or_insert(failure);
        }
    }
}

impl Seen {
    fn new() -> Self {
        Self {
            latencies: Histogram::new_with_bounds(LEAST, MOST, 3).expect("the bounds are apart"),
            failed: 0,
            first_failure: None,
            bytes_sent: 0,
            bytes_received: 0,
        }
    }

    fn answered(&mut self, took: Duration, sent: u64, received: u64) {
        self.latencies
            .saturating_record(u64::try_from(took.as_nanos()).unwrap_or(u64::MAX));
        self.bytes_sent += sent;
        self.bytes_received += received;
    }

    fn add(&mut self, other: &Self) {
        self.latencies
            .add(&other.latencies)
            .expect("both have the same bounds");
        self.failed += other.failed;
        self.bytes_sent += other.bytes_sent;
        self.bytes_received += other.bytes_received;
        if self.first_failure.is_none() {
            self.first_failure.clone_from(&other.first_failure);
        }
    }
}
