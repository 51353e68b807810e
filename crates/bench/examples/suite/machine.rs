//! What a node takes of the machine: time to start, memory, disk.

use std::fs;
use std::path::Path;
use std::time::Duration;

use bytes::Bytes;
use fogline_bench::{Kind, Load, Pace, Same, deploy, run, sessions};
use fogline_core::application::Durability;
use fogline_core::model::ExecutionModel;

use crate::goals::Goal;
use crate::process::Process;
use crate::{Args, Findings, Outcome, note};

const MB: f64 = 1e6;
const KIND: Kind = Kind {
    durability: Durability::Memory,
};
/// Sessions that are live at once.
const SESSIONS: usize = 10_000;

pub(crate) async fn measure(args: &Args, findings: &mut Findings) -> Outcome<()> {
    start(args, findings)?;
    live_sessions(args, findings).await?;
    if let Some(size) = args.store {
        after_a_kill(args, size, findings).await?;
    }
    let program = std::env::current_exe()?;
    let node = stripped(&program.with_file_name("node"))?;
    findings
        .goals
        .push(Goal::at_most("node-only build, stripped", node / MB, 20.0, "MB"));
    findings.goals.push(Goal::at_most(
        "full command, stripped",
        stripped(&args.full)? / MB,
        35.0,
        "MB",
    ));
    Ok(())
}

/// The median of five starts in a new folder, and the last one's memory.
fn start(args: &Args, findings: &mut Findings) -> Outcome<()> {
    note("starts");
    let mut starts = Vec::new();
    for last in [false, false, false, false, true] {
        let folder = tempfile::tempdir_in(&args.data)?;
        let node = Process::start("node", Some(folder.path()))?;
        starts.push(node.took);
        if last {
            // What a node does after its start is to be over.
            std::thread::sleep(Duration::from_secs(2));
            let memory = node.memory()?;
            let (anonymous, resident) = (memory.anonymous as f64 / MB, memory.resident as f64 / MB);
            findings.goals.push(Goal::at_most(
                "idle node, anonymous memory",
                anonymous,
                15.0,
                "MB",
            ));
            findings
                .goals
                .push(Goal::at_most("idle node, resident memory", resident, 35.0, "MB"));
        }
    }
    starts.sort_unstable();
    let took = starts[starts.len() / 2].as_secs_f64() * 1e3;
    findings
        .goals
        .push(Goal::at_most("start to ready, clean", took, 50.0, "ms"));
    Ok(())
}

/// Sessions that were all invoked, in the memory of their owner.
async fn live_sessions(args: &Args, findings: &mut Findings) -> Outcome<()> {
    note("live sessions");
    let folder = tempfile::tempdir_in(&args.data)?;
    let node = Process::start("node", Some(folder.path()))?;
    let mut connection = node.server.connect().await?;
    deploy(&mut connection, KIND).await?;
    let before = node.memory()?.anonymous;
    let mut makers = tokio::task::JoinSet::new();
    for _ in 0..50 {
        let server = node.server.clone();
        makers.spawn(async move {
            let mut connection = server.connect().await?;
            let model = ExecutionModel::InFunction;
            let made = sessions(&mut connection, KIND, model, "add", "1", SESSIONS / 50).await?;
            for mut session in made {
                let request = fogline_bench::Script::request(&mut session);
                connection.send(request).await?.ok("invoking a session")?;
            }
            Ok::<_, fogline_bench::BenchError>(())
        });
    }
    while let Some(made) = makers.join_next().await {
        made??;
    }
    let metrics = connection.send(get("/metrics")).await?.ok("reading metrics")?;
    let text = String::from_utf8_lossy(&metrics.body).into_owned();
    let owned = text
        .lines()
        .find_map(|line| line.strip_prefix("fogline_owned_sessions "));
    let owned: f64 = owned.ok_or("there is no metric of owned sessions")?.parse()?;
    findings.goals.push(Goal::at_least(
        "live in-function sessions",
        owned,
        SESSIONS as f64,
        "",
    ));
    let each = node.memory()?.anonymous.saturating_sub(before) as f64 / SESSIONS as f64 / 1e3;
    findings.goals.push(Goal::stated("memory of each", each, "kB"));
    Ok(())
}

fn get(path: &str) -> http::Request<http_body_util::Full<Bytes>> {
    let mut request = http::Request::default();
    *request.uri_mut() = path.parse().expect("a path of our own is one");
    request
}

/// Time to ready after `kill -9` of a node that was writing to a store of so many GB.
async fn after_a_kill(args: &Args, size: u64, findings: &mut Findings) -> Outcome<()> {
    note("filling a store");
    let folder = tempfile::tempdir_in(&args.data)?;
    let node = Process::start("node", Some(folder.path()))?;
    let mut connection = node.server.connect().await?;
    deploy(&mut connection, KIND).await?;
    let value = Bytes::from(vec![b'x'; 1_000_000]);
    for _ in 0..size * 1000 {
        let made = sessions(&mut connection, KIND, ExecutionModel::InEdge, "add", "1", 1).await?;
        let mut request = fogline_bench::Script::request(&mut made.into_iter().next().ok_or("no session")?);
        *request.method_mut() = http::Method::PUT;
        let path = request.uri().path().replace("functions/add", "states/total");
        *request.uri_mut() = path.parse()?;
        *request.body_mut() = http_body_util::Full::new(value.clone());
        connection.send(request).await?.ok("writing a state")?;
    }
    let sessions = sessions(&mut connection, KIND, ExecutionModel::InEdge, "add", "1", 8).await?;
    let (server, lasts) = (node.server.clone(), Duration::from_secs(60));
    let load = Load {
        pace: Pace::Closed,
        warm_up: Duration::ZERO,
        lasts,
    };
    let writing = tokio::spawn(async move { run("writing", &server, &load, sessions).await });
    tokio::time::sleep(Duration::from_secs(1)).await;
    node.kill()?;
    drop(writing.await?);
    let file = fs::metadata(folder.path().join("store.redb"))?.len() as f64 / 1e9;
    let again = Process::start("node", Some(folder.path()))?;
    let took = again.took.as_secs_f64() * 1e3;
    let served = Same::post(&format!("/v1/apps/{}/functions/echo", KIND.app()), "x");
    let load = Load {
        pace: Pace::Closed,
        warm_up: Duration::ZERO,
        lasts: Duration::from_millis(100),
    };
    run("after the kill", &again.server, &load, vec![served]).await?;
    findings.goals.push(Goal::stated(
        format!("ready after kill -9 with a store of {file:.1} GB"),
        took,
        "ms",
    ));
    Ok(())
}

/// Bytes of a program without its symbols.
fn stripped(program: &Path) -> Outcome<f64> {
    let folder = tempfile::tempdir()?;
    let copy = folder.path().join("stripped");
    let status = std::process::Command::new("strip")
        .arg("-o")
        .arg(&copy)
        .arg(program)
        .status()?;
    if !status.success() {
        return Err(format!("strip {} ended with {status}", program.display()).into());
    }
    Ok(fs::metadata(copy)?.len() as f64)
}
