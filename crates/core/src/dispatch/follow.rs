//! When a session under in-function is moved to another node: after its clients, or away from a node that has too much
//! to do.
//!
//! The owner of a session notes where its requests come in. It reckons what one of them takes, there and at every other
//! node, by the terms of the dispatcher ([`super::place`]), and moves the session if another node is better
//! - **by a margin**: what can be avoided at all is halved. Two nodes cannot each halve what the other one takes, and so
//!   no error of less than a factor of √2 either way makes a session flap;
//! - **so that it pays**: what the requests of half a minute save is twice what the move costs;
//! - **after a stay**: a session that has just come is not moved on;
//! - **at every look for a while**: what nodes say of their queues is of one moment, and the next may say otherwise.

use std::collections::BTreeMap;
use std::time::Duration;

use super::record::{Decision, Terms};
use crate::estimate::FadingMean;
use crate::model::{NodeName, Seconds};

/// A request counts half as much when it is so old: a client that goes elsewhere is believed after some seconds, one
/// that goes to and fro is not.
const HALF_LIFE: Duration = Duration::from_secs(2);
/// Over how long a move has to pay, as a half-life: about as long as a client is expected to stay.
const HORIZON: Duration = Duration::from_secs(20);
/// Shortest stay.
const STAY: Duration = Duration::from_secs(2);
/// How long some other node has to be better, at every look: some publications of telemetry.
const SURE: Duration = Duration::from_secs(2);
/// Requests that are needed to know anything.
const LEAST: f64 = 8.0;
/// Nodes where requests come in that are told apart; the one that was quiet longest goes first.
const MAX_ENTRIES: usize = 8;
/// What is saved, over what the move costs.
const PAYS: f64 = 2.0;
/// What moving costs at the least: two writes to a disk, during which requests wait.
const LEAST_COST: Seconds = Seconds(0.010);

/// Where the requests of one session come in, as its owner notes it.
///
/// Times are read off the caller's monotonic clock, from any origin, the same in all calls.
#[derive(Clone, Debug)]
pub struct Following {
    entries: BTreeMap<NodeName, FadingMean>,
    requests: FadingMean,
    since: Duration,
    /// Since when some other node has been better at every look.
    better_since: Option<Duration>,
}

/// Why a session is moved.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Cause {
    /// The other node is nearer to where the requests come in, or faster.
    Nearer,
    /// Requests wait for a slot here.
    Overloaded,
}

impl Cause {
    /// The name in metrics.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Nearer => "nearer",
            Self::Overloaded => "overloaded",
        }
    }
}

/// What one request of a session is reckoned to take at a node.
#[derive(Clone, Debug, PartialEq)]
pub struct Offer {
    /// The node.
    pub node: NodeName,
    /// What it takes there, as a mean over where requests come in.
    pub terms: Terms,
}

impl Following {
    /// Of a session that came to its owner now.
    #[must_use]
    pub fn new(now: Duration) -> Self {
        Self {
            entries: BTreeMap::new(),
            requests: FadingMean::new(HORIZON),
            since: now,
            better_since: None,
        }
    }

    /// A request came in at a node.
    pub fn asked(&mut self, entry: &NodeName, now: Duration) {
        self.requests.add(1.0, now);
        if let Some(seen) = self.entries.get_mut(entry) {
            seen.add(1.0, now);
            return;
        }
        if self.entries.len() >= MAX_ENTRIES {
            let quiet = self.entries.iter().min_by_key(|(_, seen)| seen.last());
            let quiet = quiet.map(|(node, _)| node.clone());
            quiet.map(|node| self.entries.remove(&node));
        }
        let mut seen = FadingMean::new(HALF_LIFE);
        seen.add(1.0, now);
        self.entries.insert(entry.clone(), seen);
    }

    /// Where requests come in, and how large a share of them; all shares together are 1.
    #[must_use]
    pub fn shares(&self, now: Duration) -> Vec<(NodeName, f64)> {
        let all: f64 = self.entries.values().map(|seen| seen.weight(now)).sum();
        let share = |(node, seen): (&NodeName, &FadingMean)| (node.clone(), seen.weight(now) / all);
        self.entries.iter().map(share).collect()
    }

    /// Whether enough is known, and the session has been here for long enough, to think of moving it.
    #[must_use]
    pub fn is_settled(&self, now: Duration) -> bool {
        now.saturating_sub(self.since) >= STAY && self.requests.weight(now) >= LEAST
    }

    /// Looks where a session should go from `at`, where moving it to a node costs `cost`; nowhere if it should stay.
    pub fn decide(
        &mut self,
        at: &NodeName,
        offers: &[Offer],
        cost: impl Fn(&NodeName) -> Seconds,
        now: Duration,
    ) -> Option<(NodeName, Cause)> {
        let Some(better) = self.better(at, offers, cost, now) else {
            self.better_since = None;
            return None;
        };
        let since = *self.better_since.get_or_insert(now);
        (now.saturating_sub(since) >= SURE).then_some(better)
    }

    /// The node that is better at this look.
    fn better(
        &self,
        at: &NodeName,
        offers: &[Offer],
        cost: impl Fn(&NodeName) -> Seconds,
        now: Duration,
    ) -> Option<(NodeName, Cause)> {
        if !self.is_settled(now) {
            return None;
        }
        let here = offers.iter().find(|offer| offer.node == *at)?.terms;
        let best = offers
            .iter()
            .min_by(|a, b| a.terms.total().total_cmp(&b.terms.total()))?;
        // The time to execute that no node can avoid is no reason to stay.
        let least = offers.iter().map(|offer| offer.terms.processing.0);
        let least = Seconds(least.fold(f64::INFINITY, f64::min));
        let avoidable = |terms: &Terms| terms.total() - least;
        if avoidable(&best.terms).0 * 2.0 > avoidable(&here).0 {
            return None;
        }
        let saving = here.total() - best.terms.total();
        let requests = self.requests.weight(now);
        if saving.0 * requests < PAYS * cost(&best.node).max(LEAST_COST).0 {
            return None;
        }
        let waits_less = here.queue - best.terms.queue;
        let cause = if waits_less.0 * 2.0 > saving.0 {
            Cause::Overloaded
        } else {
            Cause::Nearer
        };
        Some((best.node.clone(), cause))
    }
}

/// What nodes offer to a session, from the explanations of one of its requests by where it comes in, each with the share
/// of those that do. Nodes that are out offer nothing.
#[must_use]
pub fn offers(decisions: &[(f64, Decision)]) -> Vec<Offer> {
    let mut sums: BTreeMap<&NodeName, Terms> = BTreeMap::new();
    for (share, decision) in decisions {
        for candidate in decision.candidates.iter().filter(|it| it.excluded.is_none()) {
            let sum = sums.entry(&candidate.node).or_default();
            let of = candidate.terms;
            sum.queue += of.queue * *share;
            sum.processing += of.processing * *share;
            sum.arguments += of.arguments * *share;
            sum.results += of.results * *share;
            sum.states += of.states * *share;
        }
    }
    let offer = |(node, terms): (&NodeName, Terms)| Offer {
        node: node.clone(),
        terms,
    };
    sums.into_iter().map(offer).collect()
}
