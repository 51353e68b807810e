//! The step `otlp`: a collector that is not ours takes the traces of a node, and shows what it has read.

use std::fs::{self, File};
use std::net::{Ipv4Addr, TcpListener};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::command::api::Node;
use crate::failure::Failure;
use crate::say;
use crate::shell::{Run, root, target};
use crate::tool::ensure_rotel;

/// How long the collector has to start, and to show what it got.
const PATIENCE: Duration = Duration::from_secs(20);
/// What the caller says of the trace that it is in.
const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
/// What the collector must have understood: of the resource, of spans, of their attributes.
const SHOWN: [&str; 9] = [
    TRACE,
    "00f067aa0ba902b7",
    "POST /v1/apps/{app}/sessions/{session}/functions/{function}",
    "dispatch",
    "execute",
    "commit",
    "faas.invoked_name",
    "fogline.model",
    "edge-1",
];

/// Sends a request of a trace to a node, and looks for it in the log of a collector.
///
/// # Errors
/// When the collector is not there, or does not show what the node has sent.
pub(crate) fn check() -> Result<(), Failure> {
    let rotel = ensure_rotel()?;
    let folder = target().join("otlp");
    let log = folder.join("collector.log");
    let opened = fs::create_dir_all(&folder).and_then(|()| File::create(&log));
    let opened = opened.map_err(|error| Failure::file("writing", &log, &error))?;
    let (http, grpc) = (free_port()?, free_port()?);
    let _collector = Collector::start(&rotel, &folder, opened, http, grpc)?;
    let is_there = || std::net::TcpStream::connect((Ipv4Addr::LOCALHOST, http)).is_ok();
    wait(is_there, "the collector does not listen", &log)?;
    let (node, served) = Node::start(&[&format!("http://127.0.0.1:{http}")])?;
    let session = served.sessions.first().map(String::as_str).unwrap_or_default();
    let path = format!("/v1/apps/counter/sessions/{session}/functions/add");
    Run::program("curl")
        .args(["--silent", "--show-error", "--fail", "--data", "1"])
        .args([
            "--header",
            &format!("traceparent: 00-{TRACE}-00f067aa0ba902b7-01"),
        ])
        .arg(format!("{}{path}", served.url))
        .read()?;
    // A node that stops sends what it has.
    drop(node);
    let missing = || {
        let shown = fs::read_to_string(&log).unwrap_or_default();
        SHOWN.into_iter().find(|text| !shown.contains(text))
    };
    wait(
        || missing().is_none(),
        "the collector has not shown all spans",
        &log,
    )?;
    say::note("the collector has read the spans, and shows them as they were meant");
    Ok(())
}

/// Waits until something is so.
fn wait(mut is_so: impl FnMut() -> bool, otherwise: &str, log: &Path) -> Result<(), Failure> {
    let until = Instant::now() + PATIENCE;
    while !is_so() {
        if Instant::now() > until {
            return Err(Failure::new(otherwise, format!("look at {}", log.display())));
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    Ok(())
}

fn free_port() -> Result<u16, Failure> {
    let bound = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).and_then(|it| it.local_addr());
    let bound = bound
        .map_err(|error| Failure::new(format!("no port can be had: {error}"), "close other programs"))?;
    Ok(bound.port())
}

/// A collector, ended when it is dropped.
struct Collector(Child);

impl Collector {
    fn start(program: &Path, folder: &Path, log: File, http: u16, grpc: u16) -> Result<Self, Failure> {
        say::note(&format!("$ {} start", program.display()));
        let started = Command::new(program)
            .args(["start", "--exporter", "blackhole"])
            .args(["--debug-log", "traces", "--debug-log-verbosity", "detailed"])
            .args(["--otlp-http-endpoint", &format!("127.0.0.1:{http}")])
            .args(["--otlp-grpc-endpoint", &format!("127.0.0.1:{grpc}")])
            .arg("--pid-file")
            .arg(folder.join("collector.pid"))
            .current_dir(root())
            .stdin(Stdio::null())
            .stdout(log)
            .spawn();
        started
            .map(Self)
            .map_err(|error| Failure::file("starting", program, &error))
    }
}

impl Drop for Collector {
    fn drop(&mut self) {
        // It holds nothing that would be lost.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
