//! The embedded store on this machine's disk: `cargo bench -p fogline-state --bench embedded`.

#![expect(
    clippy::unwrap_used,
    reason = "a benchmark that cannot start has nothing to say"
)]

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use divan::Bencher;
use divan::counter::ItemsCount;
use fogline_core::session::{Commit, Head, RecordKey};
use fogline_state::conformance::Scene;
use fogline_state::{Committed, EmbeddedOptions, EmbeddedStore, Store};
use redb::{Database, TableDefinition};
use tempfile::TempDir;
use tokio::runtime::Runtime;
use tokio::task::JoinSet;

fn main() {
    divan::main();
}

/// Under target/, because /tmp may be memory, where an fsync costs nothing; or where FOGLINE_BENCH_DIR says.
fn folder() -> TempDir {
    let folder = std::env::var_os("FOGLINE_BENCH_DIR").unwrap_or_else(|| env!("CARGO_TARGET_TMPDIR").into());
    tempfile::tempdir_in(folder).unwrap()
}

fn open(path: &Path) -> Arc<EmbeddedStore> {
    Arc::new(EmbeddedStore::open(&path.join("store.redb"), &EmbeddedOptions::default()).unwrap())
}

async fn commit(store: &EmbeddedStore, key: &RecordKey, commit: Commit) -> Head {
    let head = commit.head.clone();
    assert_eq!(store.commit(key, commit).await.unwrap(), Committed::Done);
    head
}

/// So many committers, each with a session of its own, 100 commits of 100 bytes each.
#[divan::bench(args = [1, 8, 64, 256], sample_count = 10, sample_size = 1)]
fn commits(bencher: Bencher<'_, '_>, committers: u64) {
    const EACH: u64 = 100;
    let (runtime, folder) = (Runtime::new().unwrap(), folder());
    let store = open(folder.path());
    let scene = Arc::new(Scene::new("bench"));
    let sessions = AtomicU64::new(0);
    bencher.counter(ItemsCount::new(committers * EACH)).bench(|| {
        let mut tasks = JoinSet::new();
        for _ in 0..committers {
            let key = scene.key(sessions.fetch_add(1, Ordering::Relaxed));
            let (store, scene) = (Arc::clone(&store), Arc::clone(&scene));
            let task = async move {
                let mut head = commit(&store, &key, scene.birth()).await;
                for _ in 1..EACH {
                    head = commit(
                        &store,
                        &key,
                        scene.next(&head, &[("s", Some(vec![7; 100].into()))]),
                    )
                    .await;
                }
            };
            tasks.spawn_on(task, runtime.handle());
        }
        runtime.block_on(tasks.join_all());
    });
}

/// One bare transaction of redb with one row of 100 bytes, to compare with.
#[divan::bench(args = [false, true], sample_count = 100, sample_size = 1)]
fn bare_redb_commit(bencher: Bencher<'_, '_>, quick_repair: bool) {
    const TABLE: TableDefinition<'_, u64, &[u8]> = TableDefinition::new("rows");
    let folder = folder();
    let db = Database::create(folder.path().join("bare.redb")).unwrap();
    let mut key = 0;
    bencher.bench_local(|| {
        key += 1;
        let mut transaction = db.begin_write().unwrap();
        transaction.set_quick_repair(quick_repair);
        transaction
            .open_table(TABLE)
            .unwrap()
            .insert(key % 1000, [7; 100].as_slice())
            .unwrap();
        transaction.commit().unwrap();
    });
}

/// Head and one state of so many bytes, of one of 1000 sessions.
#[divan::bench(args = [100, 10_000, 1_000_000])]
fn load(bencher: Bencher<'_, '_>, bytes: usize) {
    let (runtime, folder) = (Runtime::new().unwrap(), folder());
    let store = open(folder.path());
    let scene = Scene::new("bench");
    let sessions = if bytes > 100_000 { 20 } else { 1000 };
    let keys: Vec<_> = (0..sessions).map(|session| scene.key(session)).collect();
    runtime.block_on(async {
        for key in &keys {
            let head = commit(&store, key, scene.birth()).await;
            commit(
                &store,
                key,
                scene.next(&head, &[("s", Some(vec![7; bytes].into()))]),
            )
            .await;
        }
    });
    let states = ["s".parse().unwrap()].into();
    let mut next = keys.iter().cycle();
    bencher.bench_local(|| {
        let key = next.next().unwrap();
        runtime.block_on(store.load(key, &states)).unwrap().unwrap()
    });
}

/// A store of so many MiB in states of 5 kB, whose process was killed.
#[divan::bench(args = [1, 16, 60, 400], sample_count = 5, sample_size = 1)]
fn open_after_kill_9(bencher: Bencher<'_, '_>, mib: u64) {
    let (runtime, folder) = (Runtime::new().unwrap(), folder());
    let store = open(folder.path());
    let scene = Scene::new("bench");
    runtime.block_on(async {
        for session in 0..mib * 2 {
            let birth = scene.birth();
            let names: Vec<_> = (0..100).map(|state| format!("s-{state}")).collect();
            let writes: Vec<_> = names
                .iter()
                .map(|name| (name.as_str(), Some(vec![7; 5 << 10].into())))
                .collect();
            let next = scene.next(&birth.head, &writes);
            commit(&store, &scene.key(session), birth).await;
            commit(&store, &scene.key(session), next).await;
        }
    });
    let copies = std::cell::Cell::new(0);
    bencher
        .with_inputs(|| {
            copies.set(copies.get() + 1);
            let copy = folder.path().join(format!("copy-{}", copies.get()));
            std::fs::create_dir(&copy).unwrap();
            for name in ["store.redb", "store.wal"] {
                std::fs::copy(folder.path().join(name), copy.join(name)).unwrap();
            }
            copy
        })
        .bench_local_values(|copy| open(&copy));
}
