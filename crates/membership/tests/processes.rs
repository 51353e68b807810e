//! Fifteen processes that gossip over UDP on this machine.

#![expect(clippy::unwrap_used, reason = "helpers of tests may panic")]

use std::env;
use std::io::{Read as _, stdin};
use std::net::{Ipv4Addr, SocketAddr};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use fogline_core::telemetry::{Load, Telemetry};
use fogline_membership::{Addresses, Incarnation, Member, Membership, Options, Pace, Presence, UdpCarrier};
use tokio::time::timeout;

/// Processes, the one of the test among them.
const NODES: usize = 15;
/// Patience on a machine that builds other things meanwhile.
const PATIENCE: Duration = Duration::from_secs(60);
const SEED: &str = "FOGLINE_TEST_SEED";
const NUMBER: &str = "FOGLINE_TEST_NUMBER";

async fn node(number: usize, incarnation: u64, seeds: Vec<String>) -> (Membership, SocketAddr) {
    let anywhere = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let carrier = UdpCarrier::bind(anywhere).await.unwrap();
    let address = carrier.address().unwrap();
    let options = Options {
        cluster: "processes".to_owned(),
        name: format!("edge-{number}").parse().unwrap(),
        incarnation: Incarnation(incarnation),
        gossip: address,
        addresses: Addresses::default(),
        seeds,
        pace: Pace {
            gossip_every: Duration::from_millis(200),
            ..Pace::default()
        },
    };
    (
        Membership::start(options, Arc::new(carrier)).await.unwrap(),
        address,
    )
}

/// A step of telemetry for each node seen: wide enough not to be damped.
const STEP: u16 = 60;

/// How many nodes are seen alive, as telemetry.
fn count(alive: usize) -> Telemetry {
    let load = Load {
        busy_permille: alive as u16 * STEP,
        ..Load::default()
    };
    Telemetry {
        load,
        ..Telemetry::default()
    }
}

fn alive(members: &[Member]) -> usize {
    members.iter().filter(|member| member.is_alive()).count()
}

/// A node of its own process: tells how many nodes it sees alive, until its input ends.
#[tokio::test]
#[ignore = "the other test starts it, as a process"]
async fn a_process_that_is_a_node() {
    let (Ok(seed), Ok(number)) = (env::var(SEED), env::var(NUMBER)) else {
        return;
    };
    let (number, incarnation) = number.split_once('.').unwrap();
    let (node, _) = node(number.parse().unwrap(), incarnation.parse().unwrap(), vec![seed]).await;
    let mut watch = node.watch();
    let mut end = tokio::task::spawn_blocking(|| stdin().read(&mut [0]));
    loop {
        node.publish(count(alive(&node.members())));
        tokio::select! {
            _ = &mut end => return,
            changed = watch.changed() => changed.unwrap(),
        }
    }
}

/// A process, killed when it is dropped; its input ends then too.
struct Process(Child);

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn process(number: usize, incarnation: u64, seed: SocketAddr) -> Process {
    let child = Command::new(env::current_exe().unwrap())
        .args(["--exact", "a_process_that_is_a_node", "--ignored", "--nocapture"])
        .env(SEED, seed.to_string())
        .env(NUMBER, format!("{number}.{incarnation}"))
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn();
    Process(child.unwrap())
}

async fn see(node: &Membership, what: &str, sees: impl Fn(&[Member]) -> bool) {
    let mut watch = node.watch();
    if timeout(PATIENCE, watch.wait_for(|members| sees(members)))
        .await
        .is_err()
    {
        panic!("{what} not within {PATIENCE:?}: {:#?}", node.members());
    }
}

/// Whether everyone is alive and says that it sees so many alive.
fn all_see(members: &[Member], seen: usize) -> bool {
    let agrees = |member: &&Member| {
        member
            .telemetry
            .as_ref()
            .is_some_and(|told| told.load == count(seen).load)
    };
    members
        .iter()
        .filter(|member| member.is_alive())
        .filter(agrees)
        .count()
        == seen
}

#[tokio::test]
async fn fifteen_processes_see_each_other_and_one_that_is_killed_and_comes_back() {
    let (here, seed) = node(0, 1, Vec::new()).await;
    let mut watch = here.watch();
    let mut processes: Vec<Process> = (1..NODES).map(|number| process(number, 1, seed)).collect();
    let tell = async {
        loop {
            here.publish(count(alive(&here.members())));
            watch.changed().await.unwrap();
        }
    };
    let story = async {
        see(&here, "all see all", |members| all_see(members, NODES)).await;
        // SIGKILL: it says nothing.
        drop(processes.pop());
        see(&here, "all miss the killed one", |members| {
            all_see(members, NODES - 1)
        })
        .await;
        let silent = here
            .members()
            .iter()
            .filter(|member| member.presence == Presence::Silent)
            .count();
        assert_eq!(silent, 1);
        processes.push(process(NODES - 1, 2, seed));
        see(&here, "it is back", |members| all_see(members, NODES)).await;
        assert!(
            here.members()
                .iter()
                .any(|member| member.incarnation == Incarnation(2))
        );
    };
    tokio::select! {
        () = tell => unreachable!("it never ends"),
        () = story => {}
    }
}
