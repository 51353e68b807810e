//! The nodes that share a quorum: where the records of each stand, and which of them lives (R11).
//!
//! Every node of a site reaches the records of all of them, so that those of a node that is lost go on. What is in a
//! node's memory is that node's for as long as it holds its lease.

mod contest;
mod lease;
mod records;

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use fogline_core::lease::{LeaseAction, LeaseEvent};
use fogline_core::model::NodeName;
use fogline_state::{EtcdStore, Leases, Store};
use tokio::time::Instant;

pub(crate) use lease::Lease;

use contest::Contests;
use records::Records;

/// How often it is looked who belongs to the site.
const LOOK_EVERY: Duration = Duration::from_secs(2);
/// How old the last look may be for one who asks for a node that was not there then.
const FRESH: Duration = Duration::from_millis(200);

/// What stands between a node and a store of session records.
pub(crate) type Between = Box<dyn Fn(Arc<dyn Store>) -> Arc<dyn Store> + Send + Sync>;

/// The site of this node.
pub(crate) struct Site {
    node: NodeName,
    etcd: EtcdStore,
    between: Between,
    pub(crate) lease: Arc<Lease>,
    /// The records of the site's other nodes.
    others: RwLock<BTreeMap<NodeName, Arc<dyn Store>>>,
    /// When it was last looked who they are; held while somebody looks.
    looked: tokio::sync::Mutex<Option<Instant>>,
    contests: Contests,
}

impl Site {
    pub(crate) fn new(node: NodeName, etcd: EtcdStore, term: Duration, between: Between) -> Self {
        let leases: Arc<dyn Leases> = Arc::new(etcd.clone());
        Self {
            lease: Arc::new(Lease::new(node.clone(), leases, term)),
            node,
            etcd,
            between,
            others: RwLock::default(),
            looked: tokio::sync::Mutex::default(),
            contests: Contests::default(),
        }
    }

    /// This node's own records.
    pub(crate) fn own(&self) -> Arc<dyn Store> {
        self.store(&self.node)
    }

    /// The records of another node, if it is of this site.
    pub(crate) fn of(&self, node: &NodeName) -> Option<Arc<dyn Store>> {
        let others = self.others.read().unwrap_or_else(PoisonError::into_inner);
        others.get(node).cloned()
    }

    fn store(&self, node: &NodeName) -> Arc<dyn Store> {
        let etcd = self.etcd.of_node(node);
        (self.between)(Arc::new(Records::new(etcd, Arc::clone(&self.lease))))
    }

    /// The records of another node, if it is of this site: also if it has joined a moment ago.
    pub(crate) async fn find(&self, node: &NodeName) -> Option<Arc<dyn Store>> {
        if let Some(found) = self.of(node) {
            return Some(found);
        }
        self.look(FRESH).await;
        self.of(node)
    }

    /// Looks who belongs to the site, now and then; ends when the task that runs it does.
    pub(crate) async fn look_around(&self) {
        loop {
            self.look(LOOK_EVERY).await;
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    /// Looks who belongs to the site, unless somebody has within `fresh`, or nobody can.
    pub(crate) async fn look(&self, fresh: Duration) {
        let mut looked = self.looked.lock().await;
        if looked.is_some_and(|looked| looked.elapsed() < fresh) {
            return;
        }
        let found = tokio::select! {
            found = self.etcd.holders(LOOK_EVERY) => found,
            error = self.lease.cut_off() => Err(error),
        };
        *looked = Some(Instant::now());
        match found {
            Ok(nodes) => {
                let others = nodes.into_iter().filter(|node| *node != self.node);
                let others = others.map(|node| (node.clone(), self.store(&node))).collect();
                *self.others.write().unwrap_or_else(PoisonError::into_inner) = others;
            }
            Err(error) => tracing::debug!(%error, "who belongs to the site is as it was"),
        }
    }
}

/// Carries out what a machine of [`fogline_core::lease`] asks for, each call within `time`, and gives what came of it;
/// `None` when the life in question is over.
async fn carry_out(
    leases: &dyn Leases,
    node: &NodeName,
    action: &LeaseAction,
    time: Duration,
) -> Option<Result<LeaseEvent, fogline_state::StoreError>> {
    Some(match action {
        LeaseAction::Over => return None,
        LeaseAction::WakeAt(at) => {
            tokio::time::sleep(at.saturating_sub(lease::now())).await;
            Ok(LeaseEvent::Wake)
        }
        LeaseAction::Read => leases.lease(node, time).await.map(LeaseEvent::Stands),
        LeaseAction::Swap { expect, new } => {
            let swapped = leases.swap_lease(node, expect.as_ref(), new, time).await;
            swapped.map(LeaseEvent::from)
        }
    })
}
