//! What a store does on a disk that fails: whatever it answered is true, and it goes on when the disk does.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use fogline_core::session::Expect;
use redb::{Database, StorageBackend};

use super::EmbeddedStore;
use super::file::Opener;
use crate::conformance::Scene;
use crate::{Committed, Store, StoreError};

#[derive(Clone, Debug)]
struct Disk {
    /// How many more operations that change the disk it takes; then they all fail.
    sound: Arc<AtomicI64>,
    /// Whether files cannot grow.
    full: Arc<AtomicBool>,
}

impl Disk {
    fn new() -> Self {
        Self {
            sound: Arc::new(AtomicI64::new(i64::MAX)),
            full: Arc::default(),
        }
    }

    fn fail_after(&self, operations: i64) {
        self.sound.store(operations, Ordering::SeqCst);
    }

    fn set_full(&self, full: bool) {
        self.full.store(full, Ordering::SeqCst);
    }

    fn change(&self) -> io::Result<()> {
        if self.sound.fetch_sub(1, Ordering::SeqCst) > 0 {
            return Ok(());
        }
        Err(io::Error::other("this disk is broken"))
    }
}

#[derive(Debug)]
struct Failing {
    file: File,
    disk: Disk,
}

impl StorageBackend for Failing {
    fn len(&self) -> io::Result<u64> {
        Ok(self.file.metadata()?.len())
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.file.read_exact_at(out, offset)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.disk.change()?;
        if self.disk.full.load(Ordering::SeqCst) && len > self.file.metadata()?.len() {
            return Err(io::Error::new(
                io::ErrorKind::StorageFull,
                "no space left on this disk",
            ));
        }
        self.file.set_len(len)
    }

    fn sync_data(&self) -> io::Result<()> {
        self.disk.change()
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.disk.change()?;
        self.file.write_all_at(data, offset)
    }
}

fn store_on(disk: &Disk, path: &Path) -> EmbeddedStore {
    EmbeddedStore::with_opener(opener(disk, path)).unwrap()
}

fn opener(disk: &Disk, path: &Path) -> Opener {
    let on = |path: &Path| {
        let (disk, path) = (disk.clone(), path.to_owned());
        move || -> io::Result<Failing> {
            let mut options = File::options();
            let options = options.read(true).write(true).create(true).truncate(false);
            let (file, disk) = (options.open(&path)?, disk.clone());
            Ok(Failing { file, disk })
        }
    };
    let (file, log) = (on(path), on(&Opener::log_of(path)));
    Opener {
        path: path.to_owned(),
        open: Box::new(move || Database::builder().create_with_backend(file()?)),
        open_log: Box::new(move || Ok(Box::new(log()?))),
    }
}

