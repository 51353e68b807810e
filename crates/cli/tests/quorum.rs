//! A node whose quorum is not there yet.
#![expect(clippy::unwrap_used, reason = "a test fails where it stands")]

#[path = "../../state/tests/etcd/cluster.rs"]
#[expect(dead_code, reason = "the tests of the store use the rest")]
mod cluster;

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::time::{Duration, Instant};

use assert_cmd::cargo::CommandCargoExt;
use cluster::Cluster;
use serde_json::json;

/// Patience on a machine that builds other things meanwhile.
const PATIENCE: Duration = Duration::from_secs(60);

/// A node's process, killed when it is dropped.
struct Process(Child);

impl Drop for Process {
    fn drop(&mut self) {
        // It has ended already, or it can be killed.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Starts a node that keeps its records in the servers, and gives what it says on stderr.
fn start(folder: &Path, servers: &[String]) -> (Process, Receiver<String>) {
    let config = folder.join("node.toml");
    let text = format!(
        "name = \"one\"\ndata = \"one\"\nloopback-only = true\n[in-edge]\netcd = {{ endpoints = {servers:?} }}\n"
    );
    std::fs::write(&config, text).unwrap();
    let mut child = Command::cargo_bin("fogline")
        .unwrap()
        .args(["node", "--config", config.to_str().unwrap()])
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(child.stderr.take().unwrap()).lines();
    let (say, said) = mpsc::channel();
    // It ends with the process, or with the test.
    std::thread::spawn(move || lines.map_while(Result::ok).try_for_each(|line| say.send(line)));
    (Process(child), said)
}

/// Waits until a line says something.
fn says(said: &Receiver<String>, what: &str) {
    let ends = Instant::now() + PATIENCE;
    loop {
        let line = said.recv_timeout(ends.saturating_duration_since(Instant::now()));
        let line = line.unwrap_or_else(|error| panic!("nothing says \"{what}\": {error}"));
        if line.contains(what) {
            return;
        }
    }
}

#[test]
fn what_the_servers_lack_is_said_also_when_they_come_after_the_node() {
    let Some(mut cluster) = Cluster::start(1, &[]) else {
        return;
    };
    let alarm = json!({"action": "ACTIVATE", "memberID": "1", "alarm": "NOSPACE"});
    cluster.ask("maintenance/alarm", &alarm);
    let servers = cluster.options().servers;
    cluster.kill(0);
    let folder = tempfile::tempdir().unwrap();
    let (_process, said) = start(folder.path(), &servers);
    says(&said, "starts without its quorum");
    cluster.restart(0);
    says(&said, "etcd raises an alarm");
}
