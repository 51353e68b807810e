//! Opening the file, and why that fails.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::time::Instant;
use std::{fs, io};

use fogline_core::model::Bytes;
use redb::{Database, DatabaseError};
use thiserror::Error;

use super::file::{BLOBS, FORMAT, HEADS, META, Opener};
use super::log::{Checkpoint, Log};
use super::recover::{self, Stands};

/// A file is compacted when it is opened if it is larger than this, three quarters of it are free, and no more than
/// [`MAX_COMPACTED`] must be moved for it.
const MIN_COMPACTED: u64 = 64 << 20;

/// Bounds the time: to move 256 MiB takes about a second on a slow disk.
const MAX_COMPACTED: u64 = 256 << 20;

/// How a store is opened.
#[derive(Clone, Debug)]
pub struct EmbeddedOptions {
    /// Memory for what was read or is being written; filled as needed. Default 64 MiB.
    pub cache: Bytes,
}

impl Default for EmbeddedOptions {
    fn default() -> Self {
        Self {
            cache: Bytes(64 << 20),
        }
    }
}

/// Why a store does not open.
#[derive(Debug, Error)]
pub enum OpenError {
    /// Another process, or another store of this one, has it open.
    #[error(
        "opening the store {path}: somebody else has it open\nhint: stop that node, or give this one a file of its own"
    )]
    InUse {
        /// The file.
        path: PathBuf,
    },
    /// It is no store, or damaged.
    #[error(
        "opening the store {path}: {problem}\nhint: put a backup in its place, or move it away to begin with an empty store"
    )]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
    /// It was written by a newer version.
    #[error(
        "opening the store {path}: it is of format {format}, this version reads up to {FORMAT}\nhint: run the version of fogline that wrote it"
    )]
    Newer {
        /// The file.
        path: PathBuf,
        /// Its format.
        format: u64,
    },
    /// The disk does not let us.
    #[error("opening the store {path}")]
    Io {
        /// The file.
        path: PathBuf,
        /// What the disk said.
        source: io::Error,
    },
}

/// Opens the file and its log, makes the tables if they are new, does again what the log holds, and compacts the file if
/// that pays; with about how many bytes are used.
pub(super) fn open(opener: &Opener) -> Result<(Database, Log, u64), OpenError> {
    let started = Instant::now();
    let (mut db, log, used) = open_again(opener)?;
    let length = fs::metadata(&opener.path).map_or(0, |data| data.len());
    if length >= MIN_COMPACTED && used < length / 4 && used <= MAX_COMPACTED {
        match db.compact() {
            Ok(_) => tracing::info!(path = %opener.path.display(), length, used, "compacted the store"),
            Err(error) => {
                tracing::warn!(path = %opener.path.display(), %error, "could not compact the store")
            }
        }
    }
    let took_ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
    tracing::info!(path = %opener.path.display(), length, used, took_ms, "opened the store");
    Ok((db, log, used))
}

/// Opens the file again, which is how redb recovers from a failed disk, and its log.
pub(super) fn open_again(opener: &Opener) -> Result<(Database, Log, u64), OpenError> {
    let db = open_file(opener)?;
    let (log, used) = open_log(opener, &db)?;
    Ok((db, log, used))
}

/// redb promises no error for a file that was damaged by others: it may as well panic.
fn open_file(opener: &Opener) -> Result<Database, OpenError> {
    let path = || opener.path.clone();
    match catch_unwind(AssertUnwindSafe(|| (opener.open)())) {
        Ok(Ok(db)) => Ok(db),
        Ok(Err(DatabaseError::DatabaseAlreadyOpen)) => Err(OpenError::InUse { path: path() }),
        Ok(Err(DatabaseError::UpgradeRequired(version))) => {
            let problem = format!("redb's file format {version} is too old");
            Err(OpenError::Damaged {
                path: path(),
                problem,
            })
        }
        Ok(Err(error)) => Err(explain(&opener.path, error.into())),
        Err(_) => Err(OpenError::Damaged {
            path: path(),
            problem: "it is damaged".to_owned(),
        }),
    }
}

/// Opens the log, and brings what it holds into the tables; with the used bytes.
fn open_log(opener: &Opener, db: &Database) -> Result<(Log, u64), OpenError> {
    let failed = |error| explain(&opener.path, error);
    let path = opener.path.clone();
    let log = Opener::log_of(&path);
    let stands = match recover::stands(db).map_err(failed)? {
        Some(stands) => stands,
        None if fs::metadata(&log).is_ok_and(|log| log.len() > 0) => {
            let problem = format!("it has no tables, though there is a log {}", log.display());
            return Err(OpenError::Damaged { path, problem });
        }
        None => make_tables(db).map_err(failed)?,
    };
    if stands.format > FORMAT {
        let format = stands.format;
        return Err(OpenError::Newer { path, format });
    }
    if stands.checkpoint != Checkpoint::CLOSED && !log.exists() {
        let problem = format!("its log {} is gone, with what was last committed", log.display());
        return Err(OpenError::Damaged { path, problem });
    }
    let opened = (opener.open_log)().and_then(Log::open);
    let mut opened = opened.map_err(|source| OpenError::Io { path: log, source })?;
    let used = recover::replay(db, &mut opened, stands).map_err(failed)?;
    Ok((opened, used))
}

fn make_tables(db: &Database) -> Result<Stands, redb::Error> {
    let write = db.begin_write()?;
    write.open_table(HEADS)?;
    write.open_table(BLOBS)?;
    write.open_table(META)?;
    let (format, used, checkpoint) = (FORMAT, 0, Checkpoint::CLOSED);
    recover::checkpoint(write, checkpoint, used)?;
    Ok(Stands {
        format,
        used,
        checkpoint,
    })
}

pub(super) fn explain(path: &Path, error: redb::Error) -> OpenError {
    let path = path.to_owned();
    match error {
        redb::Error::Io(source) if source.kind() != io::ErrorKind::InvalidData => {
            OpenError::Io { path, source }
        }
        error => OpenError::Damaged {
            path,
            problem: error.to_string(),
        },
    }
}

/// Whether the disk failed, so that the file must be opened again.
pub(super) fn needs_reopening(error: &redb::Error) -> bool {
    matches!(
        error,
        redb::Error::Io(_) | redb::Error::PreviousIo | redb::Error::Backend(_)
    )
}
