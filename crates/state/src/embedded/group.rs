//! A group of changes in one transaction, and what is known of it when the disk fails.

use fogline_core::model::CommitId;
use redb::{Database, WriteTransaction};

use super::apply::{Change, Tables};
use super::file::{STORE, USED_ROW};
use super::read::{Read, ReadError};
use crate::{Committed, StoreError};

/// What became of a group.
pub(super) enum Done {
    /// It is on disk, and each change has its answer.
    Stored {
        answers: Vec<Result<Committed, StoreError>>,
        /// Bytes put in, and taken out.
        put: u64,
        taken: u64,
    },
    /// The disk failed before the end: nothing was done.
    Nothing(redb::Error),
    /// The disk failed at the end: everything was done, or nothing; what the answers would have been.
    Unknown {
        error: redb::Error,
        answers: Vec<Result<Committed, StoreError>>,
    },
}

/// How a group is stored.
#[derive(Clone, Copy)]
pub(super) struct How {
    /// Whether a crash after it is repaired at once, for a second fsync, or by reading the whole file.
    pub(super) quick_repair: bool,
    /// About how many bytes are used, if that is to be written along.
    pub(super) used: Option<u64>,
}

/// Makes all changes, each on what those before it left, and stores them together.
pub(super) fn store(db: &Database, changes: &[&Change], how: How) -> Done {
    match apply(db, changes, how) {
        Err(error) => Done::Nothing(error),
        Ok((None, answers, put, taken)) => Done::Stored { answers, put, taken },
        Ok((Some(transaction), answers, put, taken)) => match transaction.commit() {
            Ok(()) => Done::Stored { answers, put, taken },
            Err(error) => Done::Unknown {
                error: error.into(),
                answers,
            },
        },
    }
}

type Applied = (
    Option<WriteTransaction>,
    Vec<Result<Committed, StoreError>>,
    u64,
    u64,
);

fn apply(db: &Database, changes: &[&Change], how: How) -> Result<Applied, redb::Error> {
    let mut transaction = db.begin_write()?;
    transaction.set_quick_repair(how.quick_repair);
    let mut answers = Vec::with_capacity(changes.len());
    let mut tables = Tables::open(&transaction)?;
    for change in changes {
        answers.push(match tables.apply(change) {
            Ok(committed) => Ok(committed),
            Err(ReadError::Record(error)) => Err(error),
            Err(ReadError::Medium(error)) => return Err(error),
        });
    }
    let (changed, put, taken) = (tables.changed(), tables.put, tables.taken);
    drop(tables);
    if let Some(used) = how.used {
        transaction.open_table(STORE)?.insert(USED_ROW, used)?;
    }
    if changed || how.used.is_some() {
        return Ok((Some(transaction), answers, put, taken));
    }
    // All were refused, by heads that are on disk already: no fsync is needed to say so.
    transaction.abort()?;
    Ok((None, answers, put, taken))
}

/// Whether a group whose commit failed is seen after the file was opened again; `None` if nothing in it can tell.
///
/// Its last change of a head tells. If it is not there, nothing of the group is, nor will be. If it is there, it may
/// still not be on disk: what a failed fsync left in the page cache is read back, and lost with the machine.
pub(super) fn is_seen(
    db: &Database,
    changes: &[&Change],
    answers: &[Result<Committed, StoreError>],
) -> Option<bool> {
    let tells = |(change, answer): (&&Change, &Result<Committed, StoreError>)| match (change, answer) {
        (Change::Commit { key, commit, .. }, Ok(Committed::Done)) => Some((key.clone(), *commit)),
        _ => None,
    };
    let (key, commit): (String, CommitId) = changes.iter().zip(answers).rev().find_map(tells)?;
    let head = Read::begin(db)
        .map_err(ReadError::Medium)
        .and_then(|read| read.head(&key))
        .ok()?;
    Some(head.is_some_and(|head| head.commit == commit))
}
