//! The embedded store: what survives kill -9, and what its file may be.
#![expect(clippy::unwrap_used, reason = "a test fails where it stands")]
#![expect(
    clippy::print_stdout,
    reason = "the process that is killed tells its parent what was acknowledged"
)]

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;

use bytes::Bytes;
use fogline_core::session::{BlobName, Commit, Expect};
use fogline_state::conformance::{Acknowledged, Pen, Scene, what_was_acknowledged_is_there};
use fogline_state::{Committed, EmbeddedOptions, EmbeddedStore, OpenError, Store};
use tokio::task::JoinSet;

/// Says where the store is to the process that is to be killed.
const CHILD: &str = "FOGLINE_STORE_TO_BE_KILLED";

fn open(path: &Path) -> Result<EmbeddedStore, OpenError> {
    EmbeddedStore::open(path, &EmbeddedOptions::default())
}

/// Runs itself as a process of its own, reads what that acknowledges, and kills it in the midst of commits.
#[test]
fn what_was_acknowledged_survives_kill_9() {
    if let Some(path) = std::env::var_os(CHILD) {
        return write_until_killed(Path::new(&path));
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.redb");
    // Each kill is at another moment of a group's work; each time with the records of the earlier times.
    let mut acknowledged = Acknowledged::new();
    for round in 0..4 {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "what_was_acknowledged_survives_kill_9", "--nocapture"])
            .env(CHILD, &path)
            .env("FOGLINE_ROUND", round.to_string())
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        for line in lines.by_ref().take(200 + 37 * round) {
            note(&mut acknowledged, &line.unwrap());
        }
        child.kill().unwrap();
        child.wait().unwrap();
        // What it had printed before it was killed was acknowledged too.
        for line in lines.map_while(Result::ok) {
            note(&mut acknowledged, &line);
        }
        let store = open(&path).unwrap();
        let check = what_was_acknowledged_is_there(&store, &acknowledged);
        tokio::runtime::Runtime::new().unwrap().block_on(check).unwrap();
    }
    assert!(acknowledged.len() >= 8, "{acknowledged:?}");
}

fn note(acknowledged: &mut Acknowledged, line: &str) {
    let mut words = line.split(' ');
    if let (Some("acknowledged"), Some(record), Some(number)) = (words.next(), words.next(), words.next())
        && let (Ok(record), Ok(number)) = (record.parse(), number.parse())
    {
        acknowledged.insert(record, number);
    }
}

#[tokio::main]
async fn write_until_killed(path: &Path) {
    let round: u64 = std::env::var("FOGLINE_ROUND").unwrap().parse().unwrap();
    let store = Arc::new(open(path).unwrap());
    let mut pens = JoinSet::new();
    for record in 0..8 {
        let store = Arc::clone(&store);
        pens.spawn(async move {
            let record = round * 100 + record;
            let mut pen = Pen::new(record);
            while let Some(number) = pen.write(&*store).await.unwrap() {
                println!("acknowledged {record} {number}");
            }
        });
    }
    pens.join_all().await;
}

#[test]
fn a_store_that_is_open_elsewhere_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.redb");
    let first = open(&path).unwrap();
    let error = open(&path).unwrap_err();
    assert!(matches!(error, OpenError::InUse { .. }), "{error:?}");
    assert!(error.to_string().contains("hint: "), "{error}");
    drop(first);
    open(&path).unwrap();
}

#[test]
fn a_file_that_is_no_store_is_refused_and_left_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.redb");
    for bytes in [b"not a store".to_vec(), vec![0xa5; 300], vec![0; 1 << 20]] {
        fs::write(&path, &bytes).unwrap();
        let error = open(&path).unwrap_err();
        assert!(matches!(error, OpenError::Damaged { .. }), "{error:?}");
        assert_eq!(fs::read(&path).unwrap(), bytes);
    }
}

#[test]
fn a_store_that_was_cut_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.redb");
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let store = open(&path).unwrap();
    for key in 0..64u8 {
        runtime
            .block_on(store.meta_put("blocks", &[key], Bytes::from(vec![key; 40_000])))
            .unwrap();
    }
    drop(store);
    let whole = fs::read(&path).unwrap();
    fs::write(&path, &whole[..whole.len() / 3]).unwrap();
    let error = open(&path).unwrap_err();
    assert!(
        matches!(error, OpenError::Damaged { .. } | OpenError::Io { .. }),
        "{error:?}"
    );
}

/// What is on the disk when the process ends all of a sudden, between two commits.
fn crash(from: &Path, to: &Path) {
    fs::create_dir(to).unwrap();
    for name in ["store.redb", "store.wal"] {
        fs::copy(from.join(name), to.join(name)).unwrap();
    }
}

