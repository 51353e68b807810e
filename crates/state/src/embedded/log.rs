//! The log beside the file: what was committed since the last checkpoint of the tables, in the order it was done.
//!
//! A small group is on disk with one append and one fsync, where a transaction of redb that a crash is repaired from at
//! once takes two, and writes a page for each level of each tree that it changed. The log is written in place from its
//! start after each checkpoint: what it holds is bounded, and so is the time to do it again after a crash.
//!
//! A record is a header and changes, on sectors of its own, so that a torn write damages nothing that was acknowledged
//! before it. Its header names the checkpoint that it follows, by a random number that the tables hold too: older
//! records, and logs of other stores, are of other checkpoints. The first that is not whole ends the log.

use std::io;

use bytes::Bytes;
use redb::StorageBackend;

/// Where records begin: a multiple of what a disk writes as a whole.
const SECTOR: u64 = 4096;

/// Most bytes of a log. To do 4 MiB of small commits again takes less than 100 ms.
const MAX_LOG: u64 = 4 << 20;

/// A file that does not grow is synced without its journal: it grows by so much at once.
const GROWTH: u64 = 256 << 10;

/// A record's changes are no larger: what is larger is written to the tables at once, rather than twice.
pub(super) const MAX_RECORD: u64 = 128 << 10;

/// Checkpoint, length and checksum of what follows.
const HEADER: usize = 16;

/// Names a checkpoint of the tables. Zero is that of a store that was closed: its log holds nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Checkpoint(pub(super) u64);

impl Checkpoint {
    /// After it, nothing is in the log.
    pub(super) const CLOSED: Self = Self(0);

    /// One that was never there.
    pub(super) fn draw() -> Self {
        let mut bytes = [0; 8];
        aws_lc_rs::rand::fill(&mut bytes).expect("the operating system has random numbers");
        Self(u64::from_le_bytes(bytes).max(1))
    }
}

/// A log, open for appending.
#[derive(Debug)]
pub(super) struct Log {
    file: Box<dyn StorageBackend>,
    /// How long the file is.
    length: u64,
    /// What records follow; none before the first checkpoint since the log was opened.
    follows: Option<Checkpoint>,
    /// Where the next record begins.
    end: u64,
}

impl Log {
    pub(super) fn open(file: Box<dyn StorageBackend>) -> io::Result<Self> {
        let length = file.len()?;
        Ok(Self {
            file,
            length,
            follows: None,
            end: 0,
        })
    }

    /// Whether there is room for a record of so many bytes.
    pub(super) fn has_room(&self, bytes: u64) -> bool {
        self.follows.is_some() && bytes <= MAX_RECORD && self.end + size(bytes) <= MAX_LOG
    }

    /// The next record follows this checkpoint, and those before are void.
    pub(super) fn restart(&mut self, checkpoint: Checkpoint) {
        self.follows = Some(checkpoint);
        self.end = 0;
    }

    /// Whether a checkpoint stands that records may follow.
    pub(super) fn is_begun(&self) -> bool {
        self.follows.is_some()
    }

    /// Writes a record for which there is room, and says where it begins; on disk when this returns. After an error it may
    /// be there or not, and the log must be opened again.
    pub(super) fn append(&mut self, changes: &[u8]) -> io::Result<u64> {
        let follows = self
            .follows
            .take()
            .ok_or_else(|| io::Error::other("the log has no checkpoint to follow"))?;
        let next = self.end + size(changes.len() as u64);
        self.grow(next.next_multiple_of(GROWTH))?;
        let mut record = Vec::with_capacity(HEADER + changes.len());
        record.extend(header(follows, changes));
        record.extend_from_slice(changes);
        self.file.write(self.end, &record)?;
        self.file.sync_data()?;
        let begin = std::mem::replace(&mut self.end, next);
        self.follows = Some(follows);
        Ok(begin)
    }

    /// Makes the file at least so long. A part that was never written is not on the disk yet, and would be put there by the
    /// journal; a buffer as large as the growth would cost more memory than all else of the store.
    fn grow(&mut self, length: u64) -> io::Result<()> {
        if length <= self.length {
            return Ok(());
        }
        self.file.set_len(length)?;
        while self.length < length {
            self.file.write(self.length, &[0; SECTOR as usize])?;
            self.length += SECTOR;
        }
        Ok(())
    }

    /// Takes the last record back, which was appended at `begin`; after an error it may be there still.
    pub(super) fn retract(&mut self, begin: u64) -> io::Result<()> {
        self.file.write(begin, &[0; HEADER])?;
        self.file.sync_data()?;
        self.end = begin;
        Ok(())
    }

    /// Goes on behind the whole records that follow this checkpoint, and says what their changes are.
    ///
    /// They are written once more: what is read may be in the page cache alone, and what a failed fsync left there is never
    /// written otherwise.
    ///
    /// # Errors
    /// Of the disk; [`io::ErrorKind::InvalidData`] when a record ahead of a whole one is damaged.
    pub(super) fn resume(&mut self, checkpoint: Checkpoint) -> io::Result<Vec<Bytes>> {
        let mut all = vec![0; usize::try_from(self.length.min(MAX_LOG)).map_err(io::Error::other)?];
        self.file.read(0, &mut all)?;
        let all = Bytes::from(all);
        let (mut records, mut end) = (Vec::new(), 0);
        while let Some(changes) = whole(&all.slice(end..), checkpoint) {
            let size = usize::try_from(size(changes.len() as u64)).map_err(io::Error::other)?;
            end = (end + size).min(all.len());
            records.push(changes);
        }
        // None was begun before the one ahead of it was on disk: what ends in its middle was not torn by a crash.
        let behind = (end..all.len()).step_by(SECTOR as usize);
        if let Some(lost) = behind
            .skip(1)
            .find(|at| whole(&all.slice(*at..), checkpoint).is_some())
        {
            let problem = format!("its log is damaged at byte {end}: there is more at byte {lost}");
            return Err(io::Error::new(io::ErrorKind::InvalidData, problem));
        }
        if end > 0 {
            self.file.write(0, &all[..end])?;
            self.file.sync_data()?;
        }
        (self.follows, self.end) = (Some(checkpoint), end as u64);
        Ok(records)
    }
}

