//! The inbox of each session: accepted runs, executed one after the other in the order of their coming (R21).

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use fogline_core::model::limits::MAX_INBOX;
use fogline_core::model::{RunId, Timestamp};
use fogline_core::session::SessionKey;
use tokio::sync::watch;

use crate::fault::Fault;

/// Numbers that one millisecond has room for.
const PER_MILLISECOND: u64 = 1 << 20;

/// The inboxes of a node's sessions.
#[derive(Default)]
pub(super) struct Inboxes {
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    sessions: BTreeMap<SessionKey, Inbox>,
    /// The number that was given last.
    last: u64,
}

struct Inbox {
    /// Those that are recorded, by their number.
    runs: BTreeMap<u64, RunId>,
    /// Those that are about to be.
    coming: usize,
    /// The number of the first, of which all others wait to hear.
    first: watch::Sender<u64>,
}

/// A place in an inbox, given up when it is dropped.
pub(super) struct Place {
    inboxes: Arc<Inboxes>,
    session: SessionKey,
    /// Its number: lower than those of all that come later.
    pub(super) number: u64,
    recorded: bool,
}

impl Inboxes {
    /// A place for a run that is about to be recorded.
    pub(super) fn reserve(self: &Arc<Self>, session: &SessionKey, now: Timestamp) -> Result<Place, Fault> {
        let mut inner = self.lock();
        let inbox = inner.sessions.entry(session.clone()).or_insert_with(Inbox::new);
        if inbox.runs.len() + inbox.coming >= MAX_INBOX {
            return Err(Fault::overloaded(format!(
                "{MAX_INBOX} runs of this session wait"
            )));
        }
        inbox.coming += 1;
        // Later than what was numbered before the node was started again, whose clock does not go back (R18).
        inner.last = (inner.last + 1).max(now.0.saturating_mul(PER_MILLISECOND));
        Ok(Place {
            inboxes: Arc::clone(self),
            session: session.clone(),
            number: inner.last,
            recorded: false,
        })
    }

    /// The place of a run that was recorded under a number before the node was started again.
    pub(super) fn restore(self: &Arc<Self>, session: &SessionKey, number: u64, run: RunId) -> Place {
        let mut inner = self.lock();
        let inbox = inner.sessions.entry(session.clone()).or_insert_with(Inbox::new);
        inbox.coming += 1;
        drop(inner);
        let mut place = Place {
            inboxes: Arc::clone(self),
            session: session.clone(),
            number,
            recorded: false,
        };
        place.is_recorded(run);
        place
    }

    /// Whether a recorded run has this place.
    pub(super) fn holds(&self, session: &SessionKey, number: u64) -> bool {
        let inner = self.lock();
        let inbox = inner.sessions.get(session);
        inbox.is_some_and(|inbox| inbox.runs.contains_key(&number))
    }

    /// How many runs have a place.
    pub(super) fn places(&self) -> usize {
        let inner = self.lock();
        let of = |inbox: &Inbox| inbox.runs.len() + inbox.coming;
        inner.sessions.values().map(of).sum()
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inbox {
    fn new() -> Self {
        Self {
            runs: BTreeMap::new(),
            coming: 0,
            first: watch::channel(0).0,
        }
    }

    fn tell(&self) {
        self.first
            .send_replace(self.runs.keys().next().copied().unwrap_or(u64::MAX));
    }
}

impl Place {
    /// The run is recorded: from now on it is waited for.
    pub(super) fn is_recorded(&mut self, run: RunId) {
        let mut inner = self.inboxes.lock();
        if let Some(inbox) = inner.sessions.get_mut(&self.session) {
            inbox.coming -= 1;
            inbox.runs.insert(self.number, run);
            inbox.tell();
        }
        self.recorded = true;
    }

    /// Waits until all that came before have ended; the caller bounds the wait.
    pub(super) async fn turn(&self) {
        let first = {
            let inner = self.inboxes.lock();
            inner
                .sessions
                .get(&self.session)
                .map(|inbox| inbox.first.subscribe())
        };
        if let Some(mut first) = first {
            // It ends with the inbox, which this place keeps.
            let _ = first.wait_for(|first| *first >= self.number).await;
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut inner = self.inboxes.lock();
        let Some(inbox) = inner.sessions.get_mut(&self.session) else {
            return;
        };
        if self.recorded {
            inbox.runs.remove(&self.number);
            inbox.tell();
        } else {
            inbox.coming -= 1;
        }
        if inbox.runs.is_empty() && inbox.coming == 0 {
            inner.sessions.remove(&self.session);
        }
    }
}

#[cfg(test)]
mod tests {
    use fogline_core::model::{Birth, SessionId};

    use super::*;

    fn of_tenant(tenant: &str) -> SessionKey {
        SessionKey {
            tenant: tenant.parse().unwrap(),
            app: "counter".parse().unwrap(),
            session: SessionId::mint("n".parse().unwrap(), vec![Birth::InClient], [1; 16]).unwrap(),
        }
    }

    fn session() -> SessionKey {
        of_tenant("local")
    }

    fn come(inboxes: &Arc<Inboxes>, run: u8) -> Place {
        let mut place = inboxes.reserve(&session(), Timestamp(5)).unwrap();
        place.is_recorded(RunId([run; 16]));
        place
    }

    #[tokio::test]
    async fn turns_come_in_the_order_of_numbers_whoever_asks_first() {
        let inboxes = Arc::new(Inboxes::default());
        let (first, second, third) = (come(&inboxes, 1), come(&inboxes, 2), come(&inboxes, 3));
        let mut last = Box::pin(third.turn());
        let mut middle = Box::pin(second.turn());
        assert!(futures_util::poll!(&mut last).is_pending());
        assert!(futures_util::poll!(&mut middle).is_pending());
        first.turn().await;
        drop(first);
        assert!(futures_util::poll!(&mut last).is_pending());
        middle.await;
        drop(second);
        last.await;
    }

    #[test]
    fn a_full_inbox_refuses_and_a_place_that_is_given_up_is_free() {
        let inboxes = Arc::new(Inboxes::default());
        let reserve = || inboxes.reserve(&session(), Timestamp(5));
        let mut places: Vec<_> = (0..MAX_INBOX).map(|_| reserve().unwrap()).collect();
        assert!(reserve().is_err());
        // Whoever knows the id of another tenant's session takes no place of it.
        assert!(inboxes.reserve(&of_tenant("other"), Timestamp(5)).is_ok());
        places.pop();
        places.push(reserve().unwrap());
        places.clear();
        assert!(inboxes.lock().sessions.is_empty());
    }
}
