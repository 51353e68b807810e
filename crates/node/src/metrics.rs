//! What a node counts, for Prometheus. Each metric says when it moves.

use std::sync::atomic::AtomicU64;
use std::time::Duration;

use fogline_core::model::{Bytes, ExecutionModel, TenantName};
use fogline_core::quota::Usage;
use fogline_membership::{Member, Presence};
use fogline_runtime::Execution;
use prometheus_client::encoding::{EncodeLabelSet, text};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::{Registry, Unit};

use crate::peers::Gossiped;

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ModelLabel {
    model: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct AnswerLabel {
    status: u16,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct PeerLabel {
    peer: String,
    direction: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct DirectionLabel {
    direction: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct PresenceLabel {
    presence: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct TenantLabel {
    tenant: String,
}

/// The counters of a node.
pub(crate) struct Metrics {
    registry: Registry,
    answers: Family<AnswerLabel, Counter>,
    seconds: Histogram,
    executions: Counter,
    cold: Counter,
    execution_seconds: Histogram,
    commits: Family<ModelLabel, Counter>,
    commit_bytes: Family<ModelLabel, Counter>,
    conflicts: Family<ModelLabel, Counter>,
    moved: Family<ModelLabel, Counter>,
    moves: Histogram,
    link_bytes: Family<PeerLabel, Gauge<u64, AtomicU64>>,
    owned: Gauge,
    gossip_bytes: Family<DirectionLabel, Gauge<u64, AtomicU64>>,
    members: Family<PresenceLabel, Gauge>,
    tenant_sessions: Family<TenantLabel, Gauge<u64, AtomicU64>>,
    tenant_bytes: Family<TenantLabel, Gauge<u64, AtomicU64>>,
}

impl Metrics {
    pub(crate) fn new() -> Self {
        let buckets = || Histogram::new(exponential_buckets(50e-6, 2.0, 20));
        let mut metrics = Self {
            registry: Registry::default(),
            answers: Family::default(),
            seconds: buckets(),
            executions: Counter::default(),
            cold: Counter::default(),
            execution_seconds: buckets(),
            commits: Family::default(),
            commit_bytes: Family::default(),
            conflicts: Family::default(),
            moved: Family::default(),
            moves: buckets(),
            link_bytes: Family::default(),
            owned: Gauge::default(),
            gossip_bytes: Family::default(),
            members: Family::default(),
            tenant_sessions: Family::default(),
            tenant_bytes: Family::default(),
        };
        metrics.registry = metrics.registered();
        metrics
    }

    fn registered(&self) -> Registry {
        let mut registry = Registry::with_prefix("fogline");
        registry.register(
            "requests",
            "Requests answered, by HTTP status",
            self.answers.clone(),
        );
        let help = "From a request's first byte to its answer's first";
        registry.register_with_unit("request", help, Unit::Seconds, self.seconds.clone());
        let help = "Executions of functions that ended by themselves";
        registry.register("executions", help, self.executions.clone());
        registry.register(
            "cold_starts",
            "Executions for which a worker was made",
            self.cold.clone(),
        );
        let help = "How long executions took, the worker's making included";
        registry.register_with_unit("execution", help, Unit::Seconds, self.execution_seconds.clone());
        registry.register("commits", "Heads replaced, by model", self.commits.clone());
        let help = "Bytes of heads and blobs that commits wrote, by model";
        registry.register_with_unit("commit", help, Unit::Bytes, self.commit_bytes.clone());
        let help = "Commits that found another head, by model";
        registry.register("conflicts", help, self.conflicts.clone());
        let help = "Bytes of states read or carried for executions, by model";
        registry.register_with_unit("state_moved", help, Unit::Bytes, self.moved.clone());
        let help = "How long sessions waited while they moved to another home";
        registry.register_with_unit("move_pause", help, Unit::Seconds, self.moves.clone());
        let help = "Bytes exchanged with a peer since the start, by direction";
        registry.register_with_unit("peer_traffic", help, Unit::Bytes, self.link_bytes.clone());
        registry.register(
            "owned_sessions",
            "Sessions in this node's memory (in-function)",
            self.owned.clone(),
        );
        let help = "Bytes of gossip since the start, by direction";
        registry.register_with_unit("gossip", help, Unit::Bytes, self.gossip_bytes.clone());
        registry.register(
            "members",
            "Nodes that gossip knows of, this one among them, by presence",
            self.members.clone(),
        );
        let help = "Sessions that this node keeps, of tenants that have a quota here";
        registry.register("tenant_sessions", help, self.tenant_sessions.clone());
        let help = "Bytes of the states that this node keeps, of tenants that have a quota here";
        registry.register_with_unit("tenant_state", help, Unit::Bytes, self.tenant_bytes.clone());
        registry
    }

    pub(crate) fn answered(&self, status: u16, seconds: f64) {
        self.answers.get_or_create(&AnswerLabel { status }).inc();
        self.seconds.observe(seconds);
    }

    pub(crate) fn executed(&self, execution: &Execution) {
        self.executions.inc();
        if execution.cold {
            self.cold.inc();
        }
        self.execution_seconds.observe(execution.took.as_secs_f64());
    }

    pub(crate) fn committed(&self, model: ExecutionModel, bytes: Bytes) {
        let label = ModelLabel { model: model.name() };
        self.commits.get_or_create(&label).inc();
        self.commit_bytes.get_or_create(&label).inc_by(bytes.0);
    }

    pub(crate) fn conflicted(&self, model: ExecutionModel) {
        self.conflicts
            .get_or_create(&ModelLabel { model: model.name() })
            .inc();
    }

    pub(crate) fn moved(&self, model: ExecutionModel, bytes: Bytes) {
        self.moved
            .get_or_create(&ModelLabel { model: model.name() })
            .inc_by(bytes.0);
    }

    pub(crate) fn session_moved(&self, pause: Duration) {
        self.moves.observe(pause.as_secs_f64());
    }

    /// What gossip has come to, and the nodes that it knows of.
    pub(crate) fn gossip(&self, gossiped: Gossiped, members: &[Member]) {
        for (direction, bytes) in [("sent", gossiped.sent), ("received", gossiped.received)] {
            let gauge = self.gossip_bytes.get_or_create(&DirectionLabel { direction });
            gauge.set(bytes.0);
        }
        for (presence, of) in [
            ("alive", Presence::Alive),
            ("silent", Presence::Silent),
            ("left", Presence::Left),
        ] {
            let count = members.iter().filter(|member| member.presence == of).count();
            let gauge = self.members.get_or_create(&PresenceLabel { presence });
            gauge.set(i64::try_from(count).unwrap_or(i64::MAX));
        }
    }

    /// A tenant uses so much now.
    pub(crate) fn used(&self, tenant: &TenantName, usage: Usage) {
        let label = TenantLabel {
            tenant: tenant.to_string(),
        };
        self.tenant_sessions.get_or_create(&label).set(usage.sessions);
        self.tenant_bytes.get_or_create(&label).set(usage.bytes.0);
    }

    /// All of them as text, in the OpenMetrics format.
    pub(crate) fn text(&self, owned: usize, peers: impl Iterator<Item = (String, Bytes, Bytes)>) -> String {
        self.owned.set(i64::try_from(owned).unwrap_or(i64::MAX));
        for (peer, sent, received) in peers {
            let gauge = |direction| PeerLabel {
                peer: peer.clone(),
                direction,
            };
            self.link_bytes.get_or_create(&gauge("sent")).set(sent.0);
            self.link_bytes.get_or_create(&gauge("received")).set(received.0);
        }
        let mut text = String::new();
        match text::encode(&mut text, &self.registry) {
            Ok(()) => text,
            Err(error) => {
                tracing::error!(%error, "metrics not written");
                String::new()
            }
        }
    }
}
