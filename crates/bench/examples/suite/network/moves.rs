//! How long sessions wait when they move from node to node, and how fast they are copied ahead of it.

use std::fmt::Write as _;
use std::time::Instant;

use fogline_bench::{ADD, Connection, Server, create, deploy_files};
use fogline_core::model::ExecutionModel;
use http::Method;

use super::{Site, ask, at, metric};
use crate::goals::Goal;
use crate::{Args, Findings, Outcome, note};

const APP: &str = "/v1/apps/moves/sessions";
const MIB: usize = 1 << 20;

/// A session that moves.
struct Case {
    what: &'static str,
    states: usize,
    /// Bytes of each.
    size: usize,
    moves: usize,
    /// Whether its states are written all the time, one after the other.
    busy: bool,
    /// Longest pause at the median, in ms.
    goal: f64,
}

const CASES: [Case; 3] = [
    Case {
        what: "pause of a move, 1 MiB, p50",
        states: 1,
        size: MIB,
        moves: 15,
        busy: false,
        goal: 10.0,
    },
    Case {
        what: "pause of a move, 64 MiB copied ahead, p50",
        states: 8,
        size: 8 * MIB,
        moves: 7,
        busy: false,
        goal: 100.0,
    },
    Case {
        what: "pause of a move, 64 MiB being written, p50",
        states: 8,
        size: 8 * MIB,
        moves: 7,
        busy: true,
        goal: 300.0,
    },
];

pub(crate) async fn measure(args: &Args, findings: &mut Findings) -> Outcome<()> {
    let site = Site::start(args, &["one", "two"], "", None).await?;
    let nodes = [site.server("one")?, site.server("two")?];
    let mut client = nodes[0].connect().await?;
    let mut manifest = "fogline = 1\n[application]\nname = \"moves\"\nversion = \"1\"\nmodel = \"in-function\"\n\
                        durability = \"every-commit\"\n[functions.add]\ncomponent = \"add.wasm\"\nwrites = [\"total\"]\n\
                        [states.total]\nsize = \"8 B\"\n"
        .to_owned();
    for state in 0..8 {
        write!(manifest, "[states.s{state}]\nsize = \"8 MiB\"\n")?;
    }
    deploy_files(&mut client, manifest, &[("add.wasm", ADD)]).await?;
    for case in &CASES {
        note(case.what);
        let session = create(&mut client, "moves", ExecutionModel::InFunction).await?;
        let path = format!("{APP}/{}", session.session);
        for state in 0..case.states {
            put(&mut client, &path, state, case.size).await?;
        }
        let writer = case.busy.then(|| {
            let (server, path) = (site.server("one"), path.clone());
            tokio::spawn(async move { case.write(server?, &path).await })
        });
        let moved = case.run(&nodes, &path).await;
        writer.inspect(tokio::task::JoinHandle::abort);
        case.say(moved?, findings);
    }
    Ok(())
}

async fn put(connection: &mut Connection, path: &str, state: usize, size: usize) -> Outcome<()> {
    let path = format!("{path}/states/s{state}");
    ask(connection, Method::PUT, &path, vec![7; size])
        .await?
        .ok("writing a state")?;
    Ok(())
}

/// How long sessions have waited, on both nodes, in ms.
async fn waited(nodes: &[Server; 2]) -> Outcome<f64> {
    let mut all = 0.0;
    for node in nodes {
        all += 1e3 * metric(node, "fogline_move_pause_seconds_sum").await?;
    }
    Ok(all)
}

/// Pauses, and whole moves, in ms.
type Moved = (Vec<f64>, Vec<f64>);

impl Case {
    /// Writes one state after the other, for ever.
    async fn write(&self, server: Server, path: &str) -> Outcome<()> {
        let mut connection = server.connect().await?;
        for state in (0..self.states).cycle() {
            put(&mut connection, path, state, self.size).await?;
        }
        Ok(())
    }

    /// To the other node and back, again and again.
    async fn run(&self, nodes: &[Server; 2], path: &str) -> Outcome<Moved> {
        let (mut pauses, mut moves) = (Vec::new(), Vec::new());
        for turn in 0..self.moves {
            let before = waited(nodes).await?;
            let began = Instant::now();
            let to = ["two", "one"][turn % 2];
            let (path, wish) = (format!("{path}/migrate"), format!("{{\"node\": \"{to}\"}}"));
            let answer = ask(&mut nodes[0].connect().await?, Method::POST, &path, wish).await?;
            answer.ok("migrating a session")?;
            moves.push(began.elapsed().as_secs_f64() * 1e3);
            pauses.push(waited(nodes).await? - before);
        }
        pauses.sort_by(f64::total_cmp);
        moves.sort_by(f64::total_cmp);
        Ok((pauses, moves))
    }

    fn say(&self, (pauses, moves): Moved, findings: &mut Findings) {
        let (pause, whole) = (at(&pauses, 0.5), at(&moves, 0.5));
        findings
            .goals
            .push(Goal::at_most(self.what, pause, self.goal, "ms"));
        let longest = format!("{}, longest", self.what.trim_end_matches(", p50"));
        findings.goals.push(Goal::stated(longest, at(&pauses, 1.0), "ms"));
        if self.states > 1 && !self.busy {
            let rate = (self.states * self.size) as f64 / (whole - pause) / 1e3;
            findings
                .goals
                .push(Goal::stated("copying ahead of a move", rate, "MB/s"));
        }
    }
}