/// Every operation on the disk, in turn, is the first to fail.
#[tokio::test]
async fn a_disk_that_fails_at_any_moment_leaves_all_or_nothing_and_true_answers() {
    let folder = tempfile::tempdir().unwrap();
    let disk = Disk::new();
    let store = store_on(&disk, &folder.path().join("store.redb"));
    let scene = Scene::new("disk");
    let key = scene.key(1);
    let birth = scene.birth();
    let mut head = birth.head.clone();
    store.commit(&key, birth).await.unwrap();
    let (mut failed, mut unknown) = (0, 0);
    // Into the log, and into the tables.
    let (small, large) = (
        (0..5).map(|operations| (operations, 3_000)),
        (0..40).map(|operations| (operations, 300_000)),
    );
    for (operations, bytes) in small.chain(large) {
        let value = Bytes::from(vec![u8::try_from(operations).unwrap(); bytes]);
        let commit = scene.next(&head, &[("s", Some(value))]);
        let (new, before) = (commit.head.clone(), head.clone());
        disk.fail_after(operations);
        let answer = store.commit(&key, commit).await;
        disk.fail_after(i64::MAX);
        // A store that stayed closed opens again by itself, after a while.
        let stands = loop {
            match store.load(&key, &["s".parse().unwrap()].into()).await {
                Ok(stands) => break stands.unwrap(),
                Err(StoreError::Unavailable { .. }) => tokio::task::yield_now().await,
                Err(error) => panic!("{error}"),
            }
        };
        match &answer {
            Ok(Committed::Done) => assert_eq!(stands.head, new, "{operations}: it was acknowledged"),
            Ok(Committed::Unknown) => unknown += 1,
            Err(StoreError::Unavailable { problem, .. }) => {
                failed += 1;
                assert_eq!(
                    stands.head, before,
                    "{operations}: certainly nothing was done, {problem}"
                );
            }
            other => panic!("{operations}: {other:?}"),
        }
        assert!(
            stands.head == before || stands.head == new,
            "{operations}: all or nothing"
        );
        assert_eq!(
            stands.values.len(),
            stands.head.states.len(),
            "{operations}: with its bytes"
        );
        head = stands.head;
    }
    assert!(
        failed > 0 && failed + unknown < 45,
        "{failed} failed, {unknown} unknown of 45"
    );
    let last = scene.next(&head, &[("s", Some(Bytes::from_static(b"sound")))]);
    assert_eq!(store.commit(&key, last).await.unwrap(), Committed::Done);
}

/// Readers are told soon, on whichever thread they are, that the file is being opened again.
#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_takes_long_to_open_again_holds_up_no_reader() {
    let folder = tempfile::tempdir().unwrap();
    let disk = Disk::new();
    let mut opener = opener(&disk, &folder.path().join("store.redb"));
    let (opening, mut begun) = tokio::sync::mpsc::unbounded_channel();
    let (go, gone_on) = std::sync::mpsc::channel::<()>();
    let (open, gone_on) = (opener.open, Mutex::new(gone_on));
    opener.open = Box::new(move || {
        opening.send(()).unwrap();
        gone_on.lock().unwrap().recv().unwrap();
        open()
    });
    go.send(()).unwrap();
    let store = Arc::new(EmbeddedStore::with_opener(opener).unwrap());
    begun.recv().await.unwrap();
    let scene = Scene::new("slow");
    let (key, birth) = (scene.key(1), scene.birth());
    let head = birth.head.clone();
    store.commit(&key, birth).await.unwrap();

    disk.fail_after(0);
    let next = scene.next(&head, &[("s", Some(Bytes::from_static(b"lost")))]);
    let writing = tokio::spawn({
        let (store, key) = (Arc::clone(&store), key.clone());
        async move { store.commit(&key, next).await }
    });
    begun.recv().await.unwrap();
    disk.fail_after(i64::MAX);
    let reading = tokio::spawn({
        let (store, key) = (Arc::clone(&store), key.clone());
        async move { store.load(&key, &Default::default()).await }
    });
    let told = tokio::time::timeout(Duration::from_secs(10), reading).await;
    go.send(()).unwrap();
    drop(go);
    let told = told.expect("it does not wait").unwrap();
    assert!(matches!(told, Err(StoreError::Unavailable { .. })), "{told:?}");
    writing.await.unwrap().unwrap_err();
    let found = store.load(&key, &Default::default()).await.unwrap().unwrap();
    assert_eq!(found.head, head, "it is open");
    let next = store.commit(&key, scene.next(&head, &[])).await;
    assert_eq!(next.expect("it is not opened once more"), Committed::Done);
}

