//! What a node knows of the others: from the map, from what they say, and from what it has sent them itself.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use super::map::Map;
use super::request::Request;
use super::service::Service;
use super::standing::Standing;
use crate::model::{AppName, BitRate, Bytes, NodeName, Seconds, TenantName};
use crate::network::{Path, VertexId};
use crate::policy::{PathRow, local_first};
use crate::telemetry::{FunctionKey, Load, PathFigures, ServiceTime};

/// Functions of which something is kept. When there are more, all is learnt anew.
pub const MAX_FUNCTIONS: usize = 4096;
/// Entries of all path rows together, as in the simulator: 2^17 pairs of paths are 4 MiB.
const MAX_PATHS: usize = 1 << 17;

/// A dispatcher's view of the nodes that run functions, in the order of [`Map::machines`]. All of it may be out of
/// date, except for what this node has itself sent and not heard of.
///
/// Times are read off the caller's monotonic clock, from any origin, the same in all calls.
#[derive(Debug)]
pub struct View {
    pub(super) map: Arc<Map>,
    pub(super) here: VertexId,
    pub(super) local: Option<usize>,
    pub(super) nodes: Vec<Seen>,
    /// By machine: what [`Seen::backlog`] says.
    pub(super) backlogs: Vec<f64>,
    /// By machine: free memory in bytes, none for those that are not to be sent anything.
    pub(super) free: Vec<u64>,
    /// By machine: the same number for machines that compute alike.
    pub(super) classes: Vec<u32>,
    pub(super) services: BTreeMap<FunctionKey, Service>,
    pub(super) rows: BTreeMap<VertexId, PathRow>,
    pub(super) room: super::choose::Room,
}

/// What is known of one node.
#[derive(Clone, Debug)]
pub(super) struct Seen {
    pub(super) standing: Standing,
    /// Executions there that this node did not send.
    others: u32,
    /// Executions that this node has sent there and not heard of.
    sent: u32,
    pub(super) slots: u32,
    pub(super) free_memory: Option<Bytes>,
    /// When it last said something.
    pub(super) heard: Option<Duration>,
    /// What this node has measured on the way to it.
    measured: PathFigures,
    /// What it says that it has measured on its way to others.
    told: BTreeMap<NodeName, PathFigures>,
}

impl Seen {
    /// Executions there, at work or waiting.
    pub(super) fn pending(&self) -> u32 {
        self.others.saturating_add(self.sent)
    }

    /// Whether its queue is long in the eyes of local-first.
    pub(super) fn is_long(&self) -> bool {
        local_first::is_long(self.pending().saturating_sub(self.slots), self.slots)
    }

    /// What one more execution waits for, in times of one execution: as many as are in its way, over the slots that
    /// work them off.
    pub(super) fn backlog(&self) -> f64 {
        backlog(self.pending(), self.slots)
    }
}

/// The wait for a slot in times of one execution, where so many executions are at work or waiting.
pub(super) fn backlog(pending: u32, slots: u32) -> f64 {
    let slots = f64::from(slots.max(1));
    (f64::from(pending) + 1.0 - slots).max(0.0) / slots
}

impl View {
    /// A view in which nothing is known but the map. `here` is where this node's clients enter the network.
    #[must_use]
    pub fn new(map: Arc<Map>, here: VertexId) -> Self {
        let machines = map.machines();
        let nodes: Vec<Seen> = machines
            .iter()
            .map(|machine| Seen {
                standing: Standing::Up,
                others: 0,
                sent: 0,
                slots: u32::try_from(machine.node.cpu_millis / 1000)
                    .unwrap_or(u32::MAX)
                    .max(1),
                free_memory: None,
                heard: None,
                measured: PathFigures::default(),
                told: BTreeMap::new(),
            })
            .collect();
        let mut kinds = BTreeMap::new();
        let classes = machines
            .iter()
            .map(|machine| {
                let next = kinds.len() as u32;
                *kinds
                    .entry((&machine.node.model, machine.node.cpu_millis))
                    .or_insert(next)
            })
            .collect();
        Self {
            local: machines.iter().position(|machine| machine.at == here),
            backlogs: nodes.iter().map(Seen::backlog).collect(),
            free: vec![u64::MAX; nodes.len()],
            nodes,
            classes,
            services: BTreeMap::new(),
            rows: BTreeMap::new(),
            room: super::choose::Room::default(),
            map,
            here,
        }
    }

