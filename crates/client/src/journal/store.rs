//! One session's record: read once, changed as a whole or not at all.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use fogline_core::model::AppName;

use super::disk::{Disk, make_folder};
use super::record::{Kept, MAX_INLINE, Record};
use crate::Error;
use crate::random;

const RECORD: &str = "record";
/// A record that is being written.
const NEXT: &str = "record.next";
const LOCK: &str = "lock";

/// The application of the session whose folder this is, if it has a record that can be read.
pub(crate) fn kept_app(folder: &Path) -> Option<AppName> {
    Some(Record::decode(&fs::read(folder.join(RECORD)).ok()?).ok()?.app)
}

/// One session's record.
#[derive(Debug)]
pub(crate) struct Store {
    folder: Option<Folder>,
    /// Held while the disk is waited for, so that the record itself never is.
    changing: Mutex<()>,
    record: Mutex<Record>,
}

#[derive(Debug)]
struct Folder {
    path: PathBuf,
    disk: Box<dyn Disk>,
    /// Locked as long as it is open.
    _lock: File,
}

impl Store {
    /// A record that is lost with the process.
    pub(crate) fn in_memory(record: Record) -> Self {
        Self {
            folder: None,
            changing: Mutex::default(),
            record: Mutex::new(record),
        }
    }

    /// The record in a folder, or `new` if there is none yet; whatever a client left there when it died, and no record
    /// names, is removed. None while another process has it open.
    pub(crate) fn open(path: PathBuf, disk: Box<dyn Disk>, new: Record) -> Result<Option<Self>, Error> {
        make_folder(&path).map_err(writing(&path))?;
        let lock_path = path.join(LOCK);
        let lock = File::create(&lock_path).map_err(writing(&lock_path))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(fs::TryLockError::WouldBlock) => return Ok(None),
            Err(fs::TryLockError::Error(source)) => return Err(writing(&lock_path)(source)),
        }
        let record_path = path.join(RECORD);
        let record = match fs::read(&record_path) {
            Ok(bytes) => Record::decode(&bytes).map_err(|what| Error::Damaged {
                path: record_path,
                what,
            })?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => new,
            Err(source) => return Err(reading(&record_path)(source)),
        };
        let folder = Folder {
            path,
            disk,
            _lock: lock,
        };
        folder.sweep(&record)?;
        Ok(Some(Self {
            folder: Some(folder),
            changing: Mutex::default(),
            record: Mutex::new(record),
        }))
    }

    /// Whether changes wait for a disk.
    pub(crate) fn is_on_disk(&self) -> bool {
        self.folder.is_some()
    }

    /// The record as it is.
    pub(crate) fn record(&self) -> MutexGuard<'_, Record> {
        // A change is made on a copy: a panic in one leaves the record as it was.
        self.record.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes the record; when this returns, the change survives a loss of power.
    pub(crate) fn update<T>(&self, change: impl FnOnce(&mut Record) -> T) -> Result<T, Error> {
        let _changing = self.changing.lock().unwrap_or_else(PoisonError::into_inner);
        let before = self.record().clone();
        let mut next = before.clone();
        let result = change(&mut next);
        if let Some(folder) = &self.folder
            && next != before
        {
            folder.replace(&before, &mut next)?;
        }
        *self.record() = next;
        Ok(result)
    }

    /// Removes all there is of the record.
    pub(crate) fn discard(&self) -> Result<(), Error> {
        let Some(folder) = &self.folder else { return Ok(()) };
        fs::remove_dir_all(&folder.path).map_err(writing(&folder.path))
    }

    /// The bytes of a value.
    pub(crate) fn read(&self, kept: &Kept) -> Result<Bytes, Error> {
        match (kept, &self.folder) {
            (Kept::Inline(bytes), _) => Ok(bytes.clone()),
            (Kept::File(name), Some(folder)) => {
                let path = folder.path.join(name);
                fs::read(&path).map(Bytes::from).map_err(reading(&path))
            }
            (Kept::File(name), None) => Err(reading(Path::new(name))(io::Error::other(
                "a record in memory names no file",
            ))),
        }
    }
}

impl Folder {
    fn replace(&self, record: &Record, next: &mut Record) -> Result<(), Error> {
        for kept in next.kept_mut() {
            if let Kept::Inline(bytes) = kept
                && bytes.len() > MAX_INLINE
            {
                let name = data_encoding::HEXLOWER.encode(&random::bytes());
                let path = self.path.join(&name);
                self.disk.write(&path, bytes).map_err(writing(&path))?;
                *kept = Kept::File(name);
            }
        }
        let (from, to) = (self.path.join(NEXT), self.path.join(RECORD));
        self.disk.write(&from, &next.encode()).map_err(writing(&from))?;
        self.disk.replace(&from, &to).map_err(writing(&to))?;
        for name in files(record).difference(&files(next)) {
            // It is in nobody's way: the next opening sweeps it out.
            let _ = self.disk.remove(&self.path.join(name));
        }
        Ok(())
    }

    fn sweep(&self, record: &Record) -> Result<(), Error> {
        let known = files(record);
        for entry in fs::read_dir(&self.path).map_err(reading(&self.path))? {
            let name = entry.map_err(reading(&self.path))?.file_name();
            let keep =
                name == RECORD || name == LOCK || name.to_str().is_some_and(|name| known.contains(name));
            if !keep {
                let path = self.path.join(name);
                self.disk.remove(&path).map_err(writing(&path))?;
            }
        }
        Ok(())
    }
}

fn files(record: &Record) -> BTreeSet<&str> {
    fn name(kept: &Kept) -> Option<&str> {
        match kept {
            Kept::File(name) => Some(name),
            Kept::Inline(_) => None,
        }
    }
    record.kept().filter_map(name).collect()
}

fn reading(path: &Path) -> impl Fn(io::Error) -> Error + '_ {
    |source| Error::Journal {
        doing: "reading",
        path: path.to_owned(),
        source,
    }
}

fn writing(path: &Path) -> impl Fn(io::Error) -> Error + '_ {
    |source| Error::Journal {
        doing: "writing",
        path: path.to_owned(),
        source,
    }
}

#[cfg(test)]
mod tests;
