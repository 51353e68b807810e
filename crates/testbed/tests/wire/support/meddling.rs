//! A store in which others are faster, and one whose answers get lost.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use async_trait::async_trait;
use bytes::Bytes;
use fogline_core::model::{self, AppName, CommitId, ExecutionModel, StateName, TenantName, Timestamp};
use fogline_core::session::{BlobName, Commit, Content, Expect, Head, RecordKey, Snapshot, Status};
use fogline_state::{Committed, Durable, Listed, Store, StoreError};
use tokio::sync::Semaphore;

/// What holds up a node at a place, once each time that it is shut.
#[derive(Debug)]
pub(crate) struct Gate {
    shut: AtomicBool,
    come: Semaphore,
    let_in: Semaphore,
}

impl Gate {
    pub(crate) const fn new() -> Self {
        Self {
            shut: AtomicBool::new(false),
            come: Semaphore::const_new(0),
            let_in: Semaphore::const_new(0),
        }
    }

    /// Holds up whoever comes next.
    pub(crate) fn shut(&self) {
        self.shut.store(true, Ordering::Relaxed);
    }

    /// Waits until somebody is held up.
    pub(crate) async fn come(&self) {
        self.come.acquire().await.expect("nobody closes it").forget();
    }

    /// Nobody has come.
    pub(crate) fn forget(&self) {
        self.come.forget_permits(usize::MAX);
    }

    /// Lets go on whoever is held up.
    pub(crate) fn let_in(&self) {
        self.let_in.add_permits(1);
    }

    /// Whether it was shut.
    async fn pass(&self) -> bool {
        let held = self.shut.swap(false, Ordering::Relaxed);
        if held {
            self.come.add_permits(1);
            self.let_in.acquire().await.expect("nobody closes it").forget();
        }
        held
    }
}