    /// Goes on with another map: what is known of nodes that are on both stays known.
    pub fn redraw(&mut self, map: Arc<Map>, here: VertexId) {
        let mut next = Self::new(map, here);
        let machines = next.map.machines();
        let before: Vec<Option<usize>> = machines
            .iter()
            .map(|machine| self.position(&machine.name))
            .collect();
        for (seen, from) in next.nodes.iter_mut().zip(&before) {
            if let Some(from) = from {
                let slots = seen.slots;
                seen.clone_from(&self.nodes[*from]);
                if seen.heard.is_none() {
                    seen.slots = slots;
                }
            }
        }
        for at in 0..next.nodes.len() {
            next.refresh(at);
        }
        for service in self.services.values_mut() {
            service.redraw(next.map.machines(), &before, &next.classes);
        }
        next.services = std::mem::take(&mut self.services);
        *self = next;
    }

    /// The map.
    #[must_use]
    pub fn map(&self) -> &Map {
        &self.map
    }

    /// Where this node's clients enter the network.
    #[must_use]
    pub fn here(&self) -> VertexId {
        self.here
    }

    /// This node sent an execution there.
    pub fn sent(&mut self, node: &NodeName) {
        self.change(node, |seen| seen.sent = seen.sent.saturating_add(1));
    }

    /// This node heard of an execution that it had sent there, or gave it up.
    pub fn heard_of(&mut self, node: &NodeName) {
        self.change(node, |seen| seen.sent = seen.sent.saturating_sub(1));
    }

    /// A node says how it is. What it counts includes what this node has sent it, which is taken off: that is known
    /// better here.
    pub fn tell(
        &mut self,
        node: &NodeName,
        load: &Load,
        services: &BTreeMap<FunctionKey, ServiceTime>,
        now: Duration,
    ) {
        self.change(node, |seen| {
            let all = load.running.saturating_add(load.queued);
            seen.others = all.saturating_sub(seen.sent);
            seen.slots = load.slots.max(1);
            seen.free_memory = Some(load.free_memory);
            seen.heard = Some(now);
        });
        let Some(at) = self.position(node) else { return };
        for (key, told) in services {
            if let Some(service) = self.services.get_mut(key) {
                service.told(at, &self.classes, told.mean.as_secs_f64(), now);
            }
        }
    }

    /// Whether a node is sent anything.
    pub fn stand(&mut self, node: &NodeName, standing: Standing) {
        self.change(node, |seen| seen.standing = standing);
    }

    /// Whether a node runs functions and is sent something.
    #[must_use]
    pub fn is_up(&self, node: &NodeName) -> bool {
        let at = self.position(node);
        at.is_some_and(|at| self.nodes[at].standing == Standing::Up)
    }

    /// The round-trip time to a node, and the rate if it is known, as measured: from now on they stand for the way
    /// from here to there, in place of what the map says.
    pub fn measured(&mut self, node: &NodeName, rtt: Duration, rate: Option<BitRate>) {
        let Some(at) = self.position(node) else { return };
        self.nodes[at].measured = PathFigures { rtt: Some(rtt), rate };
        self.renew_paths(at);
    }

    /// A node says what it has measured on its way to others: that stands for the ways between them, in place of what
    /// the map says.
    pub fn told_paths(&mut self, node: &NodeName, told: &BTreeMap<NodeName, PathFigures>) {
        let Some(at) = self.position(node) else { return };
        if self.nodes[at].told != *told {
            self.nodes[at].told.clone_from(told);
            self.renew_paths(at);
        }
    }

    fn renew_paths(&mut self, at: usize) {
        let peers: Vec<VertexId> = self.rows.keys().copied().collect();
        for peer in peers {
            let paths = self.paths(peer, at);
            if let Some(row) = self.rows.get_mut(&peer) {
                row.set(at, paths);
            }
        }
    }

    /// An execution on a node took so long.
    pub fn executed(&mut self, node: &NodeName, key: &FunctionKey, took: Duration, now: Duration) {
        if let (Some(at), Some(service)) = (self.position(node), self.services.get_mut(key)) {
            service.executed(at, &self.classes, took.as_secs_f64(), now);
        }
    }

