//! Clusters in memory, on a virtual clock.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use fogline_core::model::Bytes;
use fogline_core::telemetry::{Load, Telemetry};
use fogline_membership::memory::{MemoryNetwork, Weather};
use fogline_membership::{Addresses, Incarnation, Member, Membership, Options, Pace, Presence};
use tokio::time::{Instant, timeout};

/// Nodes of one cluster. Who speaks to whom is drawn by chitchat from the system's randomness; what happens
/// to messages comes from the seed.
pub(crate) struct Cluster {
    pub(crate) network: MemoryNetwork,
    pub(crate) nodes: Vec<Membership>,
    pub(crate) pace: Pace,
}

impl Cluster {
    /// So many nodes, all of which know the first two.
    pub(crate) async fn start(count: usize, weather: Weather) -> Self {
        println!("seed {}", weather.seed);
        let mut cluster = Self {
            network: MemoryNetwork::new(weather),
            nodes: Vec::new(),
            pace: Pace::default(),
        };
        for number in 0..count {
            let node = cluster.node(number, 1).await;
            cluster.nodes.push(node);
        }
        cluster
    }

    /// A life of a node.
    pub(crate) async fn node(&self, number: usize, incarnation: u64) -> Membership {
        let options = self.options(number, incarnation);
        let carrier = Arc::new(self.network.attach(options.gossip));
        Membership::start(options, carrier).await.unwrap()
    }

    pub(crate) fn options(&self, number: usize, incarnation: u64) -> Options {
        Options {
            cluster: "test".to_owned(),
            name: name(number).parse().unwrap(),
            incarnation: Incarnation(incarnation),
            gossip: address(number),
            addresses: Addresses {
                http: Some(SocketAddr::new(address(number).ip(), 8080)),
            },
            seeds: vec![address(0).to_string(), address(1).to_string()],
            pace: self.pace.clone(),
        }
    }

    /// The longest that a node takes to see what is asked for, from now on.
    pub(crate) async fn all_see(&self, limit: Duration, sees: impl Fn(&[Member]) -> bool) -> Duration {
        let start = Instant::now();
        for node in &self.nodes {
            see(node, limit.saturating_sub(start.elapsed()), &sees).await;
        }
        for node in &self.nodes {
            assert!(sees(&node.members()), "and goes on to see it");
        }
        start.elapsed()
    }
}

/// Waits until a node sees what is asked for.
pub(crate) async fn see(node: &Membership, limit: Duration, sees: impl Fn(&[Member]) -> bool) {
    let mut watch = node.watch();
    let seen = timeout(limit, watch.wait_for(|members| sees(members))).await;
    if seen.is_err() {
        let seen: Vec<_> = node
            .members()
            .iter()
            .map(|m| (m.name.clone(), m.incarnation, m.presence))
            .collect();
        panic!("not within {limit:?}; it sees {seen:?}");
    }
}

pub(crate) fn name(number: usize) -> String {
    format!("edge-{number:03}")
}

pub(crate) fn address(number: usize) -> SocketAddr {
    SocketAddr::from(([10, 0, (number / 250) as u8, (number % 250 + 1) as u8], 4433))
}

/// Whether so many are alive, and nobody else is known.
pub(crate) fn just(count: usize) -> impl Fn(&[Member]) -> bool {
    move |members| members.len() == count && members.iter().all(Member::is_alive)
}

/// Whether a node is there, or not, in some life of at least this number.
pub(crate) fn is(number: usize, incarnation: u64, presence: Presence) -> impl Fn(&[Member]) -> bool {
    let name = name(number);
    move |members| {
        let member = members.iter().find(|member| member.name.as_str() == name);
        member.is_some_and(|member| member.presence == presence && member.incarnation.0 >= incarnation)
    }
}

pub(crate) fn queue(queued: u32) -> Telemetry {
    let load = Load {
        queued,
        slots: 4,
        free_memory: Bytes(1 << 30),
        ..Load::default()
    };
    Telemetry {
        load,
        ..Telemetry::default()
    }
}

/// The queue that a node is said to have.
pub(crate) fn queue_of(members: &[Member], number: usize) -> Option<u32> {
    let name = name(number);
    let member = members.iter().find(|member| member.name.as_str() == name)?;
    Some(member.telemetry.as_ref()?.load.queued)
}
