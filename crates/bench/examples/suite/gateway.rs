//! What a node serves over HTTP, beside a bare axum echo.

use std::path::Path;
use std::time::Duration;

use fogline_bench::{InSession, Kind, Load, Pace, Row, Same, Script, Server, deploy, run, sessions};
use fogline_core::application::Durability;
use fogline_core::model::ExecutionModel;

use crate::goals::Goal;
use crate::library::{bare_redb_commit, middle};
use crate::process::Process;
use crate::{Args, Findings, Outcome, note};

/// Connections that keep a server busy.
const MANY: usize = 64;
const MEMORY: Kind = Kind {
    durability: Durability::Memory,
};
const EVERY_COMMIT: Kind = Kind {
    durability: Durability::EveryCommit,
};

struct Bench<'a> {
    load: Load,
    rounds: usize,
    echo: &'a Server,
    node: &'a Server,
}

pub(crate) async fn measure(args: &Args, findings: &mut Findings) -> Outcome<()> {
    let folder = tempfile::tempdir_in(&args.data)?;
    let (echo, node) = (
        Process::start("echo", None)?,
        Process::start("node", Some(folder.path()))?,
    );
    let mut connection = node.server.connect().await?;
    deploy(&mut connection, MEMORY).await?;
    deploy(&mut connection, EVERY_COMMIT).await?;
    let load = Load {
        pace: Pace::Closed,
        warm_up: Duration::from_millis(500),
        lasts: args.lasts(),
    };
    let bench = Bench {
        load,
        rounds: args.rounds,
        echo: &echo.server,
        node: &node.server,
    };
    bench.ratios(findings).await?;
    bench.latencies(&args.data, findings).await?;
    bench.hot_session(findings).await?;
    bench.models(findings).await?;
    bench.bodies(findings).await
}

fn bare(body: usize, connections: usize) -> Vec<Same> {
    vec![Same::post("/echo", vec![b'x'; body]); connections]
}

fn fresh(body: usize, connections: usize) -> Vec<Same> {
    vec![
        Same::post(
            &format!("/v1/apps/{}/functions/echo", MEMORY.app()),
            vec![b'x'; body]
        );
        connections
    ]
}

