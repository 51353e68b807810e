use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use fogline_core::model::{Birth, SessionId, StateName};

use super::super::disk::{Disk, FileSystem};
use super::{Kept, MAX_INLINE, Record, Store};

/// A disk whose process is killed in the middle of one act: that act is done by half, and none after it.
#[derive(Clone, Debug)]
struct KilledAt {
    left: Arc<AtomicUsize>,
}

impl KilledAt {
    fn act(&self, whole: impl FnOnce() -> io::Result<()>, half: impl FnOnce()) -> io::Result<()> {
        let killed = || io::Error::other("killed");
        match self.left.load(Ordering::SeqCst) {
            0 => return Err(killed()),
            1 => {
                self.left.store(0, Ordering::SeqCst);
                half();
                return Err(killed());
            }
            left => self.left.store(left - 1, Ordering::SeqCst),
        }
        whole()
    }
}

impl Disk for KilledAt {
    fn write(&self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        let half = || fs::write(path, &bytes[..bytes.len() / 2]).unwrap();
        self.act(|| FileSystem.write(path, bytes), half)
    }

    fn replace(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.act(|| FileSystem.replace(from, to), || ())
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        self.act(|| FileSystem.remove(path), || ())
    }
}

fn new() -> Record {
    let node = "edge-1".parse().unwrap();
    let session = SessionId::mint(node, vec![Birth::InClient], [7; 16]).unwrap();
    Record::new("app".parse().unwrap(), &session)
}

fn open(folder: &Path, disk: impl Disk + 'static) -> Store {
    Store::open(folder.to_owned(), Box::new(disk), new())
        .unwrap()
        .unwrap()
}

/// The set of version `version`: small and large envelopes, all of which say the version.
fn set(version: u8) -> BTreeMap<StateName, Bytes> {
    let state = |name: &str, length| (name.parse().unwrap(), Bytes::from(vec![version; length]));
    [
        state("small", 10),
        state("large", MAX_INLINE + 1),
        state("larger", 3 * MAX_INLINE),
    ]
    .into()
}

fn write(store: &Store, version: u8) -> Result<(), crate::Error> {
    store.update(|record| {
        let kept = |(state, bytes)| (state, Kept::Inline(bytes));
        record.envelopes = set(version).into_iter().map(kept).collect();
    })
}

fn read(store: &Store) -> BTreeMap<StateName, Bytes> {
    let envelopes = store.record().envelopes.clone();
    envelopes
        .iter()
        .map(|(state, kept)| (state.clone(), store.read(kept).unwrap()))
        .collect()
}

#[test]
fn whenever_the_client_is_killed_the_set_is_the_old_one_or_the_new_one() {
    let mut survived = Vec::new();
    for acts in 1.. {
        let folder = tempfile::tempdir().unwrap();
        write(&open(folder.path(), FileSystem), 1).unwrap();
        let disk = KilledAt {
            left: Arc::new(AtomicUsize::new(acts)),
        };
        let written = write(&open(folder.path(), disk.clone()), 2);
        let after = read(&open(folder.path(), FileSystem));
        assert!(after == set(1) || after == set(2), "act {acts}");
        if written.is_ok() {
            assert!(after == set(2), "act {acts}: what was acknowledged is lost");
        }
        // record, lock and the two large envelopes.
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 4, "act {acts}");
        survived.push(after == set(2));
        if disk.left.load(Ordering::SeqCst) > 0 {
            break;
        }
    }
    // Two files, the record, its rename; then the removal of two old files.
    assert_eq!(survived, [false, false, false, false, true, true, true]);
}

#[test]
fn a_failed_change_changes_nothing_for_those_who_go_on() {
    let folder = tempfile::tempdir().unwrap();
    let disk = KilledAt {
        left: Arc::new(AtomicUsize::new(usize::MAX)),
    };
    let store = open(folder.path(), disk.clone());
    write(&store, 1).unwrap();
    disk.left.store(0, Ordering::SeqCst);
    assert!(write(&store, 2).is_err());
    assert_eq!(read(&store), set(1));
    disk.left.store(usize::MAX, Ordering::SeqCst);
    write(&store, 3).unwrap();
    assert_eq!(read(&store), set(3));
}

#[test]
fn a_second_client_is_kept_out_until_the_first_has_gone() {
    let folder = tempfile::tempdir().unwrap();
    let first = open(folder.path(), FileSystem);
    let second = || Store::open(folder.path().to_owned(), Box::new(FileSystem), new()).unwrap();
    assert!(second().is_none());
    drop(first);
    assert!(second().is_some());
}

#[test]
fn what_is_no_record_is_refused_and_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    write(&open(folder.path(), FileSystem), 1).unwrap();
    let path = folder.path().join("record");
    let good = fs::read(&path).unwrap();
    for bad in [&good[..good.len() - 1], &[], &[9, 9], &[&good[..], b"x"].concat()] {
        fs::write(&path, bad).unwrap();
        assert!(Store::open(folder.path().to_owned(), Box::new(FileSystem), new()).is_err());
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 4);
    }
    fs::write(&path, &good).unwrap();
    assert_eq!(read(&open(folder.path(), FileSystem)), set(1));
}
