//! Checkpoints of the tables, and how what the log holds comes into them after a crash.

use redb::{Database, Durability, ReadableDatabase, WriteTransaction};

use super::apply::{Change, Tables};
use super::file::{CHECKPOINT_ROW, FORMAT, FORMAT_ROW, STORE, USED_ROW};
use super::log::{Checkpoint, Log};
use super::staged::medium;

/// What the tables say of themselves.
#[derive(Clone, Copy)]
pub(super) struct Stands {
    pub(super) format: u64,
    /// About how many bytes are in them.
    pub(super) used: u64,
    /// What the log follows.
    pub(super) checkpoint: Checkpoint,
}

/// What the tables say; nothing if they were not made yet.
pub(super) fn stands(db: &Database) -> Result<Option<Stands>, redb::Error> {
    let table = match db.begin_read()?.open_table(STORE) {
        Ok(table) => table,
        Err(redb::TableError::TableDoesNotExist(_)) => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    let row = |name| -> Result<u64, redb::Error> { Ok(table.get(name)?.map_or(0, |row| row.value())) };
    Ok(Some(Stands {
        format: row(FORMAT_ROW)?,
        used: row(USED_ROW)?,
        checkpoint: Checkpoint(row(CHECKPOINT_ROW)?),
    }))
}

/// Writes the tables to disk with all that was done to them, such that a crash is repaired from there at once; for a
/// second fsync.
pub(super) fn checkpoint(
    mut transaction: WriteTransaction,
    checkpoint: Checkpoint,
    used: u64,
) -> Result<(), redb::Error> {
    let mut table = transaction.open_table(STORE)?;
    table.insert(FORMAT_ROW, FORMAT)?;
    table.insert(USED_ROW, used)?;
    table.insert(CHECKPOINT_ROW, checkpoint.0)?;
    drop(table);
    transaction.set_quick_repair(true);
    Ok(transaction.commit()?)
}

/// Does again what the log holds, and goes on behind it; how many bytes are used then. It takes no room on the disk that
/// was not taken before: a full one can be read.
pub(super) fn replay(db: &Database, log: &mut Log, stands: Stands) -> Result<u64, redb::Error> {
    if stands.checkpoint == Checkpoint::CLOSED {
        return Ok(stands.used);
    }
    let records = log.resume(stands.checkpoint)?;
    let mut transaction = db.begin_write()?;
    transaction.set_durability(Durability::None)?;
    let mut tables = Tables::open(&transaction)?;
    for record in &records {
        let changes: Vec<Change> = postcard::from_bytes(record)
            .map_err(|error| redb::Error::Corrupted(format!("a record of its log: {error}")))?;
        for change in &changes {
            tables.apply(change).map_err(medium)?;
        }
    }
    let used = (stands.used + tables.put).saturating_sub(tables.taken);
    drop(tables);
    transaction.commit()?;
    tracing::debug!(groups = records.len(), "did again what the store's log holds");
    Ok(used)
}