#[tokio::test]
async fn what_is_only_in_the_log_is_there_after_a_crash_and_after_another() {
    let folder = tempfile::tempdir().unwrap();
    let at = |crashes: u64| folder.path().join(format!("after-{crashes}"));
    fs::create_dir(at(0)).unwrap();
    let mut acknowledged = Acknowledged::new();
    for crashes in 0..4 {
        let path = at(crashes).join("store.redb");
        let store = open(&path).unwrap();
        what_was_acknowledged_is_there(&store, &acknowledged)
            .await
            .unwrap();
        let mut pen = Pen::new(crashes);
        for _ in 0..20 {
            let number = pen.write(&store).await.unwrap().unwrap();
            acknowledged.insert(crashes, number);
        }
        crash(&at(crashes), &at(crashes + 1));
    }
}

#[tokio::test]
async fn a_store_of_which_a_file_is_gone_is_refused_unless_it_was_closed() {
    let folder = tempfile::tempdir().unwrap();
    let (running, crashed) = (folder.path().join("running"), folder.path().join("crashed"));
    fs::create_dir(&running).unwrap();
    let store = open(&running.join("store.redb")).unwrap();
    let mut acknowledged = Acknowledged::new();
    let mut pen = Pen::new(1);
    for _ in 0..3 {
        acknowledged.insert(1, pen.write(&store).await.unwrap().unwrap());
    }
    crash(&running, &crashed);
    fs::remove_file(crashed.join("store.wal")).unwrap();
    let error = open(&crashed.join("store.redb")).unwrap_err();
    assert!(matches!(error, OpenError::Damaged { .. }), "{error:?}");
    assert!(error.to_string().contains("store.wal is gone"), "{error}");

    let crashed = folder.path().join("again");
    crash(&running, &crashed);
    fs::remove_file(crashed.join("store.redb")).unwrap();
    let error = open(&crashed.join("store.redb")).unwrap_err();
    assert!(matches!(error, OpenError::Damaged { .. }), "{error:?}");

    drop(store);
    fs::remove_file(running.join("store.wal")).unwrap();
    let store = open(&running.join("store.redb")).unwrap();
    what_was_acknowledged_is_there(&store, &acknowledged)
        .await
        .unwrap();
}

#[test]
fn a_missing_folder_is_the_disks_fault() {
    let folder = tempfile::tempdir().unwrap();
    let error = open(&folder.path().join("none").join("store.redb")).unwrap_err();
    assert!(matches!(error, OpenError::Io { .. }), "{error:?}");
}

#[tokio::test]
async fn what_a_node_keeps_is_there_after_it_was_closed() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.redb");
    let store = open(&path).unwrap();
    let value = |text: &'static str| Bytes::from_static(text.as_bytes());
    for (table, key, text) in [
        ("runs", "b", "2"),
        ("runs", "a", "1"),
        ("runs", "c", "3"),
        ("apps", "z", "0"),
    ] {
        store.meta_put(table, key.as_bytes(), value(text)).await.unwrap();
    }
    store.meta_put("runs", b"b", value("two")).await.unwrap();
    store.meta_delete("runs", b"c").await.unwrap();
    store.meta_delete("runs", b"never").await.unwrap();
    drop(store);

    let store = open(&path).unwrap();
    assert_eq!(store.meta_get("runs", b"b").unwrap(), Some(value("two")));
    assert_eq!(store.meta_get("runs", b"c").unwrap(), None);
    assert_eq!(store.meta_get("apps", b"a").unwrap(), None, "tables are apart");
    let listed: BTreeMap<_, _> = store.meta_list("runs", None, 10).unwrap().into_iter().collect();
    assert_eq!(
        listed,
        BTreeMap::from([(value("a"), value("1")), (value("b"), value("two"))])
    );
    assert_eq!(
        store.meta_list("runs", Some(b"a"), 10).unwrap(),
        [(value("b"), value("two"))]
    );
    assert_eq!(
        store.meta_list("runs", None, 1).unwrap(),
        [(value("a"), value("1"))]
    );
    assert_eq!(store.meta_list("r", None, 10).unwrap(), []);
}

/// Commits to one record may follow each other without waiting for the disk (R8).
#[tokio::test]
async fn a_commit_may_follow_one_that_is_not_on_disk_yet() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(&folder.path().join("store.redb")).unwrap();
    let scene = Scene::new("chain");
    let key = scene.key(1);
    let number = |number: u8| Some(Bytes::from(vec![number; 9000]));
    let birth = scene.birth();
    let first = scene.next(&birth.head, &[("s", number(1))]);
    let second = scene.next(&first.head, &[("s", number(2))]);
    let late = scene.next(&first.head, &[("s", number(3))]);
    let last = second.head.clone();
    let (birth, first, second, late) = tokio::join!(
        store.commit(&key, birth),
        store.commit(&key, first),
        store.commit(&key, second),
        store.commit(&key, late),
    );
    for done in [birth, first, second] {
        assert_eq!(done.unwrap(), Committed::Done);
    }
    assert_eq!(late.unwrap(), Committed::Conflict(Some(last.clone())));
    let found = store
        .load(&key, &["s".parse().unwrap()].into())
        .await
        .unwrap()
        .unwrap();
    assert_eq!((found.head, found.values.into_values().next()), (last, number(2)));
}

