//! A store in one file of this node's disk (redb): the in-edge home, and what stands behind in-function.
//!
//! Reads run where they are asked, on the last commit that is on disk. Writes go to one thread that does all that
//! wait in one transaction, so that an fsync is shared by as many as came while the last one ran (R8).

mod apply;
#[cfg(test)]
mod faults;
mod file;
mod group;
mod log;
mod meta;
mod open;
#[cfg(test)]
mod power;
mod read;
mod recover;
mod shared;
mod staged;
mod writer;

pub use open::{EmbeddedOptions, OpenError};

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use std::thread::JoinHandle;

use async_trait::async_trait;
use bytes::Bytes;
use fogline_core::model::{AppName, StateName, TenantName};
use fogline_core::session::{self, BlobName, Commit, RecordKey, Snapshot};
use tokio::sync::{Semaphore, mpsc, oneshot};

use self::apply::Change;
use self::file::Opener;
use self::shared::Shared;
use self::writer::{Job, Writer};
use crate::{Committed, Durable, Listed, Store, StoreError};

/// Writes that wait for the writer; whoever comes then waits to be let in.
const MAX_WAITING: usize = 4096;

/// KiB of the writes that wait or are being done; a larger one is let in alone.
const MAX_WAITING_KIB: u32 = 64 << 10;

/// A store in one file.
///
/// Dropping it lets the writer finish what it was given, and waits for that.
#[derive(Debug)]
pub struct EmbeddedStore {
    shared: Arc<Shared>,
    jobs: Option<mpsc::Sender<Job>>,
    room: Arc<Semaphore>,
    writer: Option<JoinHandle<()>>,
}

impl EmbeddedStore {
    /// Opens the store in this file, or makes it.
    ///
    /// # Errors
    /// When somebody else has it open, when it is damaged or of a newer version, and when the disk fails.
    pub fn open(path: &Path, options: &EmbeddedOptions) -> Result<Self, OpenError> {
        Self::with_opener(Opener::of_file(path, options))
    }

    fn with_opener(opener: Opener) -> Result<Self, OpenError> {
        let (db, log, used) = open::open(&opener)?;
        staged::drop_all(&db).map_err(|error| open::explain(&opener.path, error))?;
        let (jobs, waiting) = mpsc::channel(MAX_WAITING);
        let shared = Arc::new(Shared::new(opener, db, jobs.downgrade()));
        let writer = Writer::new(Arc::clone(&shared), waiting, log, used);
        let thread = std::thread::Builder::new().name("store-writer".to_owned());
        let path = shared.opener.path.clone();
        let writer = thread
            .spawn(move || writer.run())
            .map_err(|source| OpenError::Io { path, source })?;
        let room = Arc::new(Semaphore::new(MAX_WAITING_KIB as usize));
        Ok(Self {
            shared,
            jobs: Some(jobs),
            room,
            writer: Some(writer),
        })
    }

    /// Has the writer do this. If the future is dropped, it is done or not.
    async fn write(&self, change: Change) -> Result<Committed, StoreError> {
        let kib = u32::try_from(change.bytes() >> 10)
            .unwrap_or(u32::MAX)
            .clamp(1, MAX_WAITING_KIB);
        let room = Arc::clone(&self.room).acquire_many_owned(kib).await;
        let room = room.expect("nobody closes this semaphore");
        let (answer, answered) = oneshot::channel();
        let jobs = self
            .jobs
            .as_ref()
            .expect("the channel stands as long as the store");
        let sent = jobs
            .send(Job::Change {
                change,
                answer,
                _room: room,
            })
            .await;
        sent.map_err(|_| self.shared.stopped())?;
        // A writer that panicked took its answers with it.
        answered.await.unwrap_or(Ok(Committed::Unknown))
    }

    /// As [`Self::write`], for what is not a commit.
    async fn set(&self, change: Change, doing: &'static str) -> Result<(), StoreError> {
        match self.write(change).await? {
            Committed::Unknown => Err(self.shared.unavailable(doing, "its outcome is unknown")),
            Committed::Done | Committed::Conflict(_) => Ok(()),
        }
    }
}

impl Drop for EmbeddedStore {
    fn drop(&mut self) {
        self.jobs = None;
        if let Some(writer) = self.writer.take()
            && writer.join().is_err()
        {
            tracing::error!(path = %self.shared.opener.path.display(), "the store's writer had panicked");
        }
    }
}

#[async_trait]
impl Store for EmbeddedStore {
    fn durable(&self) -> Durable {
        Durable::Disk
    }

    fn system(&self) -> &'static str {
        "redb"
    }

    async fn load(
        &self,
        key: &RecordKey,
        states: &BTreeSet<StateName>,
    ) -> Result<Option<Snapshot>, StoreError> {
        self.shared
            .read("reading a session", |read| read.load(&key.to_string(), states))
    }

    async fn commit(&self, key: &RecordKey, commit: Commit) -> Result<Committed, StoreError> {
        let Commit { expect, head, blobs } = commit;
        let encoded = session::encode(&head);
        StoreError::check_size(&encoded, &blobs)?;
        let (key, named) = (key.to_string(), head.blobs());
        let commit = head.commit;
        self.write(Change::Commit {
            key,
            expect,
            commit,
            head: encoded.into(),
            named,
            blobs,
        })
        .await
    }

    async fn blob(&self, key: &RecordKey, name: &BlobName) -> Result<Option<Bytes>, StoreError> {
        self.shared
            .read("reading a blob", |read| read.blob(&key.to_string(), name))
    }

    async fn list(
        &self,
        tenant: &TenantName,
        app: &AppName,
        after: Option<&RecordKey>,
        limit: usize,
    ) -> Result<Vec<Listed>, StoreError> {
        let after = after.map(ToString::to_string);
        self.shared.read("listing sessions", |read| {
            read.list(tenant, app, after.as_deref(), limit)
        })
    }

    async fn erase(&self, key: &RecordKey) -> Result<(), StoreError> {
        self.set(Change::Erase { key: key.to_string() }, "erasing a session")
            .await
    }
}
