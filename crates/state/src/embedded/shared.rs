//! What readers and the writer share: the open file, which is closed and opened again after the disk has failed.

use std::fmt;
use std::sync::{PoisonError, RwLock};

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

#[derive(Debug)]
pub(super) struct Shared {
    pub(super) opener: Opener,
    /// None while the file cannot be opened again.
    db: RwLock<Option<Database>>,
    jobs: mpsc::WeakSender<Job>,
}

impl Shared {
    pub(super) fn new(opener: Opener, db: Database, jobs: mpsc::WeakSender<Job>) -> Self {
        Self {
            opener,
            db: RwLock::new(Some(db)),
            jobs,
        }
    }

    /// Reads, on what was on disk when this began.
    pub(super) fn read<T>(
        &self,
        doing: &'static str,
        reading: impl FnOnce(&Read) -> Result<T, ReadError>,
    ) -> Result<T, StoreError> {
        let result = self.with(|db| {
            let db = db.ok_or(redb::Error::PreviousIo)?;
            reading(&Read::begin(db)?)
        });
        match result {
            Ok(value) => Ok(value),
            Err(ReadError::Record(error)) => Err(error),
            Err(ReadError::Medium(error)) => {
                // Nobody may write for a while. If the channel is full, a write is on its way, and finds the same.
                if needs_reopening(&error)
                    && let Some(jobs) = self.jobs.upgrade()
                {
                    drop(jobs.try_send(Job::Reopen));
                }
                Err(self.unavailable(doing, &error))
            }
        }
    }

    /// The open file, if it is open.
    pub(super) fn with<T>(&self, using: impl FnOnce(Option<&Database>) -> T) -> T {
        using(self.db.read().unwrap_or_else(PoisonError::into_inner).as_ref())
    }

    /// Closes the file and opens it again, with its log; and about how many bytes are used.
    pub(super) fn reopen(&self) -> Result<(Log, u64), String> {
        let mut db = self.db.write().unwrap_or_else(PoisonError::into_inner);
        *db = None;
        let (opened, log, used) = open::open_again(&self.opener).map_err(|error| error.to_string())?;
        *db = Some(opened);
        Ok((log, used))
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
