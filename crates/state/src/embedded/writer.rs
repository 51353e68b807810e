//! The writer: one thread that takes whatever waits, makes it one transaction, and answers when it is on disk.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::{OwnedSemaphorePermit, mpsc, oneshot};

use super::apply::Change;
use super::group::{self, Done};
use super::log::{Checkpoint, Log};
use super::open::needs_reopening;
use super::recover;
use super::shared::Shared;
use crate::{Committed, StoreError};

/// Most changes in one transaction.
const MAX_GROUP: usize = 1024;

/// A group takes no more once it has this many bytes: what comes after it waits no longer than they take.
const MAX_GROUP_BYTES: u64 = 16 << 20;

/// How long a failed disk is left alone before the file is opened again.
const REOPEN_AFTER: Duration = Duration::from_millis(500);

type Answer = Result<Committed, StoreError>;

#[derive(Debug)]
pub(super) enum Job {
    /// Do this.
    Change {
        change: Change,
        answer: oneshot::Sender<Answer>,
        /// Held until it is done: its share of the bytes that may wait.
        _room: OwnedSemaphorePermit,
    },
    /// A reader found that the disk failed, after the file was opened again so often.
    Reopen { reopened: u64 },
}

pub(super) struct Writer {
    shared: Arc<Shared>,
    waiting: mpsc::Receiver<Job>,
    log: Log,
    /// About how many bytes are in the tables.
    used: u64,
    /// How many changes the last group had, and how long it took.
    last: (usize, Duration),
    /// When the disk failed, if the file must be opened again.
    failed: Option<(Instant, String)>,
}

struct Group {
    changes: Vec<Change>,
    answers: Vec<oneshot::Sender<Answer>>,
    rooms: Vec<OwnedSemaphorePermit>,
    reopen: bool,
}

impl Writer {
    pub(super) fn new(shared: Arc<Shared>, waiting: mpsc::Receiver<Job>, log: Log, used: u64) -> Self {
        Self {
            shared,
            waiting,
            log,
            used,
            last: (0, Duration::ZERO),
            failed: None,
        }
    }

    /// Ends when the store is dropped and everything that waited is done.
    pub(super) fn run(mut self) {
        while let Some(group) = self.next_group() {
            if group.reopen {
                self.recover();
            }
            if !group.changes.is_empty() {
                self.store(group);
            }
        }
        if self.log.is_begun() {
            self.close();
        }
    }

    /// Leaves nothing in the log, so that the file is all there is of the store.
    fn close(&self) {
        let closed = self.shared.with(|db| {
            let transaction = db.ok_or(redb::Error::PreviousIo)?.begin_write()?;
            recover::checkpoint(transaction, Checkpoint::CLOSED, self.used)
        });
        if let Err(error) = closed {
            let path = self.shared.opener.path.display();
            tracing::warn!(%path, %error, "the store's last commits stay in its log");
        }
    }

    /// What waits, up to the limits of a group; waits for the first.
    ///
    /// Those that were answered together come again together, and one of them is the first: taking it alone would
    /// have the others wait for an fsync of their own. So as many as last time are given a moment, an eighth of what
    /// they will wait for the disk anyway.
    fn next_group(&mut self) -> Option<Group> {
        let first = self.waiting.blocking_recv()?;
        let mut group = Group {
            changes: Vec::new(),
            answers: Vec::new(),
            rooms: Vec::new(),
            reopen: false,
        };
        let (as_many, moment) = (self.last.0, self.last.1 / 8);
        let began = Instant::now();
        let mut bytes = 0;
        let mut next = Some(first);
        while let Some(job) = next {
            match job {
                Job::Reopen { reopened } => group.reopen |= reopened == self.shared.reopened(),
                // Whoever asked has left before anything was done: nothing needs to be.
                Job::Change { answer, .. } if answer.is_closed() => {}
                Job::Change {
                    change,
                    answer,
                    _room,
                } => {
                    bytes += change.bytes();
                    group.changes.push(change);
                    group.answers.push(answer);
                    group.rooms.push(_room);
                }
            }
            let full = group.changes.len() >= MAX_GROUP || bytes >= MAX_GROUP_BYTES;
            next = if full { None } else { self.waiting.try_recv().ok() };
            while next.is_none() && !full && group.changes.len() < as_many && began.elapsed() < moment {
                std::thread::yield_now();
                next = self.waiting.try_recv().ok();
            }
        }
        Some(group)
    }

    fn store(&mut self, group: Group) {
        if self
            .failed
            .as_ref()
            .is_some_and(|(since, _)| since.elapsed() >= REOPEN_AFTER)
        {
            self.recover();
        }
        let Group {
            changes,
            answers,
            rooms,
            reopen: _,
        } = group;
        let began = Instant::now();
        let (log, used) = (&mut self.log, self.used);
        let done = self
            .shared
            .with(|db| db.map(|db| group::store(db, log, &changes, used)));
        self.last = (changes.len(), began.elapsed());
        let results = match done {
            None => self.nothing(changes.len(), &self.why_closed()),
            Some(Done::Stored { answers, put, taken }) => {
                self.used = (self.used + put).saturating_sub(taken);
                answers
            }
            Some(Done::Nothing(error)) => {
                if needs_reopening(&error) {
                    self.fail(&error);
                }
                self.nothing(changes.len(), &error.to_string())
            }
            Some(Done::Unknown { error, answers }) => {
                self.fail(&error);
                let seen = self
                    .shared
                    .with(|db| db.and_then(|db| group::is_seen(db, &changes, &answers)));
                match seen {
                    Some(false) => self.nothing(changes.len(), &error.to_string()),
                    Some(true) | None => changes.iter().map(|_| Ok(Committed::Unknown)).collect(),
                }
            }
        };
        drop(rooms);
        for (answer, result) in answers.into_iter().zip(results) {
            // Whoever asked may have left; the change is done all the same.
            drop(answer.send(result));
        }
    }

    fn why_closed(&self) -> String {
        self.failed
            .as_ref()
            .map_or_else(|| "the file is closed".to_owned(), |(_, why)| why.clone())
    }

    fn nothing(&self, changes: usize, problem: &str) -> Vec<Answer> {
        (0..changes)
            .map(|_| Err(self.shared.unavailable("writing", problem)))
            .collect()
    }

    fn fail(&mut self, error: &redb::Error) {
        tracing::error!(path = %self.shared.opener.path.display(), %error, "the store's disk failed");
        self.recover();
    }

    /// Opens the file again, unless that was tried a moment ago.
    fn recover(&mut self) {
        if self
            .failed
            .as_ref()
            .is_some_and(|(since, _)| since.elapsed() < REOPEN_AFTER)
        {
            return;
        }
        match self.shared.reopen() {
            Ok((log, used)) => {
                (self.log, self.used) = (log, used);
                self.failed = None;
            }
            Err(problem) => {
                tracing::error!(path = %self.shared.opener.path.display(), problem, "the store stays closed");
                self.failed = Some((Instant::now(), problem));
            }
        }
    }
}
