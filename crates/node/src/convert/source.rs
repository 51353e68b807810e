//! Where a session is when it moves, and what is brought to its target before it has to wait.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use bytes::Bytes;
use fogline_core::model::{Birth, ExecutionModel};
use fogline_core::session::{BlobName, Commit, Home, MoveEvent, RecordKey, Refusal, Whole};
use fogline_state::seal::leave_bytes_with_client;
use fogline_state::{Committed, Store, StoreError};
use futures_util::{StreamExt, stream};

use super::{event_of, session_of};
use crate::fault::Fault;
use crate::homes::{Owner, RemoteStore};
use crate::invoke::parts::record_key;
use crate::invoke::{ClientPlace, Job};
use crate::node::Node;

/// Rounds of copying ahead: the second is for what was written during the first.
const ROUNDS: usize = 2;
/// Blobs on their way at once: while one is written there, others are sent.
const AT_ONCE: usize = 4;

/// The record that decides about a move.
pub(super) struct Source {
    pub(super) store: Arc<dyn Store>,
    pub(super) key: RecordKey,
    pub(super) home: Home,
    /// Blobs that were read before the session had to wait.
    copied: BTreeMap<BlobName, Bytes>,
}

/// A target that has got blobs ahead of the move.
pub(super) struct Ahead {
    pub(super) to: Home,
    key: RecordKey,
    store: RemoteStore,
}

impl Source {
    pub(super) fn of(node: &Node, job: &Job, part: Birth, home: &Home) -> Result<Self, Fault> {
        let session = session_of(job)?;
        let store = node
            .homes
            .record(&home.keeper(session))?
            .ok_or(Refusal::NoSession)?;
        let key = record_key(&job.call.tenant, &job.call.app, session, part, home);
        Ok(Self {
            store,
            key,
            home: home.clone(),
            copied: BTreeMap::new(),
        })
    }

    /// Copies blobs to where the session is about to go, while it is still used: what is written meanwhile is all that is
    /// left to bring while it waits. What cannot be copied is brought then.
    pub(super) async fn copy_ahead(
        &mut self,
        node: &Node,
        job: &Job,
        part: Birth,
        to: &Home,
    ) -> Result<Option<Ahead>, Fault> {
        let Some(store) = node
            .homes
            .remote(to)
            .filter(|_| self.home.model() != ExecutionModel::InClient)
        else {
            return Ok(None);
        };
        let ahead = Ahead {
            to: to.clone(),
            key: record_key(&job.call.tenant, &job.call.app, session_of(job)?, part, to),
            store,
        };
        for _ in 0..ROUNDS {
            let Some(found) = self.store.load(&self.key, &BTreeSet::new()).await? else {
                return Ok(None);
            };
            let named = found.head.blobs();
            self.copied.retain(|name, _| named.contains(name));
            let new = named.into_iter().filter(|name| !self.copied.contains_key(name));
            let new: Vec<BlobName> = new.collect();
            if new.is_empty() {
                break;
            }
            let (source, target) = (&*self, &ahead);
            let copies = new.into_iter().map(|name| async move {
                let blob = source.blob(&node.owner, &name).await.ok()??;
                target.send(&name, blob.clone()).await.ok()?;
                Some((name, blob))
            });
            let copies = stream::iter(copies).buffer_unordered(AT_ONCE).collect::<Vec<_>>();
            let copied = copies.await;
            self.copied.extend(copied.into_iter().flatten());
        }
        Ok(Some(ahead))
    }

    /// From memory, if the session is there: that is quicker than its store.
    async fn blob(&self, owner: &Owner, name: &BlobName) -> Result<Option<Bytes>, StoreError> {
        match owner.blob(&self.key, name) {
            Some(blob) => Ok(Some(blob)),
            None => self.store.blob(&self.key, name).await,
        }
    }

    /// What memory holds and was not copied; it counts as copied from now on. The caller has the session's turn.
    pub(super) fn take_rest(&mut self, owner: &Owner) -> BTreeMap<BlobName, Bytes> {
        let mut rest = owner.blobs(&self.key);
        rest.retain(|name, _| !self.copied.contains_key(name));
        self.copied.extend(rest.clone());
        rest
    }

    pub(super) async fn whole(&self, client: Option<&ClientPlace>) -> Result<Option<Whole>, Fault> {
        let record = self.store.load(&self.key, &BTreeSet::new()).await?;
        let record = record.map(|snapshot| snapshot.head);
        if let Some(client) = client {
            return client.whole(record).await.map(Some);
        }
        let Some(head) = record else {
            return Ok(None);
        };
        let mut blobs = BTreeMap::new();
        for name in head.blobs() {
            let copied = self.copied.get(&name).cloned();
            let blob = match copied {
                Some(blob) => Some(blob),
                None => self.store.blob(&self.key, &name).await?,
            };
            match blob {
                Some(blob) => {
                    blobs.insert(name, blob);
                }
                // The head has been replaced since: what is decided on it will conflict, and start again.
                None => return Err(Fault::overloaded("the session changes while it is moved")),
            }
        }
        Ok(Some(Whole { head, blobs }))
    }

    pub(super) async fn commit(&self, mut commit: Commit) -> Result<MoveEvent, Fault> {
        if matches!(self.home, Home::InClient(_)) {
            // The client's head without its bytes; and, for one that had no record here, a first one (R9).
            commit = leave_bytes_with_client(commit).0;
            let there = self.store.load(&self.key, &BTreeSet::new()).await?;
            commit.expect = ClientPlace::expected(&commit, there.as_ref().map(|found| &found.head));
        }
        Ok(event_of(&self.store.commit(&self.key, commit).await?))
    }
}

impl Ahead {
    async fn send(&self, name: &BlobName, blob: Bytes) -> Result<(), StoreError> {
        self.store.stage(&self.key, name, blob).await
    }

    /// Sends what was written while the rest was copied, unless it is little enough to go with the commit. What does not
    /// get there now goes with the commit too.
    pub(super) async fn send_rest(&self, rest: BTreeMap<BlobName, Bytes>) {
        if rest.len() < 2 {
            return;
        }
        let sent = rest
            .into_iter()
            .map(|(name, blob)| async move { drop(self.send(&name, blob).await) });
        stream::iter(sent).buffer_unordered(AT_ONCE).collect::<()>().await;
    }

    /// Commits at the target what was sent ahead, with the rest.
    pub(super) async fn commit(&self, commit: Commit) -> Result<Committed, StoreError> {
        self.store.commit(&self.key, commit).await
    }
}
