//! What is measured without a network: the store, the sealing.

use std::collections::{BTreeMap, BTreeSet};
use std::hint::black_box;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use fogline_core::model::{Birth, CommitId, ExecutionModel, NodeName, SessionId, StateName, Timestamp};
use fogline_core::session::{Commit, Content, Entry, Expect, Head, RecordKey};
use fogline_state::seal::{Keyring, Scope, Sealer};
use fogline_state::{EmbeddedOptions, EmbeddedStore, Store};
use redb::{Database, TableDefinition};

use crate::goals::Goal;
use crate::{Findings, Outcome, note};

/// The median of one transaction of redb with one row of 100 bytes, in µs.
pub(crate) fn bare_redb_commit(data: &Path) -> Outcome<f64> {
    const TABLE: TableDefinition<'_, u64, &[u8]> = TableDefinition::new("rows");
    note("bare redb commit");
    let folder = tempfile::tempdir_in(data)?;
    let db = Database::create(folder.path().join("bare.redb"))?;
    let mut key = 0;
    median(300, || {
        key += 1;
        let transaction = db.begin_write()?;
        transaction.open_table(TABLE)?.insert(key, &[7; 100][..])?;
        Ok(transaction.commit()?)
    })
}

pub(crate) async fn measure(data: &Path, findings: &mut Findings) -> Outcome<()> {
    note("in-edge read");
    let read = in_edge_read(data).await?;
    findings.goals.push(Goal::at_most(
        "in-edge read on its home node, p50",
        read,
        10.0,
        "µs",
    ));
    note("seal and open");
    let small = seal_and_open(1 << 10, 20_000)?;
    findings
        .goals
        .push(Goal::at_most("seal + open 1 KiB, p50", small, 1.5, "µs"));
    let large = seal_and_open(1 << 20, 500)?;
    let rate = f64::from(1 << 20) / large / 1e3;
    findings
        .goals
        .push(Goal::at_least("seal + open 1 MiB", rate, 3.0, "GB/s"));
    Ok(())
}

/// A head with one state of 100 bytes among 10,000.
async fn in_edge_read(data: &Path) -> Outcome<f64> {
    let folder = tempfile::tempdir_in(data)?;
    let store = EmbeddedStore::open(&folder.path().join("store.redb"), &EmbeddedOptions::default())?;
    let (states, mut keys) = (BTreeSet::from([state()]), Vec::new());
    let node: NodeName = "edge".parse()?;
    let store = Arc::new(store);
    let mut commits = tokio::task::JoinSet::new();
    for index in 0..10_000_u32 {
        let mut random = [7; 16];
        random[..4].copy_from_slice(&index.to_be_bytes());
        let key = RecordKey {
            tenant: "local".parse()?,
            app: "bench".parse()?,
            model: ExecutionModel::InEdge,
            session: SessionId::mint(node.clone(), vec![Birth::InEdge], random).ok_or("no session id")?,
            part: Birth::InEdge,
        };
        keys.push(key.clone());
        let head = head(Bytes::from_static(&[7; 100]));
        let (store, commit) = (
            Arc::clone(&store),
            Commit {
                expect: Expect::Absent,
                head,
                blobs: BTreeMap::new(),
            },
        );
        commits.spawn(async move { store.commit(&key, commit).await });
    }
    while let Some(committed) = commits.join_next().await {
        committed??;
    }
    let mut samples = Vec::new();
    for key in keys.iter().cycle().take(50_000) {
        let started = Instant::now();
        let found = black_box(store.load(key, &states).await?);
        samples.push(started.elapsed().as_nanos() as f64 / 1e3);
        if found.is_none_or(|found| found.values.is_empty()) {
            return Err("a state that was written is not there".into());
        }
    }
    Ok(middle(samples))
}

/// Incompressible bytes; a session whose key is cached.
fn seal_and_open(length: usize, times: usize) -> Outcome<f64> {
    let mut value = vec![0; length];
    aws_lc_rs::rand::fill(&mut value).map_err(|_| "no random bytes")?;
    let head = head(value.into());
    let sealer = Sealer::new("local".parse()?, Keyring::generate());
    let (app, states) = ("bench".parse()?, BTreeSet::from([state()]));
    let session = SessionId::mint("edge".parse()?, vec![Birth::InClient], [1; 16]).ok_or("no session id")?;
    let scope = Scope {
        app: &app,
        session: &session,
        part: Birth::InClient,
        holder: None,
        mark: None,
    };
    median(times, || {
        let sealed = sealer.seal(&scope, &head, &states, &BTreeMap::new(), Timestamp(2))?;
        black_box(sealer.open(&scope, sealed)?);
        Ok(())
    })
}

fn state() -> StateName {
    "s".parse().expect("it is a name")
}

fn head(value: Bytes) -> Head {
    let mut head = Head::new(CommitId([1; 16]), Timestamp(1));
    let entry = Entry {
        schema: 1,
        commit: head.commit,
        version: 0,
        content: Content::Inline(value),
    };
    head.states.insert(state(), entry);
    head
}

/// The median of so many, in µs.
fn median(times: usize, mut work: impl FnMut() -> Outcome<()>) -> Outcome<f64> {
    let mut samples = Vec::with_capacity(times);
    for _ in 0..times {
        let started = Instant::now();
        work()?;
        samples.push(started.elapsed().as_nanos() as f64 / 1e3);
    }
    Ok(middle(samples))
}

pub(crate) fn middle(mut samples: Vec<f64>) -> f64 {
    samples.sort_by(f64::total_cmp);
    samples[samples.len() / 2]
}
