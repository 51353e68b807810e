//! Records and commits for the checks.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use fogline_core::model::{
    AppName, Birth, CommitId, ExecutionModel, SessionId, StateName, TenantName, Timestamp,
};
use fogline_core::session::{Commit, Content, Entry, Expect, Head, RecordKey};

/// The sessions of one tenant, and commits to them.
#[derive(Debug)]
pub struct Scene {
    /// The tenant.
    pub tenant: TenantName,
    /// The application.
    pub app: AppName,
    ids: AtomicU64,
}

impl Scene {
    /// The scene of a tenant.
    ///
    /// # Panics
    /// When `tenant` is no name.
    #[must_use]
    pub fn new(tenant: &str) -> Self {
        let app = "conformance".parse().expect("a name");
        let tenant = tenant.parse().expect("a scene is given a name");
        Self {
            tenant,
            app,
            ids: AtomicU64::new(1),
        }
    }

    /// The scene with another application.
    #[must_use]
    pub fn with_app(mut self, app: AppName) -> Self {
        self.app = app;
        self
    }

    /// The key of its session of this number.
    #[must_use]
    pub fn key(&self, number: u64) -> RecordKey {
        let mut random = [0; 16];
        random[..8].copy_from_slice(&number.to_be_bytes());
        let node = "edge-1".parse().expect("a name");
        RecordKey {
            tenant: self.tenant.clone(),
            app: self.app.clone(),
            model: ExecutionModel::InEdge,
            session: SessionId::mint(node, vec![Birth::InEdge], random).expect("one part"),
            part: Birth::InEdge,
        }
    }

    /// A commit id that it has not given before.
    pub fn id(&self) -> CommitId {
        let number = self.ids.fetch_add(1, Ordering::Relaxed);
        CommitId(u128::from(number).to_be_bytes())
    }

    /// A commit that makes a session.
    pub fn birth(&self) -> Commit {
        let head = Head::new(self.id(), Timestamp(u64::MAX));
        Commit {
            expect: Expect::Absent,
            head,
            blobs: BTreeMap::new(),
        }
    }

    /// A commit on top of a head that sets or deletes states.
    pub fn next(&self, base: &Head, writes: &[(&str, Option<Bytes>)]) -> Commit {
        let expect = Expect::Commit(base.commit);
        let mut head = base.clone();
        let mut blobs = BTreeMap::new();
        head.version += 1;
        head.commit = self.id();
        let (commit, version) = (head.commit, head.version);
        for (state, value) in writes {
            let state = name(state);
            let Some(value) = value else {
                head.states.remove(&state);
                continue;
            };
            let content = Content::keep(&state, value, version, commit, &mut blobs);
            head.states.insert(
                state,
                Entry {
                    schema: 1,
                    commit,
                    version,
                    content,
                },
            );
        }
        Commit { expect, head, blobs }
    }
}

/// A state's name.
pub(super) fn name(state: &str) -> StateName {
    state.parse().expect("checks give names")
}

/// Names of states.
pub(super) fn names(states: &[&str]) -> BTreeSet<StateName> {
    states.iter().map(|state| name(state)).collect()
}

/// So many bytes, different for each seed, that do not compress.
pub(super) fn noise(seed: u64, length: usize) -> Bytes {
    let mut word = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut next = || {
        // Marsaglia's xorshift64.
        word ^= word << 13;
        word ^= word >> 7;
        word ^= word << 17;
        word.to_le_bytes()[3]
    };
    (0..length).map(|_| next()).collect()
}
