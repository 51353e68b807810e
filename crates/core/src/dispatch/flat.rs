//! The map of nodes of which nothing is known but that they are there.

use super::map::Map;
use crate::model::{BitRate, Device, NodeName, Seconds};
use crate::network::{Link, NetworkBuilder, NetworkError, Node, VertexKind};

/// Between any two nodes, until something is measured: a local network of 1 Gb/s and 0.2 ms.
const RATE_MBPS: f64 = 1000.0;
const ONE_WAY_MS: f64 = 0.2;

impl Map {
    /// This node, described by `machine`, and others like it; each behind a link of its own at one switch. `cloud` is
    /// the node that keeps external state, which runs no functions.
    ///
    /// # Errors
    /// When two nodes have one name.
    pub fn flat(
        here: &NodeName,
        machine: &Node,
        others: &[NodeName],
        cloud: Option<&NodeName>,
    ) -> Result<Self, NetworkError> {
        let mut builder = NetworkBuilder::new();
        let switch = builder.add("/switch", VertexKind::Switch)?;
        let other = Node::of(Device::NUC, true, false);
        let mut cloud_at = None;
        for name in std::iter::once(here).chain(others) {
            let mut node = if name == here {
                machine.clone()
            } else {
                other.clone()
            };
            node.worker &= cloud != Some(name);
            let at = builder.add(name.as_str(), VertexKind::Node(node))?;
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
