//! What a store does on a disk that fails: whatever it answered is true, and it goes on when the disk does.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use bytes::Bytes;
use redb::{Database, StorageBackend};

use super::EmbeddedStore;
use super::file::Opener;
use crate::conformance::Scene;
use crate::{Committed, Store, StoreError};

/// How many more operations that change the disk it takes; then they all fail.
#[derive(Clone, Debug)]
struct Disk(Arc<AtomicI64>);

impl Disk {
    const SOUND: i64 = i64::MAX;

    fn new() -> Self {
        Self(Arc::new(AtomicI64::new(Self::SOUND)))
    }

    fn fail_after(&self, operations: i64) {
        self.0.store(operations, Ordering::SeqCst);
    }

    fn repair(&self) {
        self.fail_after(Self::SOUND);
    }

    fn change(&self) -> io::Result<()> {
        if self.0.fetch_sub(1, Ordering::SeqCst) > 0 {
            return Ok(());
        }
        Err(io::Error::new(io::ErrorKind::StorageFull, "no space left on this disk"))
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
    let (disk, file) = (disk.clone(), path.to_owned());
    let open = move || {
        let file = File::options().read(true).write(true).create(true).truncate(false).open(&file)?;
        Database::builder().create_with_backend(Failing { file, disk: disk.clone() })
    };
    EmbeddedStore::with_opener(Opener { path: path.to_owned(), open: Box::new(open) }).unwrap()
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
    for operations in 0..60 {
        let value = Bytes::from(vec![u8::try_from(operations).unwrap(); 300_000]);
        let commit = scene.next(&head, &[("s", Some(value))]);
        let (new, before) = (commit.head.clone(), head.clone());
        disk.fail_after(operations);
        let answer = store.commit(&key, commit).await;
        disk.repair();
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
                assert_eq!(stands.head, before, "{operations}: certainly nothing was done, {problem}");
            }
            other => panic!("{operations}: {other:?}"),
        }
        assert!(stands.head == before || stands.head == new, "{operations}: all or nothing");
        assert_eq!(stands.values.len(), stands.head.states.len(), "{operations}: with its bytes");
        head = stands.head;
    }
    println!("{failed} failed, {unknown} unknown of 60");
    assert!(failed > 0);
    let last = scene.next(&head, &[("s", Some(Bytes::from_static(b"sound")))]);
    assert_eq!(store.commit(&key, last).await.unwrap(), Committed::Done);
}

/// Others in the same group are told the same.
#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_is_said_to_all_who_wait_and_not_for_ever() {
    let folder = tempfile::tempdir().unwrap();
    let disk = Disk::new();
    let store = Arc::new(store_on(&disk, &folder.path().join("store.redb")));
    let scene = Arc::new(Scene::new("full"));
    disk.fail_after(0);
    let births = (0..32).map(|number| {
        let (store, scene) = (Arc::clone(&store), Arc::clone(&scene));
        tokio::spawn(async move { store.commit(&scene.key(number), scene.birth()).await })
    });
    for birth in births.collect::<Vec<_>>() {
        let error = birth.await.unwrap().unwrap_err();
        assert!(matches!(error, StoreError::Unavailable { .. }), "{error}");
        assert!(error.to_string().contains("hint: "), "{error}");
    }
    disk.repair();
    loop {
        match store.commit(&scene.key(1), scene.birth()).await {
            Ok(answer) => break assert_eq!(answer, Committed::Done),
            Err(StoreError::Unavailable { .. }) => tokio::task::yield_now().await,
            Err(error) => panic!("{error}"),
        }
    }
    assert_eq!(store.list(&scene.tenant, &scene.app, None, 100).await.unwrap().len(), 1);
}
