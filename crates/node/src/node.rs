//! A node: what its parts share.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use fogline_core::model::{NodeName, TenantName};
use fogline_core::session::RecordKey;
use fogline_protocol::problem::Kind;
use fogline_state::EmbeddedStore;
use fogline_state::seal::Sealer;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::apps::Apps;
use crate::clock::Clock;
use crate::fault::Fault;
use crate::follow::Followed;
use crate::forwards::Forwards;
use crate::gateway::Room;
use crate::homes::{Homes, Owner, Turns};
use crate::invoke::Dispatcher;
use crate::logs::Logs;
use crate::members::Members;
use crate::metrics::Metrics;
use crate::peers::Endpoint;
use crate::quotas::Quotas;
use crate::requested::Requested;
use crate::runs::Runs;
use crate::slots::Slots;
use crate::staged::Staged;
use crate::tokens::{Operator, Tenants};
use crate::trace::Tracer;

/// What the parts of a node share.
pub(crate) struct Node {
    pub(crate) name: NodeName,
    pub(crate) tenants: Tenants,
    pub(crate) quotas: Arc<Quotas>,
    pub(crate) store: Arc<EmbeddedStore>,
    pub(crate) clock: Clock,
    pub(crate) apps: Apps,
    /// How often what has expired is looked for.
    pub(crate) sweep_every: Duration,
    /// For the bodies of requests.
    pub(crate) bodies: Arc<Room>,
    /// How long a caller may take nothing of its answer.
    pub(crate) write_patience: Duration,
    pub(crate) homes: Homes,
    pub(crate) owner: Arc<Owner>,
    pub(crate) turns: Turns<RecordKey>,
    pub(crate) forwards: Forwards,
    /// Where the requests of sessions that this node owns come in.
    pub(crate) followed: Followed,
    pub(crate) requested: Requested,
    /// What peers sent ahead of their commits.
    pub(crate) staged: Staged,
    pub(crate) dispatcher: Dispatcher,
    pub(crate) slots: Slots,
    pub(crate) runs: Runs,
    /// Seals for each tenant.
    pub(crate) sealers: BTreeMap<TenantName, Arc<Sealer>>,
    pub(crate) logs: Logs,
    pub(crate) metrics: Metrics,
    pub(crate) tracer: Tracer,
    pub(crate) endpoint: Option<Endpoint>,
    pub(crate) members: Members,
    /// Whether it is being emptied, and takes no new sessions.
    pub(crate) draining: AtomicBool,
    /// Who may do what concerns all tenants.
    pub(crate) operator: Operator,
    pub(crate) tasks: TaskTracker,
    pub(crate) stopping: CancellationToken,
}

impl Node {
    /// The other nodes, as far as this one knows: also those that do not answer now.
    pub(crate) fn others(&self) -> Vec<NodeName> {
        let mut names = self.members.names();
        names.retain(|name| *name != self.name);
        names
    }

    /// Whether it is being emptied.
    pub(crate) fn is_draining(&self) -> bool {
        self.draining.load(Ordering::Relaxed)
    }

    /// The transport to other nodes.
    pub(crate) fn peers(&self) -> Result<&Endpoint, Fault> {
        self.endpoint.as_ref().ok_or_else(|| {
            Fault::new(
                Kind::Unavailable,
                format!("{} has no peers", self.name),
                "configure peering, or deploy for this node's own capabilities",
            )
        })
    }

    /// What seals and opens a tenant's envelopes.
    pub(crate) fn sealer(&self, tenant: &TenantName) -> Result<Arc<Sealer>, Fault> {
        self.sealers.get(tenant).cloned().ok_or_else(|| {
            Fault::new(
                Kind::Unavailable,
                format!("{} has no key of tenant {tenant}", self.name),
                "give the node the tenant's key file, or choose another model than in-client",
            )
        })
    }
}
