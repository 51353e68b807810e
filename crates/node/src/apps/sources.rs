//! The nodes that are asked for what is missing of a package.

use std::time::{Duration, Instant};

use bytes::Bytes;
use fogline_core::model::NodeName;
use fogline_protocol::peer::{Request, Response};
use fogline_protocol::problem::Kind;

use crate::fault::Fault;
use crate::invoke;
use crate::node::Node;
use crate::random;

/// How long one piece may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// Nodes that may have a package; whoever does not answer, or has not what is asked for, is not asked again.
pub(crate) struct Sources<'a> {
    node: &'a Node,
    /// The last one is asked.
    left: Vec<NodeName>,
}

impl<'a> Sources<'a> {
    /// Nobody: what is here must do.
    pub(crate) fn none(node: &'a Node) -> Self {
        let left = Vec::new();
        Self { node, left }
    }

    /// All other nodes, the one at which it was deployed first, the others in an order of chance, so that many who ask
    /// at once do not ask the same.
    pub(crate) fn of(node: &'a Node, deployed_at: &NodeName) -> Self {
        let mut left = node.others();
        left.sort_by_cached_key(|other| (other == deployed_at, u64::from_le_bytes(random::bytes())));
        Self { node, left }
    }

    /// What the first one who has it gives.
    pub(crate) async fn ask(&mut self, request: &Request) -> Result<Bytes, Fault> {
        let mut last = None;
        while let Some(source) = self.left.last() {
            let until = Instant::now() + PATIENCE;
            match invoke::exchange(self.node, source, request, Vec::new(), until).await {
                Ok((Response::Done, body)) if !body.is_empty() => {
                    return Ok(body.into_iter().next().unwrap_or_default());
                }
                Ok(_) => {}
                Err(failed) => last = Some(Fault::from(failed)),
            }
            self.left.pop();
        }
        Err(last.unwrap_or_else(|| {
            Fault::new(
                Kind::Unavailable,
                "no node that was asked has the whole package",
                "start a node that has it, or deploy the application again",
            )
        }))
    }
}
