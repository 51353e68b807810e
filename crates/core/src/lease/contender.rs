//! The side that ends the life of a node that is silent.

use std::time::Duration;

use super::record::{LeaseAction, LeaseEvent, LeaseRecord, TERM};
use crate::model::Incarnation;

/// A look at the lease of another node, to end it when it is silent. Its owner drops it when the node answers
/// again.
#[derive(Debug)]
pub struct Contender {
    incarnation: Incarnation,
    phase: Phase,
}

#[derive(Debug)]
enum Phase {
    Reading(Option<Seen>),
    Waiting(Seen),
    /// Asked to replace what was seen.
    Swapping(Seen),
    Over,
}

/// What stood there, without a change as far as we know, since this time of ours.
#[derive(Clone, Debug)]
struct Seen {
    record: LeaseRecord,
    /// Whether a record was there at all.
    there: bool,
    since: Duration,
}

impl Contender {
    /// For this life of a node.
    #[must_use]
    pub fn new(incarnation: Incarnation) -> Self {
        Self {
            incarnation,
            phase: Phase::Reading(None),
        }
    }

    /// What to do next. The first event is [`LeaseEvent::Wake`]; after [`LeaseAction::Over`] nothing follows.
    pub fn on(&mut self, event: LeaseEvent, now: Duration) -> Vec<LeaseAction> {
        match (std::mem::replace(&mut self.phase, Phase::Over), event) {
            (Phase::Over, _) => Vec::new(),
            (Phase::Swapping(_), LeaseEvent::Swapped) => vec![LeaseAction::Over],
            (Phase::Reading(seen), LeaseEvent::Stands(stands)) => self.look(stands, seen, now),
            (Phase::Swapping(seen), LeaseEvent::Stands(stands)) => self.look(stands, Some(seen), now),
            (Phase::Reading(seen), LeaseEvent::Wake) => {
                self.phase = Phase::Reading(seen);
                vec![LeaseAction::Read]
            }
            (Phase::Waiting(seen), LeaseEvent::Wake) => self.wait_or_swap(seen, now),
            (Phase::Reading(seen), LeaseEvent::Unanswered) => self.read_later(seen, now),
            (Phase::Swapping(seen), LeaseEvent::Unanswered) => self.read_later(Some(seen), now),
            (phase, _) => {
                self.phase = phase;
                Vec::new()
            }
        }
    }

    fn look(&mut self, stands: Option<LeaseRecord>, seen: Option<Seen>, now: Duration) -> Vec<LeaseAction> {
        if stands
            .as_ref()
            .is_some_and(|record| record.is_over(self.incarnation))
        {
            return vec![LeaseAction::Over];
        }
        let there = stands.is_some();
        // Where nothing stands, the store has lost the record (it was restored, say); its holder may not know
        // yet.
        let record = stands.unwrap_or(LeaseRecord {
            incarnation: self.incarnation,
            counter: 0,
            term: TERM,
            alive: true,
        });
        // When it was read, its counter may have stood for long; that is not known, so the time counts from
        // now.
        let since = match seen {
            Some(seen) if (&seen.record, seen.there) == (&record, there) => seen.since,
            _ => now,
        };
        self.wait_or_swap(Seen { record, there, since }, now)
    }

    fn wait_or_swap(&mut self, seen: Seen, now: Duration) -> Vec<LeaseAction> {
        let until = seen.since + seen.record.patience();
        if now < until {
            self.phase = Phase::Waiting(seen);
            return vec![LeaseAction::WakeAt(until)];
        }
        let new = seen.record.next(false);
        // The swap itself makes sure that the counter still stands, so it is not read again before.
        let expect = seen.there.then(|| seen.record.clone());
        self.phase = Phase::Swapping(seen);
        vec![LeaseAction::Swap { expect, new }]
    }

    fn read_later(&mut self, seen: Option<Seen>, now: Duration) -> Vec<LeaseAction> {
        let term = seen.as_ref().map_or(TERM, |seen| seen.record.term);
        self.phase = Phase::Reading(seen);
        vec![LeaseAction::WakeAt(now + term / 16)]
    }
}
