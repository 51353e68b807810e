//! What gossip costs, and how fast it is, by size of the network: the table in docs/src/membership.md.
//!
//! `cargo run -p fogline-membership --example traffic`. Nodes are in one process, on a virtual clock, so the
//! figures do not depend on the machine; they differ a little from run to run, because chitchat draws its
//! partners anew.

#![expect(clippy::print_stdout, reason = "the table is what it is for")]
#![expect(
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "a measurement that fails has no figures"
)]

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use fogline_core::model::{BitRate, Bytes};
use fogline_core::telemetry::{FunctionKey, Load, PathFigures, ServiceTime, Telemetry};
use fogline_membership::memory::{MemoryNetwork, Sent, Weather};
use fogline_membership::{Addresses, Incarnation, Member, Membership, Options, Pace, Presence};
use tokio::time::{Instant, sleep};

const SIZES: [usize; 3] = [10, 30, 100];
const INTERVALS_MS: [u64; 3] = [200, 500, 1000];
/// Functions and paths that each node tells of.
const FUNCTIONS: u64 = 8;
const PATHS: usize = 8;
/// How long traffic is counted.
const COUNTED: Duration = Duration::from_secs(30);

fn main() {
    let weather = Weather {
        seed: 1,
        loss_permille: 10,
        delay: Duration::from_millis(20),
    };
    println!(
        "| nodes | a round every | bytes/s sent by a node | messages/s | all see all | telemetry everywhere \
         | a death seen by all |"
    );
    println!("|---|---|---|---|---|---|---|");
    for nodes in SIZES {
        for every in INTERVALS_MS.map(Duration::from_millis) {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_time()
                .start_paused(true)
                .build()
                .expect("a runtime without IO can be built");
            runtime.block_on(row(nodes, every, weather));
        }
    }
}

async fn row(nodes: usize, every: Duration, weather: Weather) {
    let network = MemoryNetwork::new(weather);
    let mut cluster = Vec::new();
    for number in 0..nodes {
        cluster.push(start(&network, number, every).await);
    }
    let all_alive = |members: &[Member]| members.len() == nodes && members.iter().all(Member::is_alive);
    let found = all_see(&cluster, all_alive).await;
    publish(&cluster, 0);
    let told = |members: &[Member]| members.iter().all(|member| member.telemetry.is_some());
    let told = all_see(&cluster, told).await;

    // Everyone's load changes by more than is damped, every second; a tenth of the service times and paths
    // do.
    sleep(Duration::from_secs(30)).await;
    let before = total(&network, nodes);
    for second in 1..=COUNTED.as_secs() {
        publish(&cluster, second);
        sleep(Duration::from_secs(1)).await;
    }
    let after = total(&network, nodes);
    let per_node_second = |count: u64| count as f64 / nodes as f64 / COUNTED.as_secs_f64();

    drop(cluster.pop());
    let dead = |members: &[Member]| members.iter().any(|member| member.presence == Presence::Silent);
    let dead = all_see(&cluster, dead).await;
    println!(
        "| {nodes} | {} ms | {:.1} kB | {:.0} | {:.1} s | {:.1} s | {:.1} s |",
        every.as_millis(),
        per_node_second(after.bytes - before.bytes) / 1e3,
        per_node_second(after.messages - before.messages),
        found.as_secs_f64(),
        told.as_secs_f64(),
        dead.as_secs_f64(),
    );
}

async fn start(network: &MemoryNetwork, number: usize, every: Duration) -> Membership {
    let options = Options {
        cluster: "traffic".to_owned(),
        name: format!("edge-{number}").parse().unwrap(),
        incarnation: Incarnation(1),
        gossip: address(number),
        addresses: Addresses {
            http: Some(address(number)),
        },
        seeds: vec![address(0).to_string(), address(1).to_string()],
        pace: Pace {
            gossip_every: every,
            ..Pace::default()
        },
    };
    let carrier = Arc::new(network.attach(options.gossip));
    Membership::start(options, carrier)
        .await
        .expect("the options are good")
}

fn address(number: usize) -> SocketAddr {
    SocketAddr::from(([10, 0, 0, number as u8 + 1], 4433))
}

async fn all_see(cluster: &[Membership], sees: impl Fn(&[Member]) -> bool) -> Duration {
    let start = Instant::now();
    for node in cluster {
        node.watch()
            .wait_for(|members| sees(members))
            .await
            .expect("the node is there");
    }
    start.elapsed()
}

fn total(network: &MemoryNetwork, nodes: usize) -> Sent {
    (0..nodes)
        .map(|number| network.sent(address(number)))
        .fold(Sent::default(), |sum, sent| Sent {
            messages: sum.messages + sent.messages,
            bytes: sum.bytes + sent.bytes,
        })
}

fn publish(cluster: &[Membership], second: u64) {
    for (number, node) in cluster.iter().enumerate() {
        node.publish(telemetry(number, cluster.len(), second));
    }
}

/// What a node under changing load says in this second.
fn telemetry(number: usize, nodes: usize, second: u64) -> Telemetry {
    let load = Load {
        queued: ((second + number as u64) % 5) as u32,
        running: ((second * 3 + number as u64) % 7) as u32,
        slots: 8,
        busy_permille: ((second * 137 + number as u64 * 61) % 1000) as u16,
        free_memory: Bytes(1 << 30),
        draining: false,
    };
    // Every tenth second, a figure moves.
    let moved = |which: u64| 1 + (second + which + number as u64) / 10 % 2;
    let services = (0..FUNCTIONS).map(|which| {
        let key = FunctionKey {
            tenant: "factory".parse().unwrap(),
            app: "inspection".parse().unwrap(),
            function: format!("function-{which}").parse().unwrap(),
        };
        let mean = Duration::from_micros(7000 * moved(which));
        (key, ServiceTime { mean, recent: 40 })
    });
    let paths = (1..=PATHS.min(nodes - 1)).map(|step| {
        let figures = PathFigures {
            rtt: Some(Duration::from_micros(1500 * moved(step as u64))),
            rate: Some(BitRate::from_mbps(100.0)),
        };
        (
            format!("edge-{}", (number + step) % nodes).parse().unwrap(),
            figures,
        )
    });
    Telemetry {
        load,
        services: services.collect(),
        paths: paths.collect(),
        ..Telemetry::default()
    }
}
