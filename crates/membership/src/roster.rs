//! What a node makes of what chitchat knows.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use chitchat::{Chitchat, ChitchatId, NodeState};
use fogline_core::model::NodeName;
use tokio::time::Instant;

use crate::member::{Member, Presence};
use crate::options::Incarnation;
use crate::wire::Said;

/// The members, by name: of each the latest life.
#[derive(Debug)]
pub(crate) struct Roster {
    /// How long a suspicion must last. While a network starts, everyone speaks to the seeds, and news of them
    /// come many times in a moment; the mean learnt from that is too short for what follows, and the seeds are
    /// suspected. chitchat then begins to learn anew, and takes the suspicion back with the second news.
    confirm_after: Duration,
    entries: BTreeMap<NodeName, Entry>,
}

#[derive(Debug)]
struct Entry {
    member: Member,
    /// chitchat's version of what the node has said; what it says is read again only when that changes.
    version: u64,
    left: bool,
    /// Since when it is alive to this node, but no longer to chitchat.
    suspected: Option<Instant>,
}

impl Roster {
    pub(crate) fn new(confirm_after: Duration) -> Self {
        Self {
            confirm_after,
            entries: BTreeMap::new(),
        }
    }

    /// Looks again; says whether anything has changed.
    pub(crate) fn look(&mut self, chitchat: &Chitchat, now: Instant) -> bool {
        let alive: BTreeSet<&ChitchatId> = chitchat.live_nodes().collect();
        // In the order of names, then lives: the last of a name is its latest.
        let mut latest: BTreeMap<NodeName, &NodeState> = BTreeMap::new();
        for (id, state) in chitchat.node_states() {
            if let Ok(name) = id.node_id.parse() {
                latest.insert(name, state);
            }
        }
        let before = self.entries.len();
        self.entries.retain(|name, _| latest.contains_key(name));
        let mut changed = self.entries.len() != before;
        for (name, state) in latest {
            changed |= self.update(name, state, alive.contains(state.chitchat_id()), now);
        }
        changed
    }

    fn update(&mut self, name: NodeName, state: &NodeState, alive: bool, now: Instant) -> bool {
        let id = state.chitchat_id();
        let incarnation = Incarnation(id.generation_id);
        let known = self.entries.get_mut(&name);
        let Some(entry) = known.filter(|entry| {
            entry.member.incarnation == incarnation && entry.member.gossip == id.gossip_advertise_addr
        }) else {
            let said = Said::read(state.key_values());
            let member = Member {
                name: name.clone(),
                incarnation,
                gossip: id.gossip_advertise_addr,
                addresses: said.addresses,
                presence: presence(alive, said.left),
                since: now,
                telemetry: said.telemetry.map(Arc::new),
                heard: now,
            };
            let entry = Entry {
                member,
                version: state.max_version(),
                left: said.left,
                suspected: None,
            };
            self.entries.insert(name, entry);
            return true;
        };
        if alive {
            entry.suspected = None;
        }
        let mut changed = false;
        if entry.version != state.max_version() {
            entry.version = state.max_version();
            let said = Said::read(state.key_values());
            entry.left = said.left;
            entry.member.addresses = said.addresses;
            entry.member.telemetry = said.telemetry.map(Arc::new);
            entry.member.heard = now;
            changed = true;
        }
        let alive = alive || entry.is_only_suspected(self.confirm_after, now);
        let presence = presence(alive, entry.left);
        if entry.member.presence != presence {
            entry.member.presence = presence;
            entry.member.since = now;
            changed = true;
        }
        changed
    }

    /// The members, by name.
    pub(crate) fn members(&self) -> Vec<Member> {
        self.entries.values().map(|entry| entry.member.clone()).collect()
    }
}

impl Entry {
    /// Whether a node that was alive may still be, now that chitchat does not hear from it.
    fn is_only_suspected(&mut self, confirm_after: Duration, now: Instant) -> bool {
        let since = *self.suspected.get_or_insert(now);
        self.member.presence == Presence::Alive && now.duration_since(since) < confirm_after
    }
}

fn presence(alive: bool, left: bool) -> Presence {
    match (left, alive) {
        (true, _) => Presence::Left,
        (false, true) => Presence::Alive,
        (false, false) => Presence::Silent,
    }
}
