//! How a dispatcher chooses, where there is no time.

use std::collections::BTreeMap;

use fogline_core::policy::{
    CountedStates, Demand, LoadNet, Placement, PlacementPolicy, Situation, WorkerIndex, local_first,
};
use fogline_core::record::Replication;
use fogline_workload::random::Stream;

use super::draw::Draw;
use super::finder::Finder;
use super::world::World;
use crate::purpose;

/// A placement policy, and what the switches make of it.
#[derive(Clone, Copy, Debug)]
pub struct Policy {
    /// Which.
    pub placement: Placement,
    load_net: LoadNet,
}

impl Policy {
    /// A policy; `states` are those that load-net takes into account.
    #[must_use]
    pub fn new(placement: Placement, states: CountedStates) -> Self {
        Self {
            placement,
            load_net: LoadNet { states },
        }
    }

    /// The transfers that count.
    #[must_use]
    pub fn costs(&self) -> &dyn PlacementPolicy {
        match self.placement {
            Placement::LoadNet | Placement::LocalFirst => &self.load_net,
            other => other.costs(),
        }
    }
}

/// The turns of a replication: by the worker that counts them, and function.
pub(super) type Turns = BTreeMap<(WorkerIndex, u16), u64>;

/// The dispatcher that places the steps of one job: the worker that the client's requests enter the network by.
#[derive(Debug)]
pub(super) struct Dispatcher<'a> {
    placement: Placement,
    replication: Replication,
    random: Stream,
    /// The client.
    pub(super) client: usize,
    /// Which worker it is.
    pub(super) at: WorkerIndex,
    turns: &'a mut Turns,
}

impl<'a> Dispatcher<'a> {
    pub(super) fn new(world: &World, policy: &Policy, draw: &Draw, job: u32, turns: &'a mut Turns) -> Self {
        let client = draw.clients[job as usize] as usize;
        Self {
            placement: policy.placement,
            replication: draw.replication,
            random: stream(draw.replication, job.into(), purpose::POLICY),
            client,
            at: world.entries[client],
            turns,
        }
    }

    /// The worker for an invocation of a function; `None` if none can run it.
    pub(super) fn choose(
        &mut self,
        world: &World,
        function: u16,
        demand: &Demand<'_>,
        finder: &mut Finder<'_>,
    ) -> Option<WorkerIndex> {
        let mut situation = Situation::default();
        match self.placement {
            Placement::Load | Placement::LoadNet | Placement::ModelAware | Placement::LeastImpedance => {
                return finder.best(demand).map(|choice| choice.worker);
            }
            Placement::PowerOfTwoChoices | Placement::WeightedRandom => {
                situation.draw = self.random.next_u64();
            }
            Placement::RoundRobin => {
                let first = || {
                    let entity = u64::from(self.at.0) << 16 | u64::from(function);
                    stream(self.replication, entity, purpose::TURN).next_u64()
                };
                let turn = self.turns.entry((self.at, function)).or_insert_with(first);
                situation.turn = *turn;
                *turn = turn.wrapping_add(1);
            }
            Placement::LocalFirst => {
                let here = self.at;
                let cores = world.network.node(world.workers.node(here)).cpu_millis / 1000;
                let cores = u32::try_from(cores).unwrap_or(u32::MAX).max(1);
                let waiting = finder.workers().seen(here).saturating_sub(cores);
                situation.here = Some(here.0 as usize);
                situation.long = local_first::is_long(waiting, cores);
            }
        }
        let at = self.placement.choose(finder.scores(demand), situation)?;
        Some(WorkerIndex(at as u32))
    }
}

fn stream(of: Replication, entity: u64, purpose: u32) -> Stream {
    Stream::new(of.seed, of.topology.into(), entity, purpose)
}