impl Bench<'_> {
    async fn run<S: Script + 'static>(&self, name: &str, server: &Server, scripts: Vec<S>) -> Outcome<Row> {
        note(name);
        let row = run(name, server, &self.load, scripts).await?;
        match &row.first_failure {
            // Refusals are quick: they would pass for speed.
            Some(failure) => Err(format!("{name}: {} requests failed, as: {failure}", row.failed).into()),
            None => Ok(row),
        }
    }

    async fn sessions(
        &self,
        kind: Kind,
        model: ExecutionModel,
        function: &str,
        count: usize,
    ) -> Outcome<Vec<InSession>> {
        let mut connection = self.node.connect().await?;
        Ok(sessions(&mut connection, kind, model, function, "1", count).await?)
    }

    async fn ratios(&self, findings: &mut Findings) -> Outcome<()> {
        let model = ExecutionModel::InFunction;
        let kept = self.sessions(MEMORY, model, "echo-kept", MANY).await?;
        let reading = self.sessions(MEMORY, model, "read-kept", MANY).await?;
        let (mut axum, mut node) = (Vec::new(), Vec::new());
        let (mut worker, mut reader) = (Vec::new(), Vec::new());
        for _ in 0..self.rounds {
            axum.push(self.run("axum echo", self.echo, bare(1, MANY)).await?);
            node.push(
                self.run("stateless, fresh worker", self.node, fresh(1, MANY))
                    .await?,
            );
            let (kept, reading) = (kept.clone(), reading.clone());
            worker.push(self.run("stateless, kept worker", self.node, kept).await?);
            reader.push(
                self.run("kept worker, reads its state", self.node, reading)
                    .await?,
            );
        }
        let (axum, node) = (median(axum), median(node));
        let (worker, reader) = (median(worker), median(reader));
        let ratio = |row: &Row| row.per_second / axum.per_second * 100.0;
        findings.goals.push(Goal::stated(
            "axum echo, 64 connections",
            axum.per_second,
            "req/s",
        ));
        findings.goals.push(Goal::at_least(
            "gateway + stateless function, fresh worker, of axum",
            ratio(&node),
            50.0,
            "%",
        ));
        findings.goals.push(Goal::at_least(
            "gateway + stateless function, kept worker, of axum",
            ratio(&worker),
            70.0,
            "%",
        ));
        findings.goals.push(Goal::stated(
            "kept worker that reads its state, of axum",
            ratio(&reader),
            "%",
        ));
        findings.rows.extend([axum, node, worker, reader]);
        Ok(())
    }

    /// The disk's share is measured in the same rounds, because others use the disk too.
    async fn latencies(&self, data: &Path, findings: &mut Findings) -> Outcome<()> {
        let (model, axum) = (ExecutionModel::InFunction, "axum echo, 1 connection");
        let stored = self.sessions(EVERY_COMMIT, model, "add", 1).await?;
        let (mut bares, mut nodes, mut commits, mut redb) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        for _ in 0..self.rounds {
            bares.push(self.run(axum, self.echo, bare(1, 1)).await?);
            let fresh = fresh(1, 1);
            nodes.push(self.run("stateless, 1 connection", self.node, fresh).await?);
            redb.push(bare_redb_commit(data)?);
            let stored = stored.clone();
            commits.push(self.run("every-commit, 1 connection", self.node, stored).await?);
        }
        let (bare, node, commit) = (median(bares), median(nodes), median(commits));
        let redb = middle(redb);
        let (over, commits) = (node.latency_us_p50 - bare.latency_us_p50, commit.latency_us_p50);
        let (what, durable) = (
            "function over axum, p50 at 1 connection",
            "every-commit, p50 at 1 connection",
        );
        findings.goals.extend([
            Goal::stated("axum echo, p50 at 1 connection", bare.latency_us_p50, "µs"),
            Goal::at_most(what, over, 40.0, "µs"),
            Goal::stated("one bare redb commit, p50", redb, "µs"),
            Goal::at_most(durable, commits, bare.latency_us_p50 + 1.5 * redb, "µs"),
        ]);
        findings.rows.extend([bare, node, commit]);
        Ok(())
    }

    async fn hot_session(&self, findings: &mut Findings) -> Outcome<()> {
        let model = ExecutionModel::InFunction;
        for (name, kind, function, goal) in [
            ("hot session in memory, fresh workers", MEMORY, "add", None),
            ("hot session in memory", MEMORY, "add-kept", Some(20_000.0)),
            (
                "hot session, every commit",
                EVERY_COMMIT,
                "add-kept",
                Some(20_000.0),
            ),
        ] {
            let session = self.sessions(kind, model, function, 1).await?;
            let all = session.iter().cycle().take(MANY).cloned().collect();
            let row = self.run(name, self.node, all).await?;
            if let Some(goal) = goal {
                findings
                    .goals
                    .push(Goal::at_least(name, row.per_second, goal, "req/s"));
            }
            findings.rows.push(row);
        }
        let many = self.sessions(EVERY_COMMIT, model, "add-kept", MANY).await?;
        findings
            .rows
            .push(self.run("64 sessions, every commit", self.node, many).await?);
        Ok(())
    }

    async fn models(&self, findings: &mut Findings) -> Outcome<()> {
        use ExecutionModel::{External, InClient, InEdge, InFunction};
        for model in [External, InEdge, InFunction, InClient] {
            let sessions = self.sessions(EVERY_COMMIT, model, "add", MANY).await?;
            findings.rows.push(
                self.run(&format!("{model}, 64 sessions"), self.node, sessions)
                    .await?,
            );
        }
        Ok(())
    }

    async fn bodies(&self, findings: &mut Findings) -> Outcome<()> {
        for (name, size) in [("10 kB", 10_000), ("100 kB", 100_000), ("1 MB", 1_000_000)] {
            let bare = self
                .run(&format!("axum echo of {name}"), self.echo, bare(size, 8))
                .await?;
            let node = self
                .run(&format!("function's echo of {name}"), self.node, fresh(size, 8))
                .await?;
            findings.rows.extend([bare, node]);
        }
        Ok(())
    }
}

/// The row of the median rate.
fn median(mut rows: Vec<Row>) -> Row {
    rows.sort_by(|a, b| a.per_second.total_cmp(&b.per_second));
    rows.swap_remove(rows.len() / 2)
}
