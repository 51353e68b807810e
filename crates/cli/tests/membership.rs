//! Fifteen processes that find each other by the address of one, with a token.
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "helpers of tests fail as tests do, and figures are shown"
)]

use std::io::{Read, Write};
use std::net::{TcpStream, UdpSocket};
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use assert_cmd::cargo::CommandCargoExt;
use fogline_protocol::api::{Nodes, Presence};
use process::Process;

#[path = "support/process.rs"]
mod process;

const NODES: usize = 15;
/// Patience on a machine that builds other things meanwhile.
const PATIENCE: Duration = Duration::from_secs(120);
/// How long gossip is counted.
const COUNTED: Duration = Duration::from_secs(5);

struct Node(Process);

impl Node {
    fn start(folder: &Path, number: usize, peering: &str) -> Self {
        let rest = format!("slots = 2\n[peering]\n{peering}");
        Self(process::start(folder, &format!("edge-{number}"), &rest).expect("it says where it is"))
    }

    fn get(&self, path: &str) -> String {
        let address = self.0.url.strip_prefix("http://").unwrap();
        let mut stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        write!(stream, "GET {path} HTTP/1.0\r\n\r\n").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer.split_once("\r\n\r\n").unwrap().1.to_owned()
    }

    fn seen(&self, presence: Presence) -> usize {
        let nodes: Nodes = serde_json::from_str(&self.get("/v1/nodes")).unwrap();
        let as_wanted = |node: &&fogline_protocol::api::NodeInfo| {
            node.presence == presence && (presence != Presence::Alive || node.telemetry.is_some())
        };
        nodes.nodes.iter().filter(as_wanted).count()
    }

    /// Bytes of gossip that it has sent.
    fn gossiped(&self) -> f64 {
        let metrics = self.get("/metrics");
        let line = metrics
            .lines()
            .find_map(|line| line.strip_prefix("fogline_gossip_bytes_total{direction=\"sent\"} "));
        line.expect("it is counted").parse().unwrap()
    }
}

/// Waits until all of these see so many others so.
fn all_see(nodes: &[Node], count: usize, presence: Presence) {
    let ends = Instant::now() + PATIENCE;
    for node in nodes {
        while node.seen(presence) != count {
            assert!(Instant::now() < ends, "{}: {}", node.0.url, node.get("/v1/nodes"));
            // Nothing tells of the next change.
            std::thread::sleep(Duration::from_millis(100));
        }
    }
}

#[test]
fn fifteen_processes_find_each_other_by_one_address_and_miss_one_that_is_killed() {
    let folder = tempfile::tempdir().unwrap();
    let authority = folder.path().join("authority");
    let fogline = |arguments: &[&str]| {
        let output = Command::cargo_bin("fogline")
            .unwrap()
            .args(arguments)
            .output()
            .unwrap();
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
        output.stdout
    };
    let authority = authority.to_str().unwrap();
    fogline(&["authority", "new", authority]);
    std::fs::write(
        folder.path().join("token"),
        fogline(&["authority", "token", authority]),
    )
    .unwrap();
    let seed = UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let issuing = format!("listen = \"{seed}\"\nauthority = \"authority\"\n");
    let joining = format!("join = [\"{seed}\"]\ntoken-file = \"token\"\n");

    let mut nodes = vec![Node::start(folder.path(), 0, &issuing)];
    nodes.extend((1..NODES).map(|number| Node::start(folder.path(), number, &joining)));
    let started = Instant::now();
    all_see(&nodes, NODES, Presence::Alive);
    println!("all see all {:?} after the last one started", started.elapsed());

    let before: f64 = nodes.iter().map(Node::gossiped).sum();
    std::thread::sleep(COUNTED);
    let sent = nodes.iter().map(Node::gossiped).sum::<f64>() - before;
    let rate = sent / COUNTED.as_secs_f64() / NODES as f64;
    println!("{rate:.0} bytes/s of gossip are sent by a node");
    assert!(rate < 20_000.0, "{rate} bytes/s");

    // SIGKILL: it says nothing.
    drop(nodes.pop());
    let killed = Instant::now();
    all_see(&nodes, 1, Presence::Silent);
    println!("all miss the killed one after {:?}", killed.elapsed());
    // It has its certificate, and takes another port.
    nodes.push(Node::start(
        folder.path(),
        NODES - 1,
        &format!("join = [\"{seed}\"]\n"),
    ));
    all_see(&nodes, NODES, Presence::Alive);
}
