//! Where the leases of nodes stand (R11).

use std::collections::BTreeSet;
use std::time::Duration;

use async_trait::async_trait;
use fogline_core::lease::{self, LeaseEvent, LeaseRecord};
use fogline_core::model::NodeName;

use crate::StoreError;

/// A place that all nodes of a site reach and that keeps one lease record for each node.
///
/// A call is over within `time`; it should be well below the lease's term. That call and every later one see
/// each record that was replaced before, by whomever.
#[async_trait]
pub trait Leases: Send + Sync {
    /// The nodes for which something stands: those of the site, ever since they were first started.
    ///
    /// # Errors
    /// When it cannot be reached in time.
    async fn holders(&self, time: Duration) -> Result<BTreeSet<NodeName>, StoreError>;

    /// What stands for a node.
    ///
    /// # Errors
    /// When it cannot be reached in time, or is damaged.
    async fn lease(&self, node: &NodeName, time: Duration) -> Result<Option<LeaseRecord>, StoreError>;

    /// Replaces what stands for a node, if it is what is expected; with `None`, if nothing stands.
    ///
    /// # Errors
    /// When certainly nothing was replaced. Where it may have been, the answer is [`Leased::Unknown`].
    async fn swap_lease(
        &self,
        node: &NodeName,
        expect: Option<&LeaseRecord>,
        new: &LeaseRecord,
        time: Duration,
    ) -> Result<Leased, StoreError>;
}

/// What came of a swap.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Leased {
    /// It is done.
    Done,
    /// This stands there instead. If it is the new record, an earlier try was carried out.
    Conflict(Option<LeaseRecord>),
    /// It may have been done or not, or may still be.
    Unknown,
}

impl From<Leased> for LeaseEvent {
    fn from(leased: Leased) -> Self {
        match leased {
            Leased::Done => Self::Swapped,
            Leased::Conflict(stands) => Self::Stands(stands),
            Leased::Unknown => Self::Unanswered,
        }
    }
}

/// The record of this node's lease.
pub(crate) fn decode(node: &NodeName, bytes: &[u8]) -> Result<LeaseRecord, StoreError> {
    lease::decode(bytes).map_err(|source| StoreError::DamagedLease {
        node: node.clone(),
        source,
    })
}
