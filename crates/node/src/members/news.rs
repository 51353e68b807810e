//! What a node does about what gossip brings.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use fogline_core::dispatch::{Map, Standing};
use fogline_core::model::NodeName;
use fogline_core::network::Node as Machine;
use fogline_membership::Member;
use tokio::time::Instant;

use super::gossip::Life;
use crate::node::Node;
use crate::peers::Endpoint;

/// What was taken up so far.
pub(super) struct News {
    endpoint: Endpoint,
    /// This node, before gossip has told what it is.
    itself: (NodeName, Machine),
    /// The node that keeps external state.
    cloud: Option<NodeName>,
    machines: BTreeMap<NodeName, Machine>,
    /// Whether the map is drawn by what the nodes say of themselves.
    draws: bool,
    issuers: BTreeSet<NodeName>,
    /// When the telemetry that was taken up had come.
    heard: BTreeMap<NodeName, Instant>,
}

impl News {
    pub(super) fn new(life: &Life) -> Self {
        Self {
            endpoint: life.endpoint.clone(),
            itself: (life.name.clone(), life.gossip.capabilities.machine()),
            cloud: life.cloud.clone(),
            machines: BTreeMap::new(),
            draws: life.gossip.map.is_none(),
            issuers: BTreeSet::new(),
            heard: BTreeMap::new(),
        }
    }

    /// Takes up how the members are now.
    pub(super) fn take(&mut self, node: &Node, members: &Arc<[Member]>) {
        self.addresses(node, members);
        if self.draws {
            self.machines(node, members);
        }
        for member in members.iter() {
            if member.name != node.name {
                node.dispatcher.stand(&member.name, standing(member));
            }
            let before = self.heard.insert(member.name.clone(), member.heard);
            let new = before != Some(member.heard);
            if let Some(telemetry) = member.telemetry.as_deref().filter(|_| new) {
                node.dispatcher.tell(&member.name, telemetry);
            }
        }
        node.members.show(members);
    }

    /// Those that are away stay known: their sessions are asked for there, and nowhere else.
    fn addresses(&mut self, node: &Node, members: &[Member]) {
        let others = members.iter().filter(|member| member.name != node.name);
        for member in others {
            self.endpoint.know(&member.name, member.gossip);
        }
        let names: BTreeSet<&NodeName> = members.iter().map(|member| &member.name).collect();
        let gone: Vec<NodeName> = self
            .heard
            .keys()
            .filter(|name| !names.contains(name))
            .cloned()
            .collect();
        for name in gone {
            self.heard.remove(&name);
            self.endpoint.forget(&name);
        }
        let issuers: BTreeSet<NodeName> = members
            .iter()
            .filter(|member| member.is_alive())
            .filter(|member| {
                member
                    .telemetry
                    .as_ref()
                    .is_some_and(|told| told.capabilities.issuer)
            })
            .map(|member| member.name.clone())
            .collect();
        if issuers != self.issuers {
            self.endpoint.issued_by(issuers.clone());
            self.issuers = issuers;
        }
    }

    /// Draws the map anew when another node is on it, or one is something else than it was.
    fn machines(&mut self, node: &Node, members: &[Member]) {
        let mut machines: BTreeMap<NodeName, Machine> = members
            .iter()
            .filter_map(|member| {
                let telemetry = member.telemetry.as_ref()?;
                Some((member.name.clone(), telemetry.capabilities.machine()))
            })
            .collect();
        let (name, machine) = self.itself.clone();
        machines.entry(name).or_insert(machine);
        if machines == self.machines {
            return;
        }
        match Map::flat(&machines, self.cloud.as_ref()) {
            Ok(map) => match map.place_of(&node.name) {
                Some(here) => node.dispatcher.redraw(Arc::new(map), here),
                None => tracing::error!("the node is not on its own map"),
            },
            Err(error) => tracing::error!(%error, "no map of the members"),
        }
        self.machines = machines;
    }
}

/// Whether a node is to be sent anything, as gossip says.
fn standing(member: &Member) -> Standing {
    let draining = member.telemetry.as_ref().is_some_and(|told| told.load.draining);
    match member.is_alive() {
        false => Standing::Away,
        true if draining => Standing::Draining,
        true => Standing::Up,
    }
}