/// All that wait are told, and everything goes on when there is room again.
#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_refuses_what_has_no_room_and_keeps_what_is_there() {
    let folder = tempfile::tempdir().unwrap();
    let disk = Disk::new();
    let store = Arc::new(store_on(&disk, &folder.path().join("store.redb")));
    let scene = Arc::new(Scene::new("full"));
    let birth = scene.birth();
    let head = birth.head.clone();
    assert_eq!(store.commit(&scene.key(0), birth).await.unwrap(), Committed::Done);
    disk.set_full(true);
    let large = Bytes::from(vec![1; 6 << 20]);
    let writes = (0..8).map(|_| {
        let (store, scene, head, large) = (
            Arc::clone(&store),
            Arc::clone(&scene),
            head.clone(),
            large.clone(),
        );
        tokio::spawn(async move {
            let key = scene.key(0);
            let answer = store.commit(&key, scene.next(&head, &[("s", Some(large))])).await;
            (
                answer,
                store.load(&key, &Default::default()).await.unwrap().unwrap().head,
            )
        })
    });
    for write in writes.collect::<Vec<_>>() {
        let (answer, stands) = write.await.unwrap();
        let error = answer.unwrap_err();
        assert!(
            matches!(&error, StoreError::Unavailable { problem, .. } if problem.contains("no space")),
            "{error}"
        );
        assert!(error.to_string().contains("hint: "), "{error}");
        assert_eq!(stands, head, "nothing was done");
    }
    // What is on the disk already takes small commits, until the log is to grow.
    let (mut head, mut refused) = (head, 0);
    for _ in 0..100 {
        let key = scene.key(0);
        let commit = scene.next(&head, &[("s", Some(Bytes::from_static(b"small")))]);
        let next = commit.head.clone();
        match store.commit(&key, commit).await {
            Ok(done) => {
                assert_eq!(done, Committed::Done);
                head = next;
            }
            Err(error) => {
                refused += 1;
                assert!(error.to_string().contains("no space"), "{error}");
            }
        }
        let stands = store.load(&key, &Default::default()).await.unwrap().unwrap().head;
        assert_eq!(stands, head);
    }
    assert!(refused > 0, "the log has its bounds");
    disk.set_full(false);
    let large = scene.next(&head, &[("s", Some(large))]);
    assert_eq!(store.commit(&scene.key(0), large).await.unwrap(), Committed::Done);
}

/// The log has room where the file has none: what cannot be brought into the file is not in the log either.
#[tokio::test]
async fn a_full_disk_can_be_read_though_the_log_has_room() {
    let folder = tempfile::tempdir().unwrap();
    let disk = Disk::new();
    let store = store_on(&disk, &folder.path().join("store.redb"));
    let scene = Scene::new("room");
    let birth = scene.birth();
    let mut head = birth.head.clone();
    store.commit(&scene.key(0), birth).await.unwrap();
    // Until the log was full once, so that its file is as large as it gets.
    for _ in 0..1_100 {
        let commit = scene.next(&head, &[("s", Some(Bytes::from_static(b"small")))]);
        let next = commit.head.clone();
        assert_eq!(
            store.commit(&scene.key(0), commit).await.unwrap(),
            Committed::Done
        );
        head = next;
    }
    disk.set_full(true);
    let (mut kept, mut refused) = (0, 0);
    for record in 1..300 {
        let key = scene.key(record);
        let birth = scene.birth();
        let mut commit = scene.next(&birth.head, &[("s", Some(Bytes::from(vec![1; 3_000])))]);
        commit.expect = Expect::Absent;
        let done = store.commit(&key, commit).await;
        let stands = store.load(&key, &Default::default()).await.unwrap();
        let first = store.load(&scene.key(0), &Default::default()).await.unwrap();
        assert_eq!(first.map(|found| found.head), Some(head.clone()), "{record}");
        match done {
            Ok(done) => {
                assert_eq!(done, Committed::Done);
                kept += 1;
                assert!(stands.is_some(), "{record} was stored");
            }
            Err(error) => {
                refused += 1;
                assert!(error.to_string().contains("no space"), "{error}");
                assert!(stands.is_none(), "{record} was not stored");
            }
        }
    }
    assert!(kept > 0 && refused > 0, "{kept} had room, {refused} had none");
    disk.set_full(false);
    assert_eq!(
        store.commit(&scene.key(99), scene.birth()).await.unwrap(),
        Committed::Done
    );
}
