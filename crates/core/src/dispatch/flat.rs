//! The map of nodes of which nothing is known but what they are.

use std::collections::BTreeMap;

use super::map::Map;
use crate::model::{BitRate, NodeName, Seconds};
use crate::network::{Link, NetworkBuilder, NetworkError, Node, VertexKind};

/// Between any two nodes, until something is measured: a local network of 1 Gb/s and 0.2 ms.
const RATE_MBPS: f64 = 1000.0;
const ONE_WAY_MS: f64 = 0.2;

impl Map {
    /// These nodes, each behind a link of its own at one switch. `cloud` is the one that keeps external state, if it is
    /// among them.
    ///
    /// # Errors
    /// When a node is called as one of the links.
    pub fn flat(nodes: &BTreeMap<NodeName, Node>, cloud: Option<&NodeName>) -> Result<Self, NetworkError> {
        let mut builder = NetworkBuilder::new();
        let switch = builder.add("/switch", VertexKind::Switch)?;
        let mut cloud_at = None;
        for (name, node) in nodes {
            let at = builder.add(name.as_str(), VertexKind::Node(node.clone()))?;
            let link = Link {
                rate: BitRate::from_mbps(RATE_MBPS),
                kind: "node".to_owned(),
            };
            let link = builder.add(format!("/link/{name}"), VertexKind::Link(link))?;
            for (from, to, ms) in [(at, link, 0.0), (link, at, 0.0), (link, switch, ONE_WAY_MS / 2.0)] {
                builder.connect(from, to, Seconds::from_millis(ms))?;
            }
            builder.connect(switch, link, Seconds::from_millis(ONE_WAY_MS / 2.0))?;
            if cloud == Some(name) {
                cloud_at = Some(at);
            }
        }
        Ok(Self::new(builder.build()?, cloud_at))
    }
}
