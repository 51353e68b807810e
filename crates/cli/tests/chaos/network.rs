//! A network of real processes, and what befalls them.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use rustix::process::{Pid, Signal, kill_process};

/// The node that keeps what is external; it fails in no test, as a cloud does not.
pub(crate) const CLOUD: &str = "cloud";

/// What networks are made of.
pub(crate) struct Setup<'a> {
    /// The command `fogline`.
    pub(crate) program: &'a Path,
    /// Where nodes keep what they keep.
    pub(crate) folder: &'a Path,
    /// Lines with which each `node.toml` begins.
    pub(crate) settings: &'a str,
    /// The servers of the quorum in which the nodes, being one site, have their records.
    pub(crate) servers: Option<&'a [String]>,
}

/// Nodes on this machine, each a process of its own.
pub(crate) struct Network {
    program: PathBuf,
    folder: PathBuf,
    settings: String,
    /// What each `node.toml` says of the site's quorum.
    quorum: String,
    nodes: BTreeMap<String, Node>,
}

struct Node {
    /// None while it is down.
    child: Option<Child>,
    http: SocketAddr,
    peering: SocketAddr,
}

impl Network {
    /// Starts these nodes, and the cloud, whose node issues certificates to all.
    pub(crate) fn start(setup: &Setup<'_>, names: &[&str]) -> Self {
        let authority = setup.folder.join("authority");
        let mut network = Self {
            program: setup.program.to_owned(),
            folder: setup.folder.to_owned(),
            settings: setup.settings.to_owned(),
            quorum: setup
                .servers
                .map(|servers| format!("[in-edge]\netcd = {{ endpoints = {servers:?} }}\n\n"))
                .unwrap_or_default(),
            nodes: BTreeMap::new(),
        };
        network.fogline(&["authority", "new", path(&authority)]);
        for name in std::iter::once(&CLOUD).chain(names) {
            network.join(name);
        }
        network
    }

    /// Starts one node more, which knows the address of the cloud's node and nothing else.
    pub(crate) fn join(&mut self, name: &str) {
        let (http, peering) = (free_tcp(), free_udp());
        let peers = match self.nodes.get(CLOUD) {
            None => "authority = \"authority\"\n".to_owned(),
            Some(cloud) => {
                let authority = self.folder.join("authority");
                let token = self.fogline(&["authority", "token", path(&authority), "--node", name]);
                std::fs::write(self.folder.join(format!("{name}.token")), token).unwrap();
                format!("token-file = \"{name}.token\"\njoin = [\"{}\"]\n", cloud.peering)
            }
        };
        let (quorum, runs) = match name == CLOUD {
            true => ("", "runs-functions = false\n"),
            false => (self.quorum.as_str(), ""),
        };
        let settings = &self.settings;
        let config = format!(
            "{settings}name = \"{name}\"\ndata = \"{name}\"\nhttp-listen = \"{http}\"\nloopback-only = true\n{runs}\
             external = {{ node = \"{CLOUD}\" }}\n\n{quorum}[peering]\nlisten = \"{peering}\"\n{peers}"
        );
        std::fs::write(self.config(name), config).unwrap();
        let node = Node {
            child: None,
            http,
            peering,
        };
        self.nodes.insert(name.to_owned(), node);
        self.start_again(name);
    }

    /// Starts a node that is down, and waits until it says where it is.
    pub(crate) fn start_again(&mut self, name: &str) {
        let log = std::fs::File::create(self.folder.join(format!("{name}.log"))).unwrap();
        let mut child = Command::new(&self.program)
            .args(["node", "--config", path(&self.config(name))])
            .stdout(Stdio::piped())
            .stderr(log)
            .spawn()
            .unwrap();
        let mut line = String::new();
        let output = child.stdout.take().unwrap();
        BufReader::new(output).read_line(&mut line).unwrap();
        let log = || std::fs::read_to_string(self.folder.join(format!("{name}.log"))).unwrap();
        assert!(line.starts_with(name), "{name} does not start: {}", log());
        self.nodes.get_mut(name).unwrap().child = Some(child);
    }

    pub(crate) fn url(&self, name: &str) -> String {
        format!("http://{}", self.nodes[name].http)
    }

    /// Ends a node as a loss of power does.
    pub(crate) fn kill(&mut self, name: &str) {
        let mut child = self.nodes.get_mut(name).unwrap().child.take().unwrap();
        child.kill().unwrap();
        child.wait().unwrap();
    }

    /// Stops a node, as a machine that is suspended, or lets it go on.
    pub(crate) fn signal(&self, name: &str, signal: Signal) {
        let child = self.nodes[name].child.as_ref().unwrap();
        let pid = Pid::from_raw(i32::try_from(child.id()).unwrap()).unwrap();
        kill_process(pid, signal).unwrap();
    }

    /// Empties a node.
    pub(crate) fn drain(&self, name: &str) {
        self.fogline(&["drain", name, "--url", &self.url(name)]);
    }

    /// Runs the command, and gives what it prints.
    fn fogline(&self, arguments: &[&str]) -> String {
        let output = Command::new(&self.program).args(arguments).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{arguments:?}: {said}");
        String::from_utf8(output.stdout).unwrap()
    }

    fn config(&self, name: &str) -> PathBuf {
        self.folder.join(format!("{name}.toml"))
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        for child in self.nodes.values_mut().filter_map(|node| node.child.as_mut()) {
            // It has ended already, or it can be killed.
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

fn path(path: &Path) -> &str {
    path.to_str().unwrap()
}

fn free_tcp() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

fn free_udp() -> SocketAddr {
    UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}