/// What is done to sessions that are there already: to every third commit, unless it says otherwise.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) enum Meddling {
    #[default]
    None,
    /// Somebody else commits before it.
    Conflict,
    /// Nothing; but somebody else commits before each commit that deletes.
    Undeletable,
    /// It is done, and nobody hears of it.
    Unheard,
    /// It is not done, and nobody hears of it.
    Dropped,
    /// Nothing; but so many commits by which a home lets go of a session are not done, and nobody hears of it.
    Unclosed(&'static AtomicU64),
    /// What a node writes of the sessions that it owns is held up while this has no permit.
    Held(&'static Semaphore),
    /// Sessions that leave their owners are held up at the first; and whoever loads an owner's session is at the second
    /// when that is done.
    Leaving(&'static Gate, &'static Gate),
    /// Nothing; but whoever is held up here with a list of sessions finds then that their time was over.
    StaleLists(&'static Gate),
    /// Nothing; but whoever loads a session that has moved is held up here, and whoever lists sessions finds that the
    /// time of all others is over.
    Silent(&'static Gate),
    /// Nothing; but a session that comes from elsewhere for the first time is too large.
    Cramped,
    /// Nothing; but while this is set, a session that comes from elsewhere finds no room.
    Full(&'static AtomicBool),
    /// Nothing; but whoever loads or lists a session finds that its time is over.
    Old,
    /// Nothing; but once this is set, whoever lists sessions finds that their time is over.
    OldInLists(&'static AtomicBool),
    /// Nothing; but whoever loads a session finds that its time will be over in a minute.
    Waning,
}

impl Meddling {
    /// Puts this between a node and its store.
    pub(crate) fn between(self, inner: Arc<dyn Store>) -> Arc<dyn Store> {
        match self {
            Self::None => inner,
            meddling => Arc::new(Meddled {
                inner,
                meddling,
                commits: AtomicU64::new(0),
            }),
        }
    }
}

/// Now, as nodes say it.
pub(crate) fn now() -> Timestamp {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    Timestamp(u64::try_from(now.as_millis()).unwrap())
}

struct Meddled {
    inner: Arc<dyn Store>,
    meddling: Meddling,
    commits: AtomicU64,
}

impl Meddled {
    /// Lets the time be over of a session that is loaded.
    fn age(&self, head: &mut Head) {
        match self.meddling {
            Meddling::Old => head.expires = Timestamp(1),
            Meddling::Waning => head.expires = now().after(Duration::from_secs(60)),
            _ => {}
        }
    }

    /// Commits what is there already, as a function that changes nothing but writes would.
    async fn be_faster(&self, key: &RecordKey) -> Result<(), StoreError> {
        let Some(Snapshot { mut head, .. }) = self.inner.load(key, &BTreeSet::new()).await? else {
            return Ok(());
        };
        if head.status != Status::Live {
            return Ok(());
        }
        let expect = Expect::Commit(head.commit);
        let mut commit = [0; 16];
        commit[..8].copy_from_slice(&self.commits.load(Ordering::Relaxed).to_be_bytes());
        commit[8..].copy_from_slice(&head.commit.0[..8]);
        head.commit = CommitId(commit);
        head.version += 1;
        for entry in head.states.values_mut() {
            // What its client holds is sealed as of the commit that wrote it.
            if !matches!(entry.content, Content::Held { .. }) {
                (entry.commit, entry.version) = (head.commit, head.version);
            }
        }
        let blobs = std::collections::BTreeMap::new();
        self.inner
            .commit(key, Commit { expect, head, blobs })
            .await
            .map(drop)
    }
}

/// Whether a session lives here that has moved here.
fn is_moved(head: &Head) -> bool {
    head.status == Status::Live && head.epoch > 0
}

#[async_trait]
impl Store for Meddled {
    fn durable(&self) -> Durable {
        self.inner.durable()
    }

    fn system(&self) -> &'static str {
        self.inner.system()
    }

    async fn load(
        &self,
        key: &RecordKey,
        states: &BTreeSet<StateName>,
    ) -> Result<Option<Snapshot>, StoreError> {
        let mut found = self.inner.load(key, states).await?;
        found.iter_mut().for_each(|found| self.age(&mut found.head));
        match self.meddling {
            Meddling::Leaving(_, looked) if key.model == ExecutionModel::InFunction => {
                looked.come.add_permits(1);
            }
            Meddling::Silent(gate) if found.as_ref().is_some_and(|found| is_moved(&found.head)) => {
                gate.pass().await;
            }
            _ => {}
        }
        Ok(found)
    }

    async fn commit(&self, key: &RecordKey, commit: Commit) -> Result<Committed, StoreError> {
        if let Meddling::Held(permits) = self.meddling
            && key.model == ExecutionModel::InFunction
            && commit.expect != Expect::Absent
        {
            let _permit = permits.acquire().await.expect("nobody closes it");
            return self.inner.commit(key, commit).await;
        }
        if let Meddling::Leaving(gate, _) = self.meddling
            && matches!(commit.head.status, Status::Moving(_))
        {
            gate.pass().await;
        }
        if matches!(self.meddling, Meddling::Cramped)
            && commit.expect == Expect::Absent
            && is_moved(&commit.head)
        {
            return Err(StoreError::too_large(model::Bytes(1), model::Bytes(0)));
        }
        if let Meddling::Full(full) = self.meddling
            && full.load(Ordering::Relaxed)
            && is_moved(&commit.head)
            // A session that was taken back is at its source in an even one.
            && commit.head.epoch % 2 == 1
        {
            return Err(StoreError::Unavailable {
                doing: "writing".to_owned(),
                problem: "No space left on device".to_owned(),
                hint: "make room",
            });
        }
        if let (Meddling::Unclosed(left), Status::Moved(_)) = (self.meddling, &commit.head.status) {
            let one_less = |left: u64| left.checked_sub(1);
            if left
                .fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_less)
                .is_ok()
            {
                return Ok(Committed::Unknown);
            }
        }
        if matches!(self.meddling, Meddling::Undeletable) && commit.head.status == Status::Deleted {
            self.commits.fetch_add(1, Ordering::Relaxed);
            self.be_faster(key).await?;
            return self.inner.commit(key, commit).await;
        }
        if commit.expect == Expect::Absent || self.commits.fetch_add(1, Ordering::Relaxed) % 3 != 2 {
            return self.inner.commit(key, commit).await;
        }
        match self.meddling {
            Meddling::None
            | Meddling::Old
            | Meddling::OldInLists(_)
            | Meddling::Waning
            | Meddling::Undeletable
            | Meddling::Cramped
            | Meddling::Full(_)
            | Meddling::Leaving(..)
            | Meddling::StaleLists(_)
            | Meddling::Silent(_)
            | Meddling::Unclosed(_)
            | Meddling::Held(_) => {}
            Meddling::Conflict => self.be_faster(key).await?,
            Meddling::Unheard => {
                self.inner.commit(key, commit).await?;
                return Ok(Committed::Unknown);
            }
            Meddling::Dropped => return Ok(Committed::Unknown),
        }
        self.inner.commit(key, commit).await
    }

    async fn blob(&self, key: &RecordKey, name: &BlobName) -> Result<Option<Bytes>, StoreError> {
        self.inner.blob(key, name).await
    }

    async fn list(
        &self,
        tenant: &TenantName,
        app: &AppName,
        after: Option<&RecordKey>,
        limit: usize,
    ) -> Result<Vec<Listed>, StoreError> {
        let mut listed = self.inner.list(tenant, app, after, limit).await?;
        let old = match self.meddling {
            Meddling::Old => true,
            Meddling::OldInLists(set) => set.load(Ordering::Relaxed),
            Meddling::StaleLists(gate) => gate.pass().await,
            Meddling::Silent(_) => true,
            _ => false,
        };
        let is_old =
            |found: &&mut Listed| !matches!(self.meddling, Meddling::Silent(_)) || !is_moved(&found.head);
        if old {
            let found = listed.iter_mut().filter(is_old);
            found.for_each(|found| found.head.expires = Timestamp(1));
        }
        Ok(listed)
    }

    async fn erase(&self, key: &RecordKey) -> Result<(), StoreError> {
        self.inner.erase(key).await
    }
}