    /// An answer came from a node after so long, with all that lies between.
    pub fn answered(&mut self, node: &NodeName, key: &FunctionKey, took: Duration, now: Duration) {
        if let (Some(at), Some(service)) = (self.position(node), self.services.get_mut(key)) {
            service.answers[at].add(took.as_secs_f64(), now);
        }
    }

    /// The turn of a function's next invocation, for [`Request::turn`]. `first` is random bits, where the turns begin:
    /// not all nodes should begin with the same one.
    pub fn next_turn(&mut self, key: &FunctionKey, first: u64) -> u64 {
        let Some(service) = self.services.get_mut(key) else {
            return first;
        };
        let turn = service.next_turn.unwrap_or(first);
        service.next_turn = Some(turn.wrapping_add(1));
        turn
    }

    /// What [`Self::next_turn`] will give.
    #[must_use]
    pub fn coming_turn(&self, key: &FunctionKey, first: u64) -> u64 {
        let service = self.services.get(key);
        service.and_then(|service| service.next_turn).unwrap_or(first)
    }

    /// An application is gone.
    pub fn forget(&mut self, tenant: &TenantName, app: &AppName) {
        let other = |key: &FunctionKey| (&key.tenant, &key.app) != (tenant, app);
        self.services.retain(|key, _| other(key));
    }

    /// Executions that this node has sent to a node and not heard of.
    #[must_use]
    pub fn unheard(&self, node: &NodeName) -> u32 {
        self.position(node).map_or(0, |at| self.nodes[at].sent)
    }

    fn change(&mut self, node: &NodeName, change: impl FnOnce(&mut Seen)) {
        let Some(at) = self.position(node) else { return };
        change(&mut self.nodes[at]);
        self.refresh(at);
    }

    fn refresh(&mut self, at: usize) {
        let seen = &self.nodes[at];
        self.backlogs[at] = seen.backlog();
        let memory = seen.free_memory.map_or(u64::MAX, |free| free.0);
        self.free[at] = if seen.standing == Standing::Up { memory } else { 0 };
    }

    fn position(&self, node: &NodeName) -> Option<usize> {
        let machines = self.map.machines();
        machines.binary_search_by(|machine| machine.name.cmp(node)).ok()
    }

    /// Sees to it that what is known of a request's function is there.
    pub(super) fn prepare(&mut self, request: &Request<'_>) -> Option<()> {
        if self
            .services
            .get(request.key)
            .is_some_and(|service| service.fits(request))
        {
            return Some(());
        }
        if self.services.len() >= MAX_FUNCTIONS {
            self.services.clear();
        }
        let service = Service::new(self.map.machines(), request)?;
        self.services.insert(request.key.clone(), service);
        Some(())
    }

    /// Sees to it that the paths between a place and all machines are there.
    pub(super) fn prepare_row(&mut self, peer: VertexId) {
        if self.rows.contains_key(&peer) {
            return;
        }
        let machines = self.map.machines();
        if (self.rows.len() + 1) * machines.len() > MAX_PATHS {
            self.rows.clear();
        }
        let row = (0..machines.len()).map(|at| self.paths(peer, at)).collect();
        self.rows.insert(peer, row);
    }

    /// From a place to a machine, and back: as measured from either end, or as the map says.
    pub(super) fn paths(&self, peer: VertexId, at: usize) -> (Path, Path) {
        let (routes, place) = (self.map.routes(), self.map.machines()[at].at);
        let mapped = (routes.path(peer, place), routes.path(place, peer));
        let measured = if peer == self.here {
            self.nodes[at].measured
        } else {
            let name = self.map.network().vertex(peer).name.parse().ok();
            let told = name.and_then(|name: NodeName| self.nodes[at].told.get(&name).copied());
            told.unwrap_or_default()
        };
        let Some(rtt) = measured.rtt else {
            return mapped;
        };
        let path = |mapped: Path| Path {
            latency: Seconds(rtt.as_secs_f64() / 2.0),
            seconds_per_byte: measured
                .rate
                .map_or(mapped.seconds_per_byte, BitRate::seconds_per_byte),
            links: mapped.links,
        };
        (path(mapped.0), path(mapped.1))
    }
}
