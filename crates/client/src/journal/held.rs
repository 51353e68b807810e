//! A session as it is used now: its record, and the order among its requests.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use fogline_core::model::limits::REPLY_WINDOW;
use fogline_core::model::{AppName, SessionId, StateName};
use tokio::sync::{Notify, OwnedRwLockReadGuard, OwnedRwLockWriteGuard, RwLock};
use tokio::time::{Instant, sleep, timeout_at};

use super::disk::FileSystem;
use super::record::{Kept, Record, Request};
use super::store::Store;
use crate::Error;
use crate::client::lock;
use crate::reply::Target;

/// How often a session is tried that another process has open.
const BUSY_POLL: Duration = Duration::from_millis(20);

/// A session as it is used now.
#[derive(Debug)]
pub(crate) struct Held {
    session: SessionId,
    store: Arc<Store>,
    /// Held for reading by requests with some states, for writing by those with all.
    gate: Arc<RwLock<()>>,
    states: Mutex<BTreeMap<StateName, Arc<RwLock<()>>>>,
    in_flight: Mutex<BTreeSet<u64>>,
    /// Requests that were refused, when they were last sent, because the session is coming here, and how often it had
    /// moved then.
    refused: Mutex<BTreeMap<u64, u64>>,
    /// A request has ended.
    ended: Notify,
}

/// A request's claim on states: nobody writes those that it sends, or sends those that it writes.
#[expect(dead_code, reason = "guards are held, not looked at")]
#[derive(Debug)]
pub(crate) enum Claim {
    /// No state is here.
    Nothing,
    /// On some.
    Some(OwnedRwLockReadGuard<()>, Vec<StateClaim>),
    /// On all.
    All(OwnedRwLockWriteGuard<()>),
}

/// A claim on one state.
#[expect(dead_code, reason = "guards are held, not looked at")]
#[derive(Debug)]
pub(crate) enum StateClaim {
    /// To send it.
    Read(OwnedRwLockReadGuard<()>),
    /// To replace it.
    Write(OwnedRwLockWriteGuard<()>),
}

/// A request under way: its number is this process's to send as long as this lives.
#[derive(Debug)]
pub(crate) struct Guard {
    held: Arc<Held>,
    number: u64,
}

impl Guard {
    /// The number.
    pub(crate) fn number(&self) -> u64 {
        self.number
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        lock(&self.held.in_flight).remove(&self.number);
        self.held.ended.notify_waiters();
    }
}

/// The folder of a session in a journal.
pub(crate) fn folder(journal: &Path, session: &SessionId) -> PathBuf {
    journal.join("sessions").join(session.to_string())
}

impl Held {
    /// A session, from its folder below `journal` if there is one.
    pub(crate) async fn open(
        journal: Option<PathBuf>,
        app: AppName,
        session: SessionId,
        deadline: Instant,
    ) -> Result<Self, Error> {
        let store = match journal {
            None => Store::in_memory(Record::new(app, &session)),
            Some(journal) => {
                let path = folder(&journal, &session);
                loop {
                    let (folder, new) = (path.clone(), Record::new(app.clone(), &session));
                    let opened = blocking(move || Store::open(folder, Box::new(FileSystem), new)).await;
                    if let Some(store) = opened? {
                        break store;
                    }
                    if Instant::now() + BUSY_POLL >= deadline {
                        return Err(Error::Busy { path });
                    }
                    sleep(BUSY_POLL).await;
                }
            }
        };
        Ok(Self {
            session,
            store: Arc::new(store),
            gate: Arc::default(),
            states: Mutex::default(),
            in_flight: Mutex::default(),
            refused: Mutex::default(),
            ended: Notify::new(),
        })
    }

    /// Its id.
    pub(crate) fn session(&self) -> &SessionId {
        &self.session
    }

    /// Looks at the record.
    pub(crate) fn look<T>(&self, at: impl FnOnce(&Record) -> T) -> T {
        at(&self.store.record())
    }

