//! The side that holds a lease.

use std::time::Duration;

use super::record::{LeaseAction, LeaseEvent, LeaseRecord};
use crate::model::Incarnation;

/// A node's hold on its own lease, for one life.
///
/// Times are those of one clock of the node, from any beginning; it never runs backwards and does not stop
/// while the machine is suspended.
#[derive(Debug)]
pub struct Holder {
    incarnation: Incarnation,
    term: Duration,
    /// The last of our records that is known to have stood, and when it was first sent.
    held: Option<(LeaseRecord, Duration)>,
    releasing: bool,
    phase: Phase,
}

#[derive(Debug)]
enum Phase {
    /// To be read, or being read.
    Reading,
    /// An earlier life of this node may still hold its term.
    Waiting {
        seen: LeaseRecord,
        until: Duration,
    },
    /// A swap is under way, or to be sent again.
    Swapping(Swap),
    /// The lease is held; the next renewal is due at a time that we asked to be woken at.
    Resting,
    Over,
}

#[derive(Clone, Debug)]
struct Swap {
    expect: Option<LeaseRecord>,
    new: LeaseRecord,
    /// When it was sent first: if an earlier sending has been carried out, contenders have counted from
    /// there.
    sent: Duration,
    /// Whether one sending of it had no answer.
    unanswered: bool,
}

impl Holder {
    /// A life that begins; `incarnation` must never have been used before.
    #[must_use]
    pub fn new(incarnation: Incarnation, term: Duration) -> Self {
        Self {
            incarnation,
            term,
            held: None,
            releasing: false,
            phase: Phase::Reading,
        }
    }

    /// The life in question.
    #[must_use]
    pub fn incarnation(&self) -> Incarnation {
        self.incarnation
    }

    /// Whether the lease is held at this moment. To be asked after the last access to the state that an
    /// answer rests on, and before the answer leaves (R1).
    #[must_use]
    pub fn holds(&self, now: Duration) -> bool {
        self.held_until().is_some_and(|until| now < until)
    }

    /// Until when the lease is held, as far as is known; `None` if it has never been held, was given up or
    /// was lost.
    #[must_use]
    pub fn held_until(&self) -> Option<Duration> {
        let held = self.held.as_ref().filter(|_| !self.releasing)?;
        (!matches!(self.phase, Phase::Over)).then_some(held.1 + self.term)
    }

    /// What to do next. The first event is [`LeaseEvent::Wake`].
    pub fn on(&mut self, event: LeaseEvent, now: Duration) -> Vec<LeaseAction> {
        match (std::mem::replace(&mut self.phase, Phase::Over), event) {
            (Phase::Over, _) => Vec::new(),
            (Phase::Reading, LeaseEvent::Wake) => {
                self.phase = Phase::Reading;
                vec![LeaseAction::Read]
            }
            (Phase::Reading, LeaseEvent::Stands(stands)) => self.follow(stands, now),
            (Phase::Waiting { seen, until }, LeaseEvent::Wake) if now >= until => self.claim(Some(seen), now),
            (Phase::Swapping(swap), LeaseEvent::Swapped) => self.done(swap, now),
            (Phase::Swapping(swap), LeaseEvent::Stands(Some(stands))) if stands == swap.new => {
                self.done(swap, now)
            }
            (Phase::Swapping(swap), LeaseEvent::Stands(stands))
                if self.held.is_none() && !swap.unanswered =>
            {
                self.follow(stands, now)
            }
            (Phase::Swapping(swap), LeaseEvent::Unanswered) if !self.releasing => {
                let unanswered = true;
                self.phase = Phase::Swapping(Swap { unanswered, ..swap });
                vec![LeaseAction::WakeAt(now + self.pause())]
            }
            // What we held, or may have held unknowingly, was taken: this life must not come back. Or it was
            // to be given up, which its term does as well.
            (Phase::Swapping(_), LeaseEvent::Stands(_) | LeaseEvent::Unanswered) => vec![LeaseAction::Over],
            (Phase::Swapping(swap), LeaseEvent::Wake) => self.swap(swap),
            (Phase::Resting, LeaseEvent::Wake) => self.renew(now),
            (Phase::Reading, LeaseEvent::Unanswered) => {
                self.phase = Phase::Reading;
                vec![LeaseAction::WakeAt(now + self.pause())]
            }
            // Woken early, or an answer to nothing.
            (phase, _) => {
                let wake = match &phase {
                    Phase::Waiting { until, .. } => vec![LeaseAction::WakeAt(*until)],
                    _ => Vec::new(),
                };
                self.phase = phase;
                wake
            }
        }
    }

    /// Gives the lease up: from now on it is not held, and others need not wait for its term. To be called
    /// when the sessions in memory are stored. [`LeaseAction::Over`] follows in any case.
    pub fn release(&mut self, now: Duration) -> Vec<LeaseAction> {
        self.releasing = true;
        match (&self.phase, &self.held) {
            (Phase::Over, _) => Vec::new(),
            (Phase::Resting, Some(_)) => self.renew(now),
            // Its answer is waited for: two requests could overtake each other.
            (Phase::Swapping(_), _) => Vec::new(),
            _ => {
                self.phase = Phase::Over;
                vec![LeaseAction::Over]
            }
        }
    }

    /// A request that failed is sent again after so long: often enough that three failures cost no lease.
    fn pause(&self) -> Duration {
        self.term / 16
    }

    /// Takes the place of what stands, once nobody can hold it.
    fn follow(&mut self, stands: Option<LeaseRecord>, now: Duration) -> Vec<LeaseAction> {
        match stands {
            Some(seen) if seen.alive => {
                let until = now + seen.patience();
                self.phase = Phase::Waiting { seen, until };
                vec![LeaseAction::WakeAt(until)]
            }
            stands => self.claim(stands, now),
        }
    }

    fn claim(&mut self, expect: Option<LeaseRecord>, now: Duration) -> Vec<LeaseAction> {
        let new = LeaseRecord {
            incarnation: self.incarnation,
            counter: 1,
            term: self.term,
            alive: true,
        };
        self.send(expect, new, now)
    }

    fn renew(&mut self, now: Duration) -> Vec<LeaseAction> {
        let Some((held, _)) = &self.held else {
            return Vec::new();
        };
        let (expect, new) = (held.clone(), held.next(!self.releasing));
        self.send(Some(expect), new, now)
    }

    fn send(&mut self, expect: Option<LeaseRecord>, new: LeaseRecord, now: Duration) -> Vec<LeaseAction> {
        self.swap(Swap {
            expect,
            new,
            sent: now,
            unanswered: false,
        })
    }

    fn swap(&mut self, swap: Swap) -> Vec<LeaseAction> {
        let Swap { expect, new, .. } = swap.clone();
        self.phase = Phase::Swapping(swap);
        vec![LeaseAction::Swap { expect, new }]
    }

    fn done(&mut self, swap: Swap, now: Duration) -> Vec<LeaseAction> {
        if !swap.new.alive {
            self.phase = Phase::Over;
            return vec![LeaseAction::Over];
        }
        self.held = Some((swap.new, swap.sent));
        if self.releasing {
            return self.renew(now);
        }
        self.phase = Phase::Resting;
        // A quarter: three renewals in turn may fail.
        vec![LeaseAction::WakeAt(now.max(swap.sent + self.term / 4))]
    }
}
