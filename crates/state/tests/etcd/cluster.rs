//! Real etcd servers of a test's own, one or three.

#[path = "../pause/mod.rs"]
pub(crate) mod pause;

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};

use fogline_state::{EtcdOptions, EtcdStore};
use serde_json::Value;
use tempfile::TempDir;

/// Running servers on ports of their own, their files in a folder of their own; killed when dropped.
pub(crate) struct Cluster {
    members: Vec<Member>,
    settings: Vec<String>,
    folder: TempDir,
}

struct Member {
    port: u16,
    peer: u16,
    child: Option<Child>,
}

impl Cluster {
    /// Starts so many with these settings, beside the ones that the manual recommends. `None`, with a
    /// message, where no etcd is installed.
    ///
    /// # Panics
    /// Without etcd in CI.
    pub(crate) fn start(size: usize, settings: &[&str]) -> Option<Self> {
        if Command::new("etcd")
            .arg("--version")
            .stdout(Stdio::null())
            .status()
            .is_err()
        {
            assert!(
                std::env::var_os("CI").is_none(),
                "CI needs etcd: apt-get install etcd-server"
            );
            #[expect(clippy::print_stderr, reason = "a test that is skipped says so")]
            {
                eprintln!("skipped: no etcd here");
            }
            return None;
        }
        let settings: Vec<_> = settings.iter().map(|setting| (*setting).to_owned()).collect();
        // Between the look for free ports and the servers' binds somebody else may take one.
        for _ in 0..10 {
            let mut cluster = Self {
                members: free_ports(size),
                settings: settings.clone(),
                folder: tempfile::tempdir().unwrap(),
            };
            if cluster.start_all() {
                return Some(cluster);
            }
        }
        panic!("etcd does not start");
    }

    /// Starts all of them again: none is ready before more than half run.
    pub(crate) fn start_again(&mut self) {
        assert!(self.start_all(), "they have started before");
    }

    fn start_all(&mut self) -> bool {
        for at in 0..self.members.len() {
            self.spawn(at);
        }
        (0..self.members.len()).all(|at| self.wait(at))
    }

    fn spawn(&mut self, at: usize) {
        let name = |at: usize| format!("m{at}");
        let scheme = if self.settings.iter().any(|setting| setting == "--cert-file") {
            "https"
        } else {
            "http"
        };
        let member = &self.members[at];
        let client = format!("{scheme}://127.0.0.1:{}", member.port);
        let url = |member: &Member| format!("http://127.0.0.1:{}", member.peer);
        let all: Vec<_> = self
            .members
            .iter()
            .enumerate()
            .map(|(at, member)| format!("{}={}", name(at), url(member)))
            .collect();
        let child = Command::new("etcd")
            .args(["--name", &name(at), "--logger", "zap"])
            .arg("--data-dir")
            .arg(self.folder.path().join(name(at)))
            .args([
                "--listen-client-urls",
                &client,
                "--advertise-client-urls",
                &client,
            ])
            .args([
                "--listen-peer-urls",
                &url(member),
                "--initial-advertise-peer-urls",
                &url(member),
            ])
            .args([
                "--initial-cluster",
                &all.join(","),
                "--initial-cluster-state",
                "new",
            ])
            .args(["--heartbeat-interval", "50", "--election-timeout", "500"])
            .args(&self.settings)
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        self.members[at].child = Some(child);
    }

    /// Until it is ready; false if it ended before.
    fn wait(&mut self, at: usize) -> bool {
        let child = self.members[at].child.as_mut().unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let ready = lines
            .by_ref()
            .map_while(Result::ok)
            .any(|line| line.contains("serving client traffic"));
        // Its log goes on; nobody waits for its end.
        std::thread::spawn(move || lines.for_each(drop));
        ready
    }

    pub(crate) fn options(&self) -> EtcdOptions {
        let url = |member: &Member| format!("http://127.0.0.1:{}", member.port);
        EtcdOptions::new(self.members.iter().map(url))
    }

    pub(crate) async fn connect(&self) -> EtcdStore {
        EtcdStore::connect(&self.options()).await.unwrap()
    }

    /// Bytes of memory of its own that the server has which has most.
    pub(crate) fn memory(&self) -> u64 {
        let children = self.members.iter().filter_map(|member| member.child.as_ref());
        let anonymous = children.map(|child| {
            let status = std::fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap();
            let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:"));
            let kib: u64 = line.unwrap().trim().trim_end_matches(" kB").parse().unwrap();
            1024 * kib
        });
        anonymous.max().unwrap_or_default()
    }

    /// SIGKILL.
    pub(crate) fn kill(&mut self, at: usize) {
        let mut child = self.members[at].child.take().unwrap();
        child.kill().unwrap();
        child.wait().unwrap();
    }

    /// Starts it again, on the same ports and files.
    pub(crate) fn restart(&mut self, at: usize) {
        self.spawn(at);
        assert!(self.wait(at), "it has started before");
    }

    /// It answers nobody until [`Self::go_on`].
    pub(crate) fn pause(&self, at: usize) {
        pause::pause(self.members[at].child.as_ref().unwrap());
    }

    pub(crate) fn go_on(&self, at: usize) {
        pause::go_on(self.members[at].child.as_ref().unwrap());
    }

    /// Sends a request past the store, as JSON.
    pub(crate) fn ask(&self, path: &str, body: &Value) -> Value {
        let body = body.to_string();
        let mut stream = TcpStream::connect(("127.0.0.1", self.members[0].port)).unwrap();
        write!(
            stream,
            "POST /v3/{path} HTTP/1.0\r\nHost: localhost\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        )
        .unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        assert!(head.contains(" 200 "), "{path}: {answer}");
        serde_json::from_str(body).unwrap()
    }

    /// How many keys there are.
    pub(crate) fn keys(&self) -> u64 {
        // Base64 of a zero byte: from the first key, to the last.
        let all = serde_json::json!({"key": "AA==", "range_end": "AA==", "count_only": true});
        let answer = self.ask("kv/range", &all);
        answer["count"].as_str().map_or(0, |count| count.parse().unwrap())
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        for member in &mut self.members {
            if let Some(child) = &mut member.child {
                // It may have ended already.
                drop(child.kill());
                drop(child.wait());
            }
        }
    }
}

fn free_ports(size: usize) -> Vec<Member> {
    let held: Vec<_> = (0..2 * size)
        .map(|_| TcpListener::bind("127.0.0.1:0").unwrap())
        .collect();
    let ports: Vec<_> = held
        .iter()
        .map(|held| held.local_addr().unwrap().port())
        .collect();
    let member = |ports: &[u16]| Member {
        port: ports[0],
        peer: ports[1],
        child: None,
    };
    ports.chunks(2).map(member).collect()
}
