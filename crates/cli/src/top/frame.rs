//! What is shown, made of what nodes said at two times.

use std::collections::BTreeMap;

use fogline_core::model::{ExecutionModel, NodeName};
use fogline_protocol::api::{NodeInfo, Presence};
use serde::Serialize;

use super::gather::Seen;
use super::scrape::Between;

/// A network, now. Rates are over the time since the last frame.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub(crate) struct Frame {
    /// Seconds since the last frame; 0 for the first, which has no rates.
    pub(crate) over_s: f64,
    /// The nodes, by name.
    pub(crate) nodes: Vec<NodeRow>,
    /// What has been measured between two nodes, or passed.
    pub(crate) links: Vec<LinkRow>,
    /// What happened under each model, on all nodes.
    pub(crate) models: Vec<ModelRow>,
    /// The tenant's sessions.
    pub(crate) sessions: Sessions,
}

/// A node.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct NodeRow {
    pub(crate) name: NodeName,
    pub(crate) presence: Presence,
    /// Whether it is being emptied.
    pub(crate) draining: bool,
    /// Executions under way, that wait, and that may be under way at once.
    pub(crate) running: u32,
    pub(crate) queued: u32,
    pub(crate) slots: u32,
    /// Processor time in use, in thousandths.
    pub(crate) busy_permille: u16,
    /// Parts of sessions that are kept there, of those that were counted.
    pub(crate) sessions: usize,
    /// `None` for a node that does not answer.
    pub(crate) activity: Option<Activity>,
}

/// What a node does.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub(crate) struct Activity {
    pub(crate) requests_per_s: f64,
    /// Answers with a status of 500 and above.
    pub(crate) failures_per_s: f64,
    pub(crate) executions_per_s: f64,
    pub(crate) coldstarts_per_s: f64,
    /// Sessions that moved, by conversion or migration.
    pub(crate) moves_per_s: f64,
    /// From a request's head to its answer's; `None` if there was none.
    pub(crate) p50_ms: Option<f64>,
    pub(crate) p99_ms: Option<f64>,
    /// How long executions waited for a slot.
    pub(crate) queue_p99_ms: Option<f64>,
}

/// Two nodes that exchange something.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct LinkRow {
    pub(crate) from: NodeName,
    pub(crate) to: NodeName,
    /// A short message there and back, as measured.
    pub(crate) rtt_ms: Option<f64>,
    /// In both directions.
    pub(crate) bytes_per_s: f64,
}

/// An execution model.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct ModelRow {
    pub(crate) model: ExecutionModel,
    pub(crate) sessions: usize,
    pub(crate) commits_per_s: f64,
    pub(crate) conflicts_per_s: f64,
    /// Bytes of states that were read or carried for executions.
    pub(crate) moved_bytes_per_s: f64,
}

/// Sessions of the tenant.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Sessions {
    /// How many were counted.
    pub(crate) counted: usize,
    /// Whether there are more.
    pub(crate) more: bool,
}

impl Frame {
    /// What there is now, and what has happened since `before`.
    pub(super) fn new(before: Option<&Seen>, now: &Seen) -> Self {
        let over_s = before.map_or(0.0, |before| now.at.duration_since(before.at).as_secs_f64());
        let between: BTreeMap<&NodeName, Between> = now
            .views
            .iter()
            .map(|(name, (scrape, _))| {
                let before = before.and_then(|before| before.views.get(name));
                let between = Between {
                    // A node that is seen for the first time has done nothing yet, as far as is known.
                    before: before.map_or_else(|| scrape.clone(), |(scrape, _)| scrape.clone()),
                    now: scrape.clone(),
                    over: over_s.max(f64::MIN_POSITIVE),
                };
                (name, between)
            })
            .collect();
        Self {
            over_s,
            nodes: now
                .nodes
                .iter()
                .map(|node| row(node, now, between.get(&node.name)))
                .collect(),
            links: links(now, &between),
            models: ExecutionModel::PAPER
                .map(|model| of_model(model, now, &between))
                .into(),
            sessions: Sessions {
                counted: now.sessions.len(),
                more: now.more_sessions,
            },
        }
    }
}

