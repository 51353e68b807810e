//! A group of changes in one transaction, and what is known of it when the disk fails.

use fogline_core::model::CommitId;
use redb::{Database, Durability, WriteTransaction};

use super::apply::{Change, Tables};
use super::log::{Checkpoint, Log};
use super::read::{Read, ReadError};
use super::recover;
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

/// Makes all changes, each on what those before it left, and stores them together: in the log if it has room for them,
/// else in the tables with all that is in the log. `used` is about how many bytes were used before.
pub(super) fn store(db: &Database, log: &mut Log, changes: &[Change], used: u64) -> Done {
    let applied = match apply(db, changes) {
        Ok(applied) => applied,
        Err(error) => return Done::Nothing(error),
    };
    let Applied {
        transaction,
        answers,
        put,
        taken,
    } = applied;
    let stored = match transaction {
        // All were refused, by heads that are on disk already: no fsync is needed to say so.
        None => Ok(()),
        Some(transaction) => write(
            transaction,
            log,
            changes,
            &answers,
            (used + put).saturating_sub(taken),
        ),
    };
    match stored {
        Ok(()) => Done::Stored { answers, put, taken },
        Err(error) => Done::Unknown { error, answers },
    }
}

/// Changes as they were done in a transaction; without one if nothing was changed.
struct Applied {
    transaction: Option<WriteTransaction>,
    answers: Vec<Result<Committed, StoreError>>,
    put: u64,
    taken: u64,
}

fn apply(db: &Database, changes: &[Change]) -> Result<Applied, redb::Error> {
    let transaction = db.begin_write()?;
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
    let transaction = if changed {
        Some(transaction)
    } else {
        transaction.abort()?;
        None
    };
    Ok(Applied {
        transaction,
        answers,
        put,
        taken,
    })
}

/// Puts on disk what a transaction did, and shows it to readers; after an error it is there or not.
fn write(
    mut transaction: WriteTransaction,
    log: &mut Log,
    changes: &[Change],
    answers: &[Result<Committed, StoreError>],
    used: u64,
) -> Result<(), redb::Error> {
    let bytes = changes.iter().map(Change::bytes).sum();
    if log.has_room(bytes) {
        let done = changes.iter().zip(answers);
        let done = done.filter(|(_, answer)| matches!(answer, Ok(Committed::Done)));
        let done: Vec<&Change> = done.map(|(change, _)| change).collect();
        let record = postcard::to_allocvec(&done)
            .map_err(|error| redb::Error::Corrupted(format!("a record for its log: {error}")))?;
        // Names and lengths come to the bytes that were counted.
        if log.has_room(record.len() as u64) {
            let begin = log.append(&record)?;
            transaction.set_durability(Durability::None)?;
            return transaction.commit().or_else(|error| {
                // A full disk has no room for it in the tables, nor would it after they were opened again.
                log.retract(begin)?;
                Err(error.into())
            });
        }
    }
    let checkpoint = Checkpoint::draw();
    recover::checkpoint(transaction, checkpoint, used)?;
    log.restart(checkpoint);
    Ok(())
}

/// Whether a group whose commit failed is seen after the file was opened again; `None` if nothing in it can tell.
///
/// Its last change of a head tells. If it is not there, nothing of the group is, nor will be. If it is there, it may
/// still not be on disk: what a failed fsync left in the page cache is read back, and lost with the machine.
pub(super) fn is_seen(
    db: &Database,
    changes: &[Change],
    answers: &[Result<Committed, StoreError>],
) -> Option<bool> {
    let tells = |(change, answer): (&Change, &Result<Committed, StoreError>)| match (change, answer) {
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
