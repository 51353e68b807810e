//! What a store finds after the power failed: what it synced, and of what it did not, any sectors that the disk had got to.

use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64Mcg;
use redb::{Database, StorageBackend};
use tokio::task::JoinSet;

use super::EmbeddedStore;
use super::file::Opener;
use crate::EmbeddedOptions;
use crate::conformance::{Acknowledged, Pen, what_was_acknowledged_is_there};

/// What a disk writes as a whole.
const SECTOR: usize = 512;

/// A file, as the process sees it and as it is on the disk.
#[derive(Clone, Default)]
struct Image {
    seen: Vec<u8>,
    synced: Vec<u8>,
    unsynced: Vec<Write>,
}

#[derive(Clone)]
enum Write {
    Length(usize),
    /// Part of one sector.
    Bytes(usize, Vec<u8>),
}

fn make(file: &mut Vec<u8>, write: &Write) {
    match write {
        Write::Length(length) => file.resize(*length, 0),
        Write::Bytes(at, bytes) => {
            file.resize(file.len().max(at + bytes.len()), 0);
            file[*at..at + bytes.len()].copy_from_slice(bytes);
        }
    }
}

/// The disk, with the store's file and its log.
#[derive(Default)]
struct Disk {
    files: Mutex<[Image; 2]>,
    /// How many more operations it does before the power fails.
    left: AtomicU64,
    acknowledged: Mutex<Acknowledged>,
    /// What was acknowledged when the power failed, and what is on the disk then.
    failed: Mutex<Option<(Acknowledged, [Image; 2])>>,
}

struct File {
    disk: Arc<Disk>,
    file: usize,
}

impl std::fmt::Debug for File {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "File({})", self.file)
    }
}

impl File {
    fn with<T>(&self, using: impl FnOnce(&mut Image) -> T) -> T {
        using(&mut self.disk.files.lock().unwrap()[self.file])
    }

    fn change(&self, change: impl FnOnce(&mut Image)) {
        if self.disk.left.fetch_sub(1, Ordering::SeqCst) == 0 {
            // While this is held, nobody begins another commit.
            let acknowledged = self.disk.acknowledged.lock().unwrap();
            let files = self.disk.files.lock().unwrap().clone();
            *self.disk.failed.lock().unwrap() = Some((acknowledged.clone(), files));
        }
        self.with(change);
    }

    fn write(&self, writes: Vec<Write>) {
        self.change(|image| {
            for write in &writes {
                make(&mut image.seen, write);
            }
            image.unsynced.extend(writes);
        });
    }
}

impl StorageBackend for File {
    fn len(&self) -> io::Result<u64> {
        Ok(self.with(|image| image.seen.len()) as u64)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let at = usize::try_from(offset).unwrap();
        self.with(|image| {
            let found = image
                .seen
                .get(at..at + out.len())
                .ok_or(io::ErrorKind::UnexpectedEof)?;
            out.copy_from_slice(found);
            Ok(())
        })
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.write(vec![Write::Length(usize::try_from(len).unwrap())]);
        Ok(())
    }

    fn sync_data(&self) -> io::Result<()> {
        self.change(|image| {
            for write in std::mem::take(&mut image.unsynced) {
                make(&mut image.synced, &write);
            }
        });
        Ok(())
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        let (mut at, mut data, mut writes) = (usize::try_from(offset).unwrap(), data, Vec::new());
        while !data.is_empty() {
            let (sector, rest) = data.split_at(data.len().min(SECTOR - at % SECTOR));
            writes.push(Write::Bytes(at, sector.to_vec()));
            (at, data) = (at + sector.len(), rest);
        }
        self.write(writes);
        Ok(())
    }
}

fn store_on(disk: &Arc<Disk>, path: &Path) -> EmbeddedStore {
    let file = |file| {
        let disk = Arc::clone(disk);
        move || File {
            disk: Arc::clone(&disk),
            file,
        }
    };
    let (tables, log) = (file(0), file(1));
    EmbeddedStore::with_opener(Opener {
        path: path.to_owned(),
        open: Box::new(move || Database::builder().create_with_backend(tables())),
        open_log: Box::new(move || Ok(Box::new(log()))),
    })
    .unwrap()
}

/// Three write until the power fails.
async fn write_until_it_fails(disk: &Arc<Disk>, path: &Path) {
    let store = Arc::new(store_on(disk, path));
    let mut pens = JoinSet::new();
    for record in 0..3 {
        let (store, disk) = (Arc::clone(&store), Arc::clone(disk));
        pens.spawn(async move {
            let mut pen = Pen::new(record);
            while disk.failed.lock().unwrap().is_none() {
                let number = pen.write(&*store).await.unwrap().unwrap();
                disk.acknowledged.lock().unwrap().insert(record, number);
            }
        });
    }
    pens.join_all().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[expect(clippy::print_stdout, reason = "the seed of the case that failed is the last")]
async fn what_was_acknowledged_survives_that_the_power_fails() {
    for seed in 0..40 {
        println!("seed {seed}");
        let mut random = Pcg64Mcg::seed_from_u64(seed);
        let folder = tempfile::tempdir().unwrap();
        let disk = Arc::new(Disk::default());
        // Several operations for each of some hundred commits.
        let left = random.random_range(40..1500);
        disk.left.store(left, Ordering::SeqCst);
        write_until_it_fails(&disk, &folder.path().join("running.redb")).await;

        let (acknowledged, files) = disk.failed.lock().unwrap().take().unwrap();
        let path = folder.path().join("found.redb");
        for (image, path) in files.into_iter().zip([path.clone(), Opener::log_of(&path)]) {
            let mut file = image.synced;
            for write in image.unsynced {
                if matches!(write, Write::Length(_)) || random.random_bool(0.5) {
                    make(&mut file, &write);
                }
            }
            std::fs::write(path, file).unwrap();
        }
        let store = EmbeddedStore::open(&path, &EmbeddedOptions::default()).unwrap();
        what_was_acknowledged_is_there(&store, &acknowledged)
            .await
            .unwrap();
    }
}
