//! Finding a session whose birth node cannot be reached: whoever holds its record says so.
//!
//! Nothing is decided here (R10): a record that is live at a node is the session, and nobody else can have another
//! that is.

use std::collections::BTreeSet;
use std::time::Duration;

use fogline_core::session::{Head, Home, RecordKey, Status};
use fogline_protocol::problem::Kind;
use futures_util::future::join_all;

use crate::fault::Fault;
use crate::node::Node;

/// How long nodes have to answer.
pub(crate) const PATIENCE: Duration = Duration::from_secs(1);

/// Whether others may know better where a part is that was not found at its home.
pub(crate) fn may_be_elsewhere(node: &Node, fault: &Fault, home: &Home) -> bool {
    fault.problem().kind == Kind::Unavailable && !node.homes.is_cut_off_from(home)
}

/// Where a part of a session is live, whatever its model there, asked of this node, its peers and the cloud.
pub(crate) async fn locate(node: &Node, part: &RecordKey) -> Option<Home> {
    let nodes = std::iter::once(node.name.clone()).chain(node.others());
    let homes = nodes
        .flat_map(|name| [Home::InFunction(name.clone()), Home::InEdge(name)])
        .chain([Home::External]);
    let asked = homes.map(|home| async move {
        let key = RecordKey {
            model: home.model(),
            ..part.clone()
        };
        let head = tokio::time::timeout(PATIENCE, head(node, &home, &key))
            .await
            .ok()??;
        (head.status == Status::Live).then_some((head.epoch, home))
    });
    let found = join_all(asked).await.into_iter().flatten();
    found.max_by_key(|(epoch, _)| *epoch).map(|(_, home)| home)
}

async fn head(node: &Node, home: &Home, key: &RecordKey) -> Option<Head> {
    let store = node.homes.record(home).ok()??;
    Some(store.load(key, &BTreeSet::new()).await.ok()??.head)
}