    /// Changes the record; what was changed survives the process and a loss of power, if there is a journal.
    pub(crate) async fn update<T: Send + 'static>(
        &self,
        change: impl FnOnce(&mut Record) -> T + Send + 'static,
    ) -> Result<T, Error> {
        if !self.store.is_on_disk() {
            return self.store.update(change);
        }
        let store = Arc::clone(&self.store);
        blocking(move || store.update(change)).await
    }

    /// Removes all there is of the session.
    pub(crate) async fn discard(&self) -> Result<(), Error> {
        let store = Arc::clone(&self.store);
        blocking(move || store.discard()).await
    }

    /// The bytes of a value.
    pub(crate) async fn read(&self, kept: Kept) -> Result<Bytes, Error> {
        match kept {
            Kept::Inline(bytes) => Ok(bytes),
            Kept::File(_) => {
                let store = Arc::clone(&self.store);
                blocking(move || store.read(&kept)).await
            }
        }
    }

    /// Gives a new request its number, and writes both down before it is sent.
    pub(crate) async fn admit(
        self: &Arc<Self>,
        target: Target,
        input: Bytes,
        deadline: Instant,
    ) -> Result<Guard, Error> {
        loop {
            let ended = self.ended.notified();
            if let Some(guard) = self.next_number()? {
                let number = guard.number;
                self.update(move |record| {
                    record.last_number = record.last_number.max(number);
                    record.unanswered.insert(
                        number,
                        Request {
                            target,
                            input: Kept::Inline(input),
                        },
                    );
                    // Below the window the answer is `reply-expired`: they cannot be resumed any more.
                    record
                        .unanswered
                        .retain(|old, _| old.saturating_add(REPLY_WINDOW) > number);
                })
                .await?;
                return Ok(guard);
            }
            if timeout_at(deadline, ended).await.is_err() {
                return Err(Error::Crowded(self.session.clone()));
            }
        }
    }

    /// The next number, unless a request is still under way that it would push out of the node's window (R5).
    fn next_number(self: &Arc<Self>) -> Result<Option<Guard>, Error> {
        let mut in_flight = lock(&self.in_flight);
        let record = self.store.record();
        if record.is_in_client()
            && let Some(number) = record
                .unanswered
                .keys()
                .find(|number| !in_flight.contains(number))
        {
            // Its answer may hold newer states than those that are here.
            return Err(Error::Outstanding {
                session: self.session.clone(),
                number: *number,
            });
        }
        let number = record.last_number.max(in_flight.last().copied().unwrap_or(0)) + 1;
        let oldest = in_flight.first().copied().unwrap_or(number);
        if number >= oldest.saturating_add(REPLY_WINDOW) {
            return Ok(None);
        }
        in_flight.insert(number);
        Ok(Some(Guard {
            held: Arc::clone(self),
            number,
        }))
    }

    /// Takes up a request that was not answered; none if there is none of this number, or it is under way.
    pub(crate) fn take_up(self: &Arc<Self>, number: u64) -> Option<(Guard, Request)> {
        let mut in_flight = lock(&self.in_flight);
        let request = self.store.record().unanswered.get(&number).cloned()?;
        // Made only then: a guard that is dropped takes the number out again, and waits for this lock to do so.
        in_flight.insert(number).then(|| {
            let held = Arc::clone(self);
            (Guard { held, number }, request)
        })
    }

    /// A request is about to be sent: what comes of it is not known any more.
    pub(crate) fn is_sent(&self, number: u64) {
        lock(&self.refused).remove(&number);
    }

    /// A request was refused because the session is coming here, when it had moved so often.
    pub(crate) fn is_refused(&self, number: u64, moves: u64) {
        let mut refused = lock(&self.refused);
        refused.retain(|_, at| *at == moves);
        refused.insert(number, moves);
        drop(refused);
        self.ended.notify_waiters();
    }

    /// Waits, before states come here, until each other request has been answered or refused as this one: one that may have
    /// been executed would be executed again on the states, where nobody keeps replies.
    ///
    /// # Errors
    /// When there is one that nobody is sending, or the time is over.
    pub(crate) async fn others_are_known(&self, moves: u64, deadline: Instant) -> Result<(), Error> {
        loop {
            let ended = self.ended.notified();
            let Some((number, is_in_flight)) = self.unknown(moves) else {
                return Ok(());
            };
            if !is_in_flight || timeout_at(deadline, ended).await.is_err() {
                return Err(Error::Outstanding {
                    session: self.session.clone(),
                    number,
                });
            }
        }
    }

    /// A request of which nobody knows whether it was executed where the session was before it comes here, and whether
    /// it is in flight; one that nobody is sending before all others.
    fn unknown(&self, moves: u64) -> Option<(u64, bool)> {
        let in_flight = lock(&self.in_flight);
        let refused = lock(&self.refused);
        let record = self.store.record();
        if record.moves != moves || record.has_primary() {
            return None;
        }
        let unanswered = record.unanswered.keys();
        let unknown = unanswered.filter(|number| refused.get(number) != Some(&moves));
        unknown
            .map(|number| (*number, in_flight.contains(number)))
            .min_by_key(|(_, is_in_flight)| *is_in_flight)
    }

    /// The unanswered requests that nobody is sending.
    pub(crate) fn pending(&self) -> BTreeMap<u64, Target> {
        let in_flight = lock(&self.in_flight);
        let record = self.store.record();
        let idle = record
            .unanswered
            .iter()
            .filter(|(number, _)| !in_flight.contains(number));
        idle.map(|(number, request)| (*number, request.target.clone()))
            .collect()
    }

    /// Claims all states.
    pub(crate) async fn claim_all(&self, deadline: Instant) -> Result<Claim, Error> {
        let all = timeout_at(deadline, Arc::clone(&self.gate).write_owned()).await;
        all.map(Claim::All)
            .map_err(|_| Error::Crowded(self.session.clone()))
    }

    /// Claims some states; for writing where the flag says so.
    pub(crate) async fn claim(
        &self,
        wanted: &BTreeMap<StateName, bool>,
        deadline: Instant,
    ) -> Result<Claim, Error> {
        let claims = async {
            let gate = Arc::clone(&self.gate).read_owned().await;
            let mut claims = Vec::with_capacity(wanted.len());
            // All claim in the order of the names, so that no two wait for each other.
            for (state, writes) in wanted {
                let state = Arc::clone(lock(&self.states).entry(state.clone()).or_default());
                claims.push(match writes {
                    true => StateClaim::Write(state.write_owned().await),
                    false => StateClaim::Read(state.read_owned().await),
                });
            }
            Claim::Some(gate, claims)
        };
        timeout_at(deadline, claims)
            .await
            .map_err(|_| Error::Crowded(self.session.clone()))
    }
}

/// Does what may wait for a disk where it holds nobody up.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Error> + Send + 'static,
) -> Result<T, Error> {
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result,
        Err(error) => match error.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            Err(ended) => Err(Error::Journal {
                doing: "waiting for",
                path: PathBuf::from("the journal"),
                source: std::io::Error::other(ended),
            }),
        },
    }
}
