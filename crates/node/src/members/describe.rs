//! The nodes as this one sees them, for its API.

use std::time::Duration;

use fogline_core::model::NodeName;
use fogline_core::telemetry::Telemetry;
use fogline_membership::{Member, Presence};
use fogline_protocol::api;

use crate::node::Node;
use crate::peers::Endpoint;

/// This node and the others that it knows, by name.
pub(crate) fn describe(node: &Node) -> Vec<api::NodeInfo> {
    let paths = node.endpoint.as_ref().map(Endpoint::paths).unwrap_or_default();
    let mut nodes: Vec<api::NodeInfo> = match node.members.seen() {
        Some(members) => members.iter().map(of_member).collect(),
        None => listed(node),
    };
    for it in &mut nodes {
        let path = paths.get(&it.name).copied().unwrap_or_default();
        it.rtt_us = path.rtt.map(micros);
        // A float-to-integer cast saturates.
        it.rate_bps = path.rate.map(|rate| rate.0 as u64);
    }
    nodes
}

fn of_member(member: &Member) -> api::NodeInfo {
    api::NodeInfo {
        presence: match member.presence {
            Presence::Alive => api::Presence::Alive,
            Presence::Silent => api::Presence::Silent,
            Presence::Left => api::Presence::Left,
        },
        since_ms: Some(millis(member.since.elapsed())),
        http: member.addresses.http,
        peering: Some(member.gossip),
        telemetry: member.telemetry.as_deref().map(telemetry),
        ..unknown(member.name.clone())
    }
}

fn listed(node: &Node) -> Vec<api::NodeInfo> {
    let mut names = node.others();
    names.push(node.name.clone());
    names.sort();
    names.into_iter().map(unknown).collect()
}

fn unknown(name: NodeName) -> api::NodeInfo {
    api::NodeInfo {
        name,
        presence: api::Presence::Listed,
        since_ms: None,
        http: None,
        peering: None,
        telemetry: None,
        rtt_us: None,
        rate_bps: None,
    }
}

fn telemetry(told: &Telemetry) -> api::NodeTelemetry {
    let Telemetry {
        capabilities, load, ..
    } = told;
    api::NodeTelemetry {
        arch: capabilities.arch.clone(),
        capabilities: capabilities.labels.iter().cloned().collect(),
        functions: capabilities.functions,
        issuer: capabilities.issuer,
        draining: load.draining,
        queued: load.queued,
        running: load.running,
        slots: load.slots,
        busy_permille: load.busy_permille,
        free_memory: load.free_memory.0,
    }
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}
