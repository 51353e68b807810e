//! What readers and the writer share: the open file, which is closed and opened again after the disk has failed.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Condvar, Mutex, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::time::{Duration, Instant};

use redb::Database;
use tokio::sync::mpsc;

use super::file::Opener;
use super::log::Log;
use super::open::{self, needs_reopening};
use super::read::{Read, ReadError};
use super::writer::Job;
use crate::StoreError;

const HINT: &str =
    "look after the disk of this node: space, permissions, its log; the store opens again by itself";

/// How long readers wait for a file that is opened again, from when that began: mostly it takes milliseconds, and they
/// hold up threads that serve others.
const PATIENCE: Duration = Duration::from_millis(250);

#[derive(Debug)]
pub(super) struct Shared {
    pub(super) opener: Opener,
    /// None while the file is opened again, or cannot be.
    db: RwLock<Option<Database>>,
    /// How often it was opened again: tells readers who found the failure that was dealt with from later ones.
    reopened: AtomicU64,
    /// Since when the file is being opened again.
    opening: Mutex<Option<Instant>>,
    opened: Condvar,
    jobs: mpsc::WeakSender<Job>,
}

impl Shared {
    pub(super) fn new(opener: Opener, db: Database, jobs: mpsc::WeakSender<Job>) -> Self {
        Self {
            opener,
            db: RwLock::new(Some(db)),
            reopened: AtomicU64::new(0),
            opening: Mutex::new(None),
            opened: Condvar::new(),
            jobs,
        }
    }

    /// Reads, on what was on disk when this began.
    pub(super) fn read<T>(
        &self,
        doing: &'static str,
        reading: impl FnOnce(&Read) -> Result<T, ReadError>,
    ) -> Result<T, StoreError> {
        let file = self.file();
        let reopened = self.reopened();
        let read = || reading(&Read::begin(file.as_ref().ok_or(redb::Error::PreviousIo)?)?);
        let result = read();
        drop(file);
        match result {
            Ok(value) => Ok(value),
            Err(ReadError::Record(error)) => Err(error),
            Err(ReadError::Medium(error)) => {
                // Nobody may write for a while. If the channel is full, a write is on its way, and finds the same.
                if needs_reopening(&error)
                    && let Some(jobs) = self.jobs.upgrade()
                {
                    drop(jobs.try_send(Job::Reopen { reopened }));
                }
                Err(self.unavailable(doing, &error))
            }
        }
    }

    /// The open file, if it is open.
    pub(super) fn with<T>(&self, using: impl FnOnce(Option<&Database>) -> T) -> T {
        using(self.db.read().unwrap_or_else(PoisonError::into_inner).as_ref())
    }

    pub(super) fn reopened(&self) -> u64 {
        self.reopened.load(Ordering::Acquire)
    }

    /// Closes the file and opens it again, with its log; and about how many bytes are used.
    pub(super) fn reopen(&self) -> Result<(Log, u64), String> {
        self.set_opening(Some(Instant::now()));
        let reopened = self.try_reopen();
        self.set_opening(None);
        reopened
    }

    fn try_reopen(&self) -> Result<(Log, u64), String> {
        let failed = self.lock().take();
        drop(failed);
        let (opened, log, used) = open::open_again(&self.opener).map_err(|error| error.to_string())?;
        let mut db = self.lock();
        *db = Some(opened);
        self.reopened.fetch_add(1, Ordering::Release);
        Ok((log, used))
    }

    fn set_opening(&self, since: Option<Instant>) {
        *self.opening.lock().unwrap_or_else(PoisonError::into_inner) = since;
        self.opened.notify_all();
    }

    /// The file for readers, who wait for it a moment.
    fn file(&self) -> RwLockReadGuard<'_, Option<Database>> {
        let file = || self.db.read().unwrap_or_else(PoisonError::into_inner);
        let now = file();
        if now.is_some() {
            return now;
        }
        drop(now);
        self.wait_while_opening();
        file()
    }

    fn wait_while_opening(&self) {
        let opening = self.opening.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(since) = *opening else { return };
        let left = PATIENCE.saturating_sub(since.elapsed());
        let waited = self
            .opened
            .wait_timeout_while(opening, left, |since| since.is_some());
        drop(waited);
    }

    fn lock(&self) -> RwLockWriteGuard<'_, Option<Database>> {
        self.db.write().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn unavailable(&self, doing: &str, problem: impl fmt::Display) -> StoreError {
        let doing = format!("{doing} in {}", self.opener.path.display());
        StoreError::Unavailable {
            doing,
            problem: problem.to_string(),
            hint: HINT,
        }
    }

    pub(super) fn stopped(&self) -> StoreError {
        let doing = format!("writing to {}", self.opener.path.display());
        let problem = "the store's writer has stopped after an error of its own".to_owned();
        StoreError::Unavailable {
            doing,
            problem,
            hint: "restart this node, and report what its log says",
        }
    }
}
