//! How long sessions wait while they move from node to node.

use std::time::{Duration, Instant};

use super::support::{Caller, Held, Nodes, Setup};

const STATES: [&str; 2] = ["a", "b"];
const MIB: usize = 1 << 20;

/// What is copied while a session is used is not waited for.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_session_that_moves_waits_for_what_is_written_meanwhile_and_not_for_all_of_it() {
    let folder = tempfile::tempdir().unwrap();
    let nodes = Nodes::start(folder.path(), Setup::default()).await;
    let callers = ["one", "two"].map(|name| Caller::new(nodes.url(name)));
    let edit = |manifest: &str| {
        let states = STATES.map(|state| format!("[states.{state}]\nsize = \"8 MiB\"\n"));
        let states = format!("{}[functions.add]\n", states.concat());
        manifest.replacen("[functions.add]\n", &states, 1)
    };
    callers[0].deploy("counter", edit).await;
    for (what, states, bytes, moves, busy) in [
        ("1 MiB", 1, MIB, 11, false),
        ("16 MiB", 2, 8 * MIB, 3, false),
        ("16 MiB, written all the time", 2, 8 * MIB, 3, true),
    ] {
        let held = callers[0].session("counter", "in-function").await;
        for state in &STATES[..states] {
            put(&callers[0], &held, state, bytes).await;
        }
        let writer = busy.then(|| tokio::spawn(write(nodes.url("one"), held.clone(), states, bytes)));
        let (mut pauses, mut moved) = (Vec::new(), Vec::new());
        for turn in 0..moves {
            let (before, began) = (waited(&callers).await, Instant::now());
            let to = ["two", "one"][turn % 2];
            let path = format!("/v1/apps/counter/sessions/{}/migrate", held.id);
            let asked = callers[0].post(&path).body(format!("{{\"node\": \"{to}\"}}"));
            callers[0].send(asked).await.ok();
            moved.push(began.elapsed());
            pauses.push(waited(&callers).await.saturating_sub(before));
        }
        if let Some(writer) = writer {
            writer.abort();
        }
        pauses.sort_unstable();
        moved.sort_unstable();
        assert!(pauses[moves / 2] < moved[moves / 2], "{what}");
    }
    nodes.stop().await;
}

async fn put(caller: &Caller, held: &Held, state: &str, bytes: usize) {
    let url = format!(
        "{}/v1/apps/counter/sessions/{}/states/{state}",
        caller.url, held.id
    );
    caller.send(caller.http.put(url).body(vec![7; bytes])).await.ok();
}

/// Writes one state after the other, for ever.
async fn write(url: String, held: Held, states: usize, bytes: usize) {
    let caller = Caller::new(url);
    for state in STATES[..states].iter().cycle() {
        put(&caller, &held, state, bytes).await;
    }
}

/// How long sessions have waited, on both nodes.
async fn waited(callers: &[Caller; 2]) -> Duration {
    let mut all = Duration::ZERO;
    for caller in callers {
        let text = caller.send(caller.get("/metrics")).await.text();
        let sums = text
            .lines()
            .filter(|line| line.starts_with("fogline_move_pause_seconds_sum"));
        let figures = sums.filter_map(|line| line.rsplit_once(' ')?.1.parse::<f64>().ok());
        let seconds: f64 = figures.sum();
        all += Duration::from_secs_f64(seconds);
    }
    all
}