fn row(node: &NodeInfo, now: &Seen, between: Option<&Between>) -> NodeRow {
    let said = node.telemetry.as_ref();
    let parts = now.sessions.iter().flat_map(|session| &session.parts);
    NodeRow {
        name: node.name.clone(),
        presence: node.presence,
        draining: said.is_some_and(|said| said.draining),
        running: said.map_or(0, |said| said.running),
        queued: said.map_or(0, |said| said.queued),
        slots: said.map_or(0, |said| said.slots),
        busy_permille: said.map_or(0, |said| said.busy_permille),
        sessions: parts
            .filter(|part| part.node.as_ref() == Some(&node.name))
            .count(),
        activity: between.map(activity),
    }
}

fn activity(between: &Between) -> Activity {
    let ms = |name, share| between.quantile(name, share).map(|seconds| seconds * 1e3);
    Activity {
        requests_per_s: between.rate("fogline_requests_total"),
        failures_per_s: between.rate_where("fogline_requests_total", "status", "5"),
        executions_per_s: between.rate("faas_invocations_total") + between.rate("faas_errors_total"),
        coldstarts_per_s: between.rate("faas_coldstarts_total"),
        moves_per_s: between.rate("fogline_move_pause_seconds_count"),
        p50_ms: ms("fogline_request_seconds", 0.5),
        p99_ms: ms("fogline_request_seconds", 0.99),
        queue_p99_ms: ms("fogline_queue_wait_seconds", 0.99),
    }
}

/// Each pair of nodes once.
fn links(now: &Seen, between: &BTreeMap<&NodeName, Between>) -> Vec<LinkRow> {
    let mut links: BTreeMap<(NodeName, NodeName), LinkRow> = BTreeMap::new();
    let mut link = |one: &NodeName, other: &NodeName, bytes_per_s: f64, rtt_ms: Option<f64>| {
        let (from, to) = if one < other { (one, other) } else { (other, one) };
        let row = links
            .entry((from.clone(), to.clone()))
            .or_insert_with(|| LinkRow {
                from: from.clone(),
                to: to.clone(),
                rtt_ms: None,
                bytes_per_s: 0.0,
            });
        // Both ends count what passes, and one of them may not answer.
        row.bytes_per_s = row.bytes_per_s.max(bytes_per_s);
        row.rtt_ms = rtt_ms.or(row.rtt_ms);
    };
    for (name, (_, nodes)) in &now.views {
        for other in nodes.iter().filter(|other| other.name != *name) {
            if let Some(rtt_us) = other.rtt_us {
                link(name, &other.name, 0.0, Some(rtt_us as f64 / 1e3));
            }
        }
        let rates = between[name].rates("fogline_peer_traffic_bytes_total", "peer");
        for (peer, rate) in rates {
            if let (Ok(peer), true) = (peer.parse(), rate > 0.0) {
                link(name, &peer, rate, None);
            }
        }
    }
    links.into_values().collect()
}

fn of_model(model: ExecutionModel, now: &Seen, between: &BTreeMap<&NodeName, Between>) -> ModelRow {
    let rate = |name: &str| -> f64 {
        let of_node = |between: &Between| between.rate_where(name, "model", model.name());
        between.values().map(of_node).sum()
    };
    let is_primary = |session: &&fogline_protocol::api::Session| {
        session.parts.first().is_some_and(|part| part.model == model)
    };
    ModelRow {
        model,
        sessions: now.sessions.iter().filter(is_primary).count(),
        commits_per_s: rate("fogline_commits_total"),
        conflicts_per_s: rate("fogline_conflicts_total"),
        moved_bytes_per_s: rate("fogline_state_moved_bytes_total"),
    }
}
