//! Nodes fail, stop and come back, leave and join, under constant load: what is acknowledged stays as its model and
//! durability promise, no answer is stale, and nobody waits longer than it was asked to.
//!
//! `cargo test --workspace --test chaos -- --nocapture` prints the tables of docs/src/faults.md.
#![expect(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]
#![expect(clippy::print_stdout, reason = "the table is for whoever looks")]

#[path = "../../../state/tests/etcd/cluster.rs"]
#[expect(dead_code, reason = "the tests of the store use the rest")]
mod cluster;
mod history;
mod load;
mod network;
mod table;

use std::path::Path;
use std::time::Duration;

use fogline_client::Client;
use rustix::process::Signal;
use tokio::sync::Mutex;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use cluster::Cluster;
use load::{KINDS, Writer};
use network::{Network, Setup};
use table::{HEAD, Row};

/// The nodes that clients enter at; no fault befalls them.
const ENTRIES: [&str; 2] = ["one", "two"];
/// Sessions of each kind at the node that a fault befalls, and as many elsewhere.
const SESSIONS: usize = 2;
/// How long clients work before a fault, and after it.
const BEFORE: Duration = Duration::from_secs(1);
const AFTER: Duration = Duration::from_secs(3);
/// How long a node is down, or stopped.
const DOWN: Duration = Duration::from_secs(2);

/// Both tests need the whole machine: what waits for its turn there is not what a fault costs.
static ALONE: Mutex<()> = Mutex::const_new(());

/// A network under test.
struct Trial {
    store: &'static str,
    network: Network,
    rows: Vec<Row>,
}

impl Trial {
    /// Five nodes, and an application for each kind of sessions.
    async fn start(folder: &Path, servers: Option<&[String]>) -> Self {
        let setup = Setup {
            program: Path::new(env!("CARGO_BIN_EXE_fogline")),
            folder,
            settings: "",
            servers,
        };
        let network = Network::start(&setup, &["one", "two", "three", "four", "five"]);
        let client = Client::builder(network.url("one")).build().unwrap();
        for kind in KINDS {
            kind.deploy(&client, folder).await;
        }
        Self {
            store: if servers.is_some() { "etcd" } else { "embedded" },
            network,
            rows: Vec::new(),
        }
    }

    /// Loads the network, has `fault` befall one of its nodes, and checks every session.
    async fn under_load(&mut self, name: &'static str, victim: &str, fault: impl AsyncFnOnce(&mut Network)) {
        let stop = CancellationToken::new();
        let mut writers = JoinSet::new();
        let begin = Instant::now();
        for kind in KINDS {
            for number in 0..2 * SESSIONS {
                let befallen = number < SESSIONS;
                let entry = ENTRIES[number % 2];
                let birth = self.network.url(if befallen { victim } else { entry });
                // Whoever comes back is asked, and must not answer from before.
                let other = match befallen {
                    true => birth.clone(),
                    false => self.network.url(ENTRIES[(number + 1) % 2]),
                };
                let writer = Writer::new(kind, &birth, &self.network.url(entry), &other).await;
                let stop = stop.clone();
                writers.spawn(async move { (befallen, writer.work(stop).await) });
            }
        }
        sleep(BEFORE).await;
        fault(&mut self.network).await;
        sleep(AFTER).await;
        let end = Instant::now();
        stop.cancel();
        let mut rows = Vec::new();
        for kind in KINDS {
            rows.extend([true, false].map(|befallen| Row::new(self.store, name, kind, befallen)));
        }
        while let Some(ended) = writers.join_next().await {
            let (befallen, (writer, history)) = ended.unwrap();
            let basket = writer.end().await;
            let row = rows
                .iter_mut()
                .find(|row| row.is_of(writer.kind, befallen))
                .unwrap();
            row.count(&history, &basket, history.longest_gap(begin, end));
        }
        self.rows.extend(rows);
    }

    /// What befalls nodes that are to be used again.
    async fn stopped_emptied_and_joined(&mut self) {
        self.under_load("SIGSTOP", "four", async |network| {
            network.signal("four", Signal::STOP);
            sleep(DOWN).await;
            network.signal("four", Signal::CONT);
        })
        .await;
        self.under_load("drain", "five", async |network| network.drain("five"))
            .await;
        self.under_load("join", "four", async |network| {
            network.join("six");
            Writer::serves(&network.url("six")).await;
        })
        .await;
    }

    fn end(self) {
        print!("{HEAD}");
        self.rows.iter().for_each(|row| print!("{row}"));
        let broken: Vec<String> = self.rows.iter().flat_map(Row::broken).collect();
        assert!(broken.is_empty(), "{broken:#?}");
    }
}

/// The killed node is started again: what it keeps waits for it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_lost_doubled_or_stale_beyond_what_is_promised_whatever_befalls_the_nodes() {
    let _alone = ALONE.lock().await;
    let folder = tempfile::tempdir().unwrap();
    let mut trial = Trial::start(folder.path(), None).await;
    trial
        .under_load("kill -9", "three", async |network| {
            network.kill("three");
            sleep(DOWN).await;
            network.start_again("three");
        })
        .await;
    trial.stopped_emptied_and_joined().await;
    trial.end();
}

/// The killed node stays away: all sessions go on without it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_a_quorum_all_sessions_go_on_without_the_node_that_is_lost() {
    let _alone = ALONE.lock().await;
    let Some(servers) = Cluster::start(3, &[]) else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let mut trial = Trial::start(folder.path(), Some(&servers.options().servers)).await;
    trial
        .under_load("kill -9", "three", async |network| {
            network.kill("three");
            sleep(DOWN).await;
        })
        .await;
    trial.stopped_emptied_and_joined().await;
    trial.end();
}
