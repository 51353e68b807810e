//! What each fault did to each kind of session.

use std::fmt;
use std::time::Duration;

use super::history::{Basket, History};
use super::load::Kind;

/// What a fault did to the sessions of one kind in one place.
pub(crate) struct Row {
    /// Where nodes keep records.
    store: &'static str,
    fault: &'static str,
    kind: Kind,
    /// Whether the fault befell the node that keeps them.
    befallen: bool,
    tried: u64,
    acknowledged: u64,
    lost: u64,
    doubled: u64,
    stale: u64,
    regressions: u64,
    longest_gap: Duration,
    wrong: Vec<String>,
}

impl Row {
    pub(crate) fn new(store: &'static str, fault: &'static str, kind: Kind, befallen: bool) -> Self {
        Self {
            store,
            fault,
            kind,
            befallen,
            tried: 0,
            acknowledged: 0,
            lost: 0,
            doubled: 0,
            stale: 0,
            regressions: 0,
            longest_gap: Duration::ZERO,
            wrong: Vec::new(),
        }
    }

    pub(crate) fn is_of(&self, kind: Kind, befallen: bool) -> bool {
        (self.kind, self.befallen) == (kind, befallen)
    }

    /// Adds a session.
    pub(crate) fn count(&mut self, history: &History, end: &Basket, longest_gap: Duration) {
        self.tried += history.tried;
        self.acknowledged += history.acknowledged.len() as u64;
        self.lost += history.lost(end);
        self.doubled += History::doubled(end);
        self.stale += history.stale(end);
        self.regressions += history.regressions;
        self.longest_gap = self.longest_gap.max(longest_gap);
        self.wrong.extend(history.wrong.iter().cloned());
    }

    /// What in it breaks a promise.
    pub(crate) fn broken(&self) -> Vec<String> {
        let mut broken = self.wrong.clone();
        let mut check = |wrong: bool, what: String| {
            if wrong {
                broken.push(what);
            }
        };
        let may_lose = self.befallen && self.kind.may_lose();
        check(self.lost > 0 && !may_lose, format!("{} lost", self.lost));
        check(
            self.lost > 0 && self.regressions == 0,
            "a loss was hidden".to_owned(),
        );
        check(self.doubled > 0, format!("{} doubled", self.doubled));
        check(self.stale > 0, format!("{} stale answers", self.stale));
        check(self.acknowledged == 0, "nothing was acknowledged".to_owned());
        let place = if self.befallen { "" } else { " elsewhere" };
        let row = format!("{}, {}{place}", self.fault, self.kind.app());
        broken.into_iter().map(|what| format!("{row}: {what}")).collect()
    }
}

pub(crate) const HEAD: &str = "| store | fault | model | promise | sessions | tried | acknowledged | lost | doubled | longest unavailability |\n\
                               |---|---|---|---|---|---|---|---|---|---|\n";

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let promise = self.kind.promise.map_or("", |(_, value)| value);
        let place = if self.befallen { "there" } else { "elsewhere" };
        writeln!(
            f,
            "| {} | {} | {} | {promise} | {place} | {} | {} | {} | {} | {:.1} s |",
            self.store,
            self.fault,
            self.kind.model,
            self.tried,
            self.acknowledged,
            self.lost,
            self.doubled,
            self.longest_gap.as_secs_f64()
        )
    }
}
