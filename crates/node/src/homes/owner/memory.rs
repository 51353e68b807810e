//! A session in memory, and its record in the store.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use bytes::Bytes;
use fogline_core::model::{CommitId, StateName};
use fogline_core::session::{BlobName, Commit, Content, Expect, Head, RecordKey, Snapshot};
use fogline_protocol::problem::Kind;
use fogline_state::{Committed, Store};

use crate::fault::Fault;
use crate::random;

/// First and longest pause before a write of which nobody has heard is tried again.
const WRITE_PAUSE: (Duration, Duration) = (Duration::from_millis(5), Duration::from_secs(1));
/// How long it is tried; who waits for it then is told.
pub(super) const WRITE_PATIENCE: Duration = Duration::from_secs(10);

/// A session as it is in memory.
pub(super) struct Memory {
    pub(super) head: Head,
    pub(super) blobs: BTreeMap<BlobName, Bytes>,
    /// The commit that is in the store.
    pub(super) in_store: CommitId,
    /// The blobs that are in the store.
    pub(super) blobs_in_store: BTreeSet<BlobName>,
    /// The write of which nobody knows whether it was done. It is tried again before any other: whoever conflicts with it
    /// otherwise takes it for somebody else's.
    pub(super) unsure: Option<Commit>,
    /// The latest version that was acknowledged before it was in the store.
    pub(super) acknowledged: u64,
    /// Whether a task is writing to the store.
    pub(super) writing: bool,
}

/// Why nothing is known to have been stored.
pub(super) struct Failed {
    pub(super) fault: Fault,
    /// Whether something may have been.
    pub(super) unsure: bool,
}

/// Commits until it is known what came of it: if it was done and nobody heard, it conflicts with itself.
pub(super) async fn commit_surely(
    store: &dyn Store,
    key: &RecordKey,
    commit: &Commit,
) -> Result<Committed, Failed> {
    let deadline = Instant::now() + WRITE_PATIENCE;
    let mut pause = WRITE_PAUSE.0;
    let mut unsure = false;
    let fault = loop {
        match store.commit(key, commit.clone()).await {
            Ok(Committed::Unknown) => {
                unsure = true;
                if Instant::now() + pause >= deadline {
                    break Fault::new(
                        Kind::Unavailable,
                        format!("nobody says whether the record of {} is stored", key.session),
                        "look after the node's disk; the next request tries again",
                    );
                }
                tokio::time::sleep(pause).await;
                pause = (pause * 2).min(WRITE_PAUSE.1);
            }
            Ok(known) => return Ok(known),
            Err(error) => break error.into(),
        }
    };
    Err(Failed { fault, unsure })
}

impl Memory {
    /// What the store has, if anything.
    pub(super) async fn read(store: &dyn Store, key: &RecordKey) -> Result<Option<Self>, Fault> {
        let Some(found) = store.load(key, &BTreeSet::new()).await? else {
            return Ok(None);
        };
        let mut blobs = BTreeMap::new();
        for name in found.head.blobs() {
            let blob = store.blob(key, &name).await?.ok_or_else(|| {
                Fault::new(
                    Kind::Unavailable,
                    format!("the record of {} changes", key.session),
                    "try again",
                )
            })?;
            blobs.insert(name, blob);
        }
        Ok(Some(Self {
            in_store: found.head.commit,
            blobs_in_store: found.head.blobs(),
            unsure: None,
            head: found.head,
            blobs,
            acknowledged: 0,
            writing: false,
        }))
    }

    /// Replaces the record by the same one under another commit id, and of another epoch if something of it may have been
    /// lost; false if somebody else has replaced it.
    pub(super) async fn claim(
        &mut self,
        store: &dyn Store,
        key: &RecordKey,
        has_lost: bool,
    ) -> Result<bool, Fault> {
        let mut head = self.head.clone();
        if has_lost {
            head = head.after_crash();
        }
        head.commit = CommitId(random::bytes());
        let commit = Commit {
            expect: Expect::Commit(self.head.commit),
            head: head.clone(),
            blobs: BTreeMap::new(),
        };
        let claimed = match commit_surely(store, key, &commit).await {
            Ok(Committed::Conflict(Some(stands))) => stands.commit == head.commit,
            Ok(committed) => committed == Committed::Done,
            Err(failed) => return Err(failed.fault),
        };
        self.in_store = head.commit;
        self.head = head;
        Ok(claimed)
    }

    pub(super) fn snapshot(&self, states: &BTreeSet<StateName>) -> Snapshot {
        let value = |state: &StateName| match &self.head.states.get(state)?.content {
            Content::Inline(bytes) => Some(bytes.clone()),
            Content::Blob { name, .. } => self.blobs.get(name).cloned(),
            Content::Held { .. } => None,
        };
        let values = states
            .iter()
            .filter_map(|state| Some((state.clone(), value(state)?)))
            .collect();
        Snapshot {
            head: self.head.clone(),
            values,
        }
    }
}
