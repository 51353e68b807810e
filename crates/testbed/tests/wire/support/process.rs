//! This test program again, as a node of its own: to be killed, or stopped.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use fogline_state::EtcdOptions;

use super::cluster::pause;
use super::{Caller, Nodes, Setup};

/// Set in that process: the folder of its node.
const FOLDER: &str = "FOGLINE_TEST_NODE_FOLDER";
/// The etcd servers of its site, if it is of one.
const SERVERS: &str = "FOGLINE_TEST_NODE_ETCD";
/// The folder of the authority of its network, if it has peers.
const AUTHORITY: &str = "FOGLINE_TEST_NODE_AUTHORITY";
/// Where the node `two` is, if it has peers.
const TWO: &str = "FOGLINE_TEST_NODE_TWO";

/// A process that runs the node `one`.
pub(crate) struct Process {
    child: Child,
    pub(crate) caller: Caller,
    /// Where peers reach it.
    pub(crate) peers: SocketAddr,
}

impl Process {
    /// Starts it in a test that begins with [`serve_if_told`].
    pub(crate) fn start(test: &str, folder: &Path) -> Self {
        Self::start_with(test, folder, &[])
    }

    /// As a node of a site, with the peer `two`.
    pub(crate) fn start_in_site(
        test: &str,
        folder: &Path,
        etcd: &EtcdOptions,
        authority: &Path,
        two: SocketAddr,
    ) -> Self {
        let (servers, two) = (etcd.servers.join(","), two.to_string());
        let settings = [
            (SERVERS, servers.as_ref()),
            (AUTHORITY, authority),
            (TWO, two.as_ref()),
        ];
        Self::start_with(test, folder, &settings)
    }

    fn start_with(test: &str, folder: &Path, settings: &[(&str, &Path)]) -> Self {
        let program = std::env::current_exe().expect("this program is a file");
        let mut child = Command::new(program)
            .args(["--exact", test, "--nocapture", "--include-ignored"])
            .env(FOLDER, folder)
            .envs(settings.iter().copied())
            .stdout(Stdio::piped())
            .spawn()
            .expect("this program can be started");
        let output = BufReader::new(child.stdout.take().expect("it is piped"));
        let line = output
            .lines()
            .map_while(Result::ok)
            .find_map(|line| Some(line.split_once("url=")?.1.to_owned()));
        let line = line.expect("it says where it is");
        let (url, peers) = line.split_once(" peers=").expect("it says where peers reach it");
        Self {
            child,
            caller: Caller::new(url),
            peers: peers.parse().expect("it is an address"),
        }
    }

    /// SIGKILL: nothing of it is left but its folder.
    pub(crate) fn kill(self) {
        drop(self);
    }

    /// It does nothing until [`Self::go_on`].
    pub(crate) fn pause(&self) {
        pause::pause(&self.child);
    }

    pub(crate) fn go_on(&self) {
        pause::go_on(&self.child);
    }
}

/// Also when a test fails: nobody else would end it.
impl Drop for Process {
    fn drop(&mut self) {
        // It has ended already, or it can be killed.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// In such a process: serves until it is killed. In the test itself: nothing.
#[expect(clippy::print_stdout, reason = "it tells the test where it is")]
pub(crate) async fn serve_if_told() {
    let Some(folder) = std::env::var_os(FOLDER) else {
        return;
    };
    let servers = std::env::var(SERVERS).ok();
    let two = std::env::var(TWO).ok();
    let setup = Setup {
        names: vec!["one"],
        elsewhere: two.iter().map(|_| "two").collect(),
        quorum: servers.map(|servers| EtcdOptions::new(servers.split(','))),
        authority: std::env::var_os(AUTHORITY).map(Into::into),
        ..Setup::default()
    };
    let nodes = Nodes::start(Path::new(&folder), setup).await;
    if let Some(two) = two {
        nodes.know("two", two.parse().expect("it is an address"));
    }
    println!("url={} peers={}", nodes.url("one"), nodes.peer_address("one"));
    std::future::pending::<()>().await;
}