impl Drop for Log {
    fn drop(&mut self) {
        if let Err(error) = self.file.close() {
            tracing::debug!(%error, "closing the store's log");
        }
    }
}

/// Bytes on disk of a record of so many bytes.
fn size(changes: u64) -> u64 {
    (HEADER as u64 + changes).next_multiple_of(SECTOR)
}

fn header(follows: Checkpoint, changes: &[u8]) -> [u8; HEADER] {
    let length = u32::try_from(changes.len()).unwrap_or(u32::MAX);
    let mut header = [0; HEADER];
    header[..8].copy_from_slice(&follows.0.to_le_bytes());
    header[8..12].copy_from_slice(&length.to_le_bytes());
    let mut sum = crc32fast::Hasher::new();
    sum.update(&header[..12]);
    sum.update(changes);
    header[12..].copy_from_slice(&sum.finalize().to_le_bytes());
    header
}

/// The changes of the record that this begins with, if it is whole and follows this checkpoint.
fn whole(bytes: &Bytes, follow: Checkpoint) -> Option<Bytes> {
    let length: [u8; 4] = bytes.get(8..12)?.try_into().ok()?;
    let length = usize::try_from(u32::from_le_bytes(length)).ok()?;
    let changes = bytes.get(HEADER..HEADER.checked_add(length)?)?;
    (bytes[..HEADER] == header(follow, changes)).then(|| bytes.slice_ref(changes))
}

#[cfg(test)]
mod tests {
    use redb::backends::InMemoryBackend;

    use super::*;

    fn log() -> Log {
        Log::open(Box::new(InMemoryBackend::new())).unwrap()
    }

    /// What is found in the log after a crash that changed a byte.
    fn found(log: &Log, at: u64, checkpoint: Checkpoint) -> io::Result<Vec<Bytes>> {
        let mut bytes = vec![0; usize::try_from(log.length).unwrap()];
        log.file.read(0, &mut bytes).unwrap();
        bytes[usize::try_from(at).unwrap()] ^= 1;
        let file = InMemoryBackend::new();
        file.set_len(log.length).unwrap();
        file.write(0, &bytes).unwrap();
        let mut log = Log::open(Box::new(file)).unwrap();
        let records = log.resume(checkpoint)?;
        // What is written then comes behind them.
        log.append(b"last").unwrap();
        let again = log.resume(checkpoint).unwrap();
        assert_eq!(
            (&again[..records.len()], &again[records.len()][..]),
            (&records[..], &b"last"[..])
        );
        Ok(records)
    }

    #[test]
    fn what_follows_a_checkpoint_is_there_in_its_order_and_nothing_else() {
        let mut log = log();
        let (first, second) = (Checkpoint::draw(), Checkpoint::draw());
        log.restart(first);
        let long = vec![3; 9000];
        for record in [&b"one"[..], b"two", &long, b"four"] {
            log.append(record).unwrap();
        }
        assert_eq!(log.resume(first).unwrap(), [&b"one"[..], b"two", &long, b"four"]);
        log.restart(second);
        assert!(log.resume(second).unwrap().is_empty());
        log.append(b"new").unwrap();
        assert_eq!(log.resume(second).unwrap(), [&b"new"[..]]);
        let damaged = log.resume(first).unwrap_err();
        assert_eq!(
            damaged.kind(),
            io::ErrorKind::InvalidData,
            "its first record is written over"
        );
    }

    #[test]
    fn a_record_that_is_not_whole_ends_the_log_or_damages_it() {
        let mut log = log();
        let checkpoint = Checkpoint::draw();
        log.restart(checkpoint);
        for record in [b"one", b"two", b"six"] {
            log.append(record).unwrap();
        }
        assert_eq!(found(&log, 2 * SECTOR + 18, checkpoint).unwrap().len(), 2);
        // Others were written behind these: no crash tears them.
        for at in [0, 9, 17, SECTOR + 13] {
            let damaged = found(&log, at, checkpoint).unwrap_err();
            assert_eq!(damaged.kind(), io::ErrorKind::InvalidData, "{at}");
        }
        // Behind a record's bytes nothing is read.
        assert_eq!(found(&log, 19, checkpoint).unwrap().len(), 3);
    }

    #[test]
    fn a_log_is_full_when_it_has_no_room_for_a_record() {
        let mut log = log();
        assert!(!log.has_room(1), "nothing to follow yet");
        log.restart(Checkpoint::draw());
        assert!(log.has_room(MAX_RECORD) && !log.has_room(MAX_RECORD + 1));
        let mut records = 0;
        while log.has_room(1) {
            log.append(b"x").unwrap();
            records += 1;
        }
        assert_eq!(records, MAX_LOG / SECTOR);
        assert_eq!(log.length, MAX_LOG);
    }

    /// Format 2 of the store promises these bytes.
    #[test]
    fn a_record_has_these_bytes() {
        let bytes = header(Checkpoint(0x0102_0304_0506_0708), b"changes");
        assert_eq!(bytes[..12], [8, 7, 6, 5, 4, 3, 2, 1, 7, 0, 0, 0]);
        let mut summed = bytes[..12].to_vec();
        summed.extend(b"changes");
        assert_eq!(bytes[12..], crc32fast::hash(&summed).to_le_bytes());
    }
}
