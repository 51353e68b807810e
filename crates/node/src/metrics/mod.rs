//! What a node counts, for Prometheus. Each metric says when it moves.
//!
//! What is counted in every invocation has its labels resolved when the node starts: [`OfTenant`].

mod tenant;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use fogline_core::model::{Bytes, ExecutionModel, NodeName, TenantName};
use fogline_core::quota::Usage;
use fogline_membership::{Member, Presence};
use prometheus_client::encoding::{EncodeLabelSet, text};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::{Registry, Unit};

use tenant::Families;
pub(crate) use tenant::OfTenant;

use crate::peers::{Gossiped, Traffic};

/// The tenant of what is counted for tenants that the node's configuration does not name: their number has no bound.
const OTHERS: &str = "others";

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct AnswerLabel {
    status: u16,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct CauseLabel {
    cause: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct PeerLabel {
    peer: String,
    direction: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct LinkLabel {
    peer: String,
    model: &'static str,
    direction: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct MoveLabel {
    from: &'static str,
    to: &'static str,
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

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OutcomeLabel {
    outcome: &'static str,
}

type Times<L> = Family<L, Histogram, fn() -> Histogram>;

/// 50 µs to 26 s, each bound twice the one before: what callers wait for.
fn of_requests() -> Histogram {
    Histogram::new(exponential_buckets(50e-6, 2.0, 20))
}

/// 1 µs to 4 s, each bound four times the one before: what may be a look into memory, or wait for another continent.
fn of_steps() -> Histogram {
    Histogram::new(exponential_buckets(1e-6, 4.0, 12))
}

/// What became of spans of traces. Clones count together.
#[derive(Clone, Default)]
pub(crate) struct Spans(Family<OutcomeLabel, Counter>);

impl Spans {
    pub(crate) fn sent(&self, count: u64) {
        self.0
            .get_or_create(&OutcomeLabel { outcome: "sent" })
            .inc_by(count);
    }

    pub(crate) fn dropped(&self, count: u64) {
        self.0
            .get_or_create(&OutcomeLabel { outcome: "dropped" })
            .inc_by(count);
    }
}

/// The counters of a node.
pub(crate) struct Metrics {
    registry: Registry,
    tenants: BTreeMap<TenantName, OfTenant>,
    others: OfTenant,
    answers: Family<AnswerLabel, Counter>,
    seconds: Histogram,
    moves: Times<MoveLabel>,
    peers: Family<PeerLabel, Counter>,
    links: Family<LinkLabel, Counter>,
    failovers: Counter,
    owned: Gauge,
    gossip_bytes: Family<DirectionLabel, Counter>,
    members: Family<PresenceLabel, Gauge>,
    tenant_sessions: Family<TenantLabel, Gauge<u64, AtomicU64>>,
    tenant_bytes: Family<TenantLabel, Gauge<u64, AtomicU64>>,
    spans: Spans,
    migrations: Family<CauseLabel, Counter>,
    /// Decisions that the log did not get.
    pub(crate) decisions_lost: Counter,
}

impl Metrics {
    /// For a node that serves these tenants.
    pub(crate) fn new<'a>(tenants: impl Iterator<Item = &'a TenantName>) -> Self {
        let families = Families::new();
        let mut metrics = Self {
            registry: Registry::default(),
            tenants: tenants
                .map(|tenant| (tenant.clone(), families.of(tenant.as_str())))
                .collect(),
            others: families.of(OTHERS),
            answers: Family::default(),
            seconds: of_requests(),
            moves: Times::new_with_constructor(of_requests),
            peers: Family::default(),
            links: Family::default(),
            failovers: Counter::default(),
            owned: Gauge::default(),
            gossip_bytes: Family::default(),
            members: Family::default(),
            tenant_sessions: Family::default(),
            tenant_bytes: Family::default(),
            spans: Spans::default(),
            migrations: Family::default(),
            decisions_lost: Counter::default(),
        };
        families.register(&mut metrics.registry);
        metrics.register();
        metrics
    }

    fn register(&mut self) {
        let registry = self.registry.sub_registry_with_prefix("fogline");
        let help = "Requests answered, by HTTP status";
        registry.register("requests", help, self.answers.clone());
        let help = "From a request's head to its answer's, before that is written";
        registry.register_with_unit("request", help, Unit::Seconds, self.seconds.clone());
        let help = "How long sessions waited while they moved to another home, by models: a migration is from one to itself";
        registry.register_with_unit("move_pause", help, Unit::Seconds, self.moves.clone());
        let help = "Bytes exchanged with a peer, by direction";
        registry.register_with_unit("peer_traffic", help, Unit::Bytes, self.peers.clone());
        let help = "Bytes exchanged with a peer for invocations and runs, by the model of their session, and direction";
        registry.register_with_unit("link", help, Unit::Bytes, self.links.clone());
        let help = "Sessions taken from owners that were silent";
        registry.register("failovers", help, self.failovers.clone());
        let help = "Sessions in this node's memory (in-function)";
        registry.register("owned_sessions", help, self.owned.clone());
        let help = "Bytes of gossip, by direction";
        registry.register_with_unit("gossip", help, Unit::Bytes, self.gossip_bytes.clone());
        let help = "Nodes that gossip knows of, this one among them, by presence";
        registry.register("members", help, self.members.clone());
        let help = "Sessions that this node keeps, of tenants that have a quota here";
        registry.register("tenant_sessions", help, self.tenant_sessions.clone());
        let help = "Bytes of the states that this node keeps, of tenants that have a quota here";
        registry.register_with_unit("tenant_state", help, Unit::Bytes, self.tenant_bytes.clone());
        let help = "Spans of traces, by whether the receiver took them";
        registry.register("spans", help, self.spans.0.clone());
        let help = "Sessions that this node has sent to a better one, by cause";
        registry.register("migrations", help, self.migrations.clone());
        let help = "Decisions that came faster than the log could be written";
        registry.register("decisions_lost", help, self.decisions_lost.clone());
    }

    /// What counts a tenant's invocations.
    pub(crate) fn of(&self, tenant: &TenantName) -> &OfTenant {
        self.tenants.get(tenant).unwrap_or(&self.others)
    }

    /// What counts the spans of traces.
    pub(crate) fn spans(&self) -> Spans {
        self.spans.clone()
    }

    pub(crate) fn answered(&self, status: u16, seconds: f64) {
        self.answers.get_or_create(&AnswerLabel { status }).inc();
        self.seconds.observe(seconds);
    }

    pub(crate) fn failed_over(&self) {
        self.failovers.inc();
    }

    pub(crate) fn migrated(&self, cause: &'static str) {
        self.migrations.get_or_create(&CauseLabel { cause }).inc();
    }

    pub(crate) fn session_moved(&self, from: ExecutionModel, to: ExecutionModel, pause: Duration) {
        let label = MoveLabel {
            from: from.name(),
            to: to.name(),
        };
        self.moves.get_or_create(&label).observe(pause.as_secs_f64());
    }

    /// What gossip has come to, and the nodes that it knows of.
    pub(crate) fn gossip(&self, gossiped: Gossiped, members: &[Member]) {
        for (direction, bytes) in [("sent", gossiped.sent), ("received", gossiped.received)] {
            is(
                &self.gossip_bytes.get_or_create(&DirectionLabel { direction }),
                bytes,
            );
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
    pub(crate) fn text(&self, owned: usize, peers: &BTreeMap<NodeName, Traffic>) -> String {
        self.owned.set(i64::try_from(owned).unwrap_or(i64::MAX));
        for (peer, traffic) in peers {
            self.say_traffic(peer, traffic);
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

    /// What the transport counts.
    fn say_traffic(&self, peer: &NodeName, traffic: &Traffic) {
        for (direction, bytes) in [("sent", traffic.sent), ("received", traffic.received)] {
            let peer = peer.to_string();
            is(&self.peers.get_or_create(&PeerLabel { peer, direction }), bytes);
        }
        for (model, carried) in ExecutionModel::PAPER.iter().zip(&traffic.models) {
            for (direction, bytes) in [("sent", carried.sent), ("received", carried.received)] {
                let label = LinkLabel {
                    peer: peer.to_string(),
                    model: model.name(),
                    direction,
                };
                is(&self.links.get_or_create(&label), bytes);
            }
        }
    }
}

/// What others count.
fn is(counter: &Counter, bytes: Bytes) {
    counter.inner().store(bytes.0, Ordering::Relaxed);
}
