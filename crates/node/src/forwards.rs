//! What this node has learnt of where sessions are. A cache: a session's birth home always knows.

use std::collections::{HashMap, HashSet};
use std::sync::{Mutex, PoisonError};

use fogline_core::model::{Birth, SessionId};
use fogline_core::session::Home;

/// How many sessions are remembered; beyond it all are forgotten, and asked for again.
const MAX: usize = 65_536;

#[derive(Default)]
pub(crate) struct Forwards {
    /// Homes by session and part, where they are not those of birth.
    homes: Mutex<HashMap<(SessionId, Birth), Home>>,
    /// The newest epochs of those that clients hold, and whose homes before have let go of them.
    taken: Mutex<HashMap<(SessionId, Birth), u64>>,
    /// Parts that are about to leave clients who keep them by themselves, so that only a record says so.
    leaving: Mutex<HashSet<(SessionId, Birth)>>,
}

impl Forwards {
    /// Where a part is, as far as is known here.
    pub(crate) fn home(&self, session: &SessionId, part: Birth) -> Home {
        let homes = self.homes.lock().unwrap_or_else(PoisonError::into_inner);
        if homes.is_empty() {
            return Home::of_birth(session, part);
        }
        let known = homes.get(&(session.clone(), part)).cloned();
        known.unwrap_or_else(|| Home::of_birth(session, part))
    }

    /// Whether the home before has let go of a part that its client holds since this epoch.
    pub(crate) fn is_taken(&self, session: &SessionId, part: Birth, epoch: u64) -> bool {
        let taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        !taken.is_empty()
            && taken
                .get(&(session.clone(), part))
                .is_some_and(|known| *known >= epoch)
    }

    /// The home before has let go of a part that its client holds since this epoch.
    pub(crate) fn take(&self, session: &SessionId, part: Birth, epoch: u64) {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        if taken.len() >= MAX {
            taken.clear();
        }
        taken.insert((session.clone(), part), epoch);
    }

    /// Whether a part is about to leave its client.
    pub(crate) fn is_leaving(&self, session: &SessionId, part: Birth) -> bool {
        let leaving = self.leaving.lock().unwrap_or_else(PoisonError::into_inner);
        !leaving.is_empty() && leaving.contains(&(session.clone(), part))
    }

    /// A part is about to leave its client.
    pub(crate) fn leave(&self, session: &SessionId, part: Birth) {
        let mut leaving = self.leaving.lock().unwrap_or_else(PoisonError::into_inner);
        if leaving.len() >= MAX {
            leaving.clear();
        }
        leaving.insert((session.clone(), part));
    }

    /// A part has left its client.
    pub(crate) fn left(&self, session: &SessionId, part: Birth) {
        let mut leaving = self.leaving.lock().unwrap_or_else(PoisonError::into_inner);
        leaving.remove(&(session.clone(), part));
    }

    /// A part is there.
    pub(crate) fn learn(&self, session: &SessionId, part: Birth, home: &Home) {
        let mut homes = self.homes.lock().unwrap_or_else(PoisonError::into_inner);
        if *home == Home::of_birth(session, part) {
            homes.remove(&(session.clone(), part));
            return;
        }
        if homes.len() >= MAX {
            homes.clear();
        }
        homes.insert((session.clone(), part), home.clone());
    }
}
