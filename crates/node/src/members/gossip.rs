//! A node's part in gossip, from its start to its goodbye.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use fogline_core::dispatch::Map;
use fogline_core::model::NodeName;
use fogline_core::telemetry::{Capabilities, Telemetry};
use fogline_membership::{Addresses, Incarnation, Membership, MembershipError, Pace};
use fogline_state::StoreError;
use thiserror::Error;
use tokio::time::{MissedTickBehavior, interval, sleep};

use super::machine::{Processors, free_memory};
use super::news::News;
use crate::incarnation;
use crate::node::Node;
use crate::peers::Endpoint;

/// The network is known by its authority: whoever has no certificate of it is not heard.
const CLUSTER: &str = "fogline";
/// How long a node waits before it takes part anew, after its gossip has ended by a fault.
const AGAIN_AFTER: Duration = Duration::from_secs(1);

/// How a node finds the others by gossip, over its transport.
#[derive(Clone, Debug)]
pub struct Gossip {
    /// Where some nodes listen for peers, as `10.0.0.1:7071` or `edge-1.example:7071`: one that is up is enough. None
    /// for the first node of a network.
    pub seeds: Vec<String>,
    /// This machine's address as the others see it; it is told in place of one that stands for all.
    pub host: IpAddr,
    /// What this node is and can run. Whether it issues certificates, it says by itself.
    pub capabilities: Capabilities,
    /// How often, and how patiently.
    pub pace: Pace,
    /// The network, if a file says what is between its nodes; else that is measured.
    pub map: Option<Arc<Map>>,
}

/// Why a node does not take part in gossip.
#[derive(Debug, Error)]
pub enum GossipError {
    /// It has no transport.
    #[error("gossip needs a transport to other nodes\nhint: configure peering")]
    NoTransport,
    /// It does not know where it listens.
    #[error("asking where the node listens for peers")]
    Address(#[source] std::io::Error),
    /// Its lives cannot be counted.
    #[error("counting the node's lives")]
    Store(#[from] StoreError),
    /// It does not begin.
    #[error(transparent)]
    Membership(#[from] MembershipError),
}

/// What one life of a node in gossip begins with.
pub(crate) struct Life {
    pub(crate) name: NodeName,
    pub(crate) gossip: Gossip,
    /// Where clients reach it.
    pub(crate) http: SocketAddr,
    /// The node that keeps external state, if one does.
    pub(crate) cloud: Option<NodeName>,
    pub(crate) endpoint: Endpoint,
}

impl Life {
    /// Begins to take part. The number of the incarnation must be on the disk: one that was used before would be taken
    /// for dead.
    pub(crate) async fn begin(&self, incarnation: u64) -> Result<Membership, GossipError> {
        let listens = self.endpoint.local_address().map_err(GossipError::Address)?;
        let options = fogline_membership::Options {
            cluster: CLUSTER.to_owned(),
            name: self.name.clone(),
            incarnation: Incarnation(incarnation),
            gossip: self.told(listens),
            addresses: Addresses {
                http: Some(self.told(self.http)),
            },
            seeds: self.gossip.seeds.clone(),
            pace: self.gossip.pace.clone(),
        };
        Ok(Membership::start(options, Arc::new(self.endpoint.clone())).await?)
    }

    /// Where others reach a listener.
    fn told(&self, listens: SocketAddr) -> SocketAddr {
        let all = listens.ip().is_unspecified();
        SocketAddr::new(if all { self.gossip.host } else { listens.ip() }, listens.port())
    }
}

/// Takes part until the node stops, and then says goodbye.
pub(crate) async fn take_part(node: Arc<Node>, life: Life, mut membership: Membership) {
    loop {
        let Some(error) = live(&node, &life, &membership).await else {
            return membership.leave().await;
        };
        tracing::error!(%error, "taking part anew");
        membership = loop {
            tokio::select! {
                () = node.stopping.cancelled() => return,
                () = sleep(AGAIN_AFTER) => {}
            }
            match again(&node, &life).await {
                Ok(membership) => break membership,
                Err(error) => tracing::error!(%error, "no part in gossip"),
            }
        };
    }
}

/// Takes part anew, as another incarnation.
async fn again(node: &Node, life: &Life) -> Result<Membership, GossipError> {
    life.begin(incarnation::begin(&node.store).await?.number).await
}

/// One life: hears and tells. Nothing is returned when the node stops.
async fn live(node: &Node, life: &Life, membership: &Membership) -> Option<MembershipError> {
    let mut seen = membership.watch();
    let mut news = News::new(life);
    let mut publish = interval(life.gossip.pace.publish_every);
    publish.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut processors = Processors::default();
    let mut ended = std::pin::pin!(membership.ended());
    loop {
        let members = Arc::clone(&seen.borrow_and_update());
        news.take(node, &members);
        tokio::select! {
            () = node.stopping.cancelled() => return None,
            error = &mut ended => return Some(error),
            _ = seen.changed() => {}
            _ = publish.tick() => {
                if life.gossip.map.is_none() {
                    let others = members.iter().filter(|member| member.is_alive() && member.name != node.name);
                    life.endpoint.measure(others.map(|member| &member.name));
                }
                membership.publish(telemetry(node, life, &mut processors));
            }
        }
    }
}

fn telemetry(node: &Node, life: &Life, processors: &mut Processors) -> Telemetry {
    let mut capabilities = life.gossip.capabilities.clone();
    capabilities.issuer = life.endpoint.issues();
    let mut load = node.slots.load();
    load.busy_permille = processors.busy_permille();
    load.free_memory = free_memory();
    load.draining = node.is_draining();
    let paths = life.endpoint.paths();
    for (peer, figures) in paths.iter().filter(|_| life.gossip.map.is_none()) {
        node.dispatcher.way(peer, *figures);
    }
    Telemetry {
        capabilities,
        load,
        services: node.members.services(),
        paths,
    }
}
