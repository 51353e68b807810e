//! The other nodes: a list that was given, or whoever gossip finds.

mod describe;
mod gossip;
mod machine;
mod news;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use fogline_core::dispatch::Map;
use fogline_core::estimate::ServiceTimes;
use fogline_core::model::NodeName;
use fogline_core::telemetry::{FunctionKey, ServiceTime};
use fogline_membership::Member;
pub use fogline_membership::{Detector, Pace};
use tokio::sync::watch;

pub(crate) use describe::describe;
pub use gossip::{Gossip, GossipError};
pub(crate) use gossip::{Life, take_part};
pub use machine::memory;

/// How a node knows the others.
pub enum Others {
    /// They are these, on a map that does not change.
    Listed(Vec<NodeName>, Arc<Map>),
    /// Gossip finds them.
    Gossip(Box<Gossip>),
}

/// The other nodes, as far as this one knows.
pub(crate) struct Members {
    who: Who,
    services: Mutex<ServiceTimes>,
    /// What times of executions count from.
    origin: Instant,
}

enum Who {
    Listed(Vec<NodeName>),
    Found(watch::Sender<Arc<[Member]>>),
}

impl Members {
    pub(crate) fn listed(names: Vec<NodeName>) -> Self {
        Self::of(Who::Listed(names))
    }

    pub(crate) fn found(first: Arc<[Member]>) -> Self {
        Self::of(Who::Found(watch::Sender::new(first)))
    }

    fn of(who: Who) -> Self {
        Self {
            who,
            services: Mutex::default(),
            origin: Instant::now(),
        }
    }

    /// Their names, and this node's own if gossip knows it; also of those that are away.
    pub(crate) fn names(&self) -> Vec<NodeName> {
        match &self.who {
            Who::Listed(names) => names.clone(),
            Who::Found(members) => members
                .borrow()
                .iter()
                .map(|member| member.name.clone())
                .collect(),
        }
    }

    /// What gossip knows of them; `None` if they are listed.
    pub(crate) fn seen(&self) -> Option<Arc<[Member]>> {
        match &self.who {
            Who::Listed(_) => None,
            Who::Found(members) => Some(Arc::clone(&members.borrow())),
        }
    }

    /// Waits until so many nodes are here, this one among them; at once where they are listed.
    pub(crate) async fn come(&self, count: usize) {
        if let Who::Found(members) = &self.who {
            let are_here =
                |members: &Arc<[Member]>| members.iter().filter(|member| member.is_alive()).count() >= count;
            // It ends with the node only, which has it.
            let _ = members.subscribe().wait_for(are_here).await;
        }
    }

    fn show(&self, seen: &Arc<[Member]>) {
        if let Who::Found(members) = &self.who {
            members.send_replace(Arc::clone(seen));
        }
    }

    /// Takes up how long an execution on this node took, for the others to know.
    pub(crate) fn executed(&self, function: &FunctionKey, took: Duration) {
        let mut services = self.services.lock().unwrap_or_else(PoisonError::into_inner);
        services.learn(function, took, self.origin.elapsed());
    }

    fn services(&self) -> BTreeMap<FunctionKey, ServiceTime> {
        let services = self.services.lock().unwrap_or_else(PoisonError::into_inner);
        services.figures(self.origin.elapsed())
    }
}