/// A commit that names blobs which are there ahead of it does not bring them; what it does not name goes.
#[tokio::test]
async fn a_blob_that_came_ahead_is_there_once_a_commit_names_it_and_gone_if_none_does() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.redb");
    let store = open(&path).unwrap();
    let scene = Scene::new("ahead");
    let key = scene.key(1);
    let value = Bytes::from(vec![7; 9000]);
    let birth = scene.birth();
    let superseded = scene.next(&birth.head, &[("s", Some(Bytes::from(vec![6; 9000])))]);
    let mut wanted = scene.next(&birth.head, &[("s", Some(value.clone()))]);
    wanted.expect = Expect::Absent;
    let (old, new) = (one_blob(&superseded), one_blob(&wanted));

    wanted.blobs.clear();
    store.stage(&key, &old, Bytes::from(vec![6; 9000])).await.unwrap();
    store.stage(&key, &new, value.clone()).await.unwrap();
    assert_eq!(store.commit(&key, wanted).await.unwrap(), Committed::Done);
    assert_eq!(store.blob(&key, &new).await.unwrap(), Some(value.clone()));
    assert_eq!(store.blob(&key, &old).await.unwrap(), None, "not named");

    // Sent again, after the commit: what is named stays.
    store.stage(&key, &new, value.clone()).await.unwrap();
    store.stage(&key, &old, value.clone()).await.unwrap();
    store.unstage(&key).await.unwrap();
    assert_eq!(store.blob(&key, &new).await.unwrap(), Some(value.clone()));
    assert_eq!(store.blob(&key, &old).await.unwrap(), None);

    store.stage(&key, &old, value.clone()).await.unwrap();
    drop(store);
    let store = open(&path).unwrap();
    assert_eq!(store.blob(&key, &new).await.unwrap(), Some(value));
    assert_eq!(store.blob(&key, &old).await.unwrap(), None, "nobody will name it");
}

/// An expired record of a session that left is erased in the moment in which the session comes back.
#[tokio::test]
async fn erasing_a_record_leaves_what_waits_for_its_next_commit() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(&folder.path().join("store.redb")).unwrap();
    let scene = Scene::new("erased");
    let key = scene.key(1);
    let birth = scene.birth();
    let value = |byte| Bytes::from(vec![byte; 9000]);
    let left = scene.next(&birth.head, &[("s", Some(value(1)))]);
    let old = one_blob(&left);
    let mut back = scene.next(&left.head, &[("s", Some(value(2)))]);
    let new = one_blob(&back);
    for commit in [birth, left] {
        assert_eq!(store.commit(&key, commit).await.unwrap(), Committed::Done);
    }

    store.stage(&key, &new, value(2)).await.unwrap();
    store.erase(&key).await.unwrap();
    assert_eq!(store.blob(&key, &old).await.unwrap(), None);
    (back.expect, back.blobs) = (Expect::Absent, Default::default());
    assert_eq!(store.commit(&key, back).await.unwrap(), Committed::Done);
    let states = ["s".parse().unwrap()].into();
    let found = store.load(&key, &states).await.unwrap().unwrap();
    assert!(
        found.values.into_values().next() == Some(value(2)),
        "its blob is there"
    );

    store.erase(&key).await.unwrap();
    assert_eq!(store.blob(&key, &new).await.unwrap(), None, "it waits no longer");
}

fn one_blob(commit: &Commit) -> BlobName {
    commit.head.blobs().pop_first().unwrap()
}

/// What was deleted leaves room in the file, which the next opening gives back.
#[tokio::test]
async fn a_file_that_is_mostly_free_shrinks_when_it_is_opened() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.redb");
    let store = open(&path).unwrap();
    for key in 0..20u8 {
        store
            .meta_put("blocks", &[key], Bytes::from(vec![key; 8 << 20]))
            .await
            .unwrap();
    }
    // The last block stays, at the end of the file.
    for key in 0..19u8 {
        store.meta_delete("blocks", &[key]).await.unwrap();
    }
    drop(store);
    let before = fs::metadata(&path).unwrap().len();
    let store = open(&path).unwrap();
    let kept = store.meta_get("blocks", &[19]).unwrap().unwrap();
    drop(store);
    let after = fs::metadata(&path).unwrap().len();
    assert!(kept == vec![19; 8 << 20]);
    assert!(after < before / 2, "{before} bytes became {after}");
}
