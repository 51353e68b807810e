//! Where the head of a part is read and replaced, for one invocation.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use fogline_core::application::Durability;
use fogline_core::model::{CommitId, ExecutionModel, StateName, Timestamp};
use fogline_core::session::{BlobName, Commit, Head, RecordKey, Seen, Snapshot};
use fogline_state::{Committed, Store};

use super::client::ClientPlace;
use crate::fault::Fault;
use crate::homes::{Owner, Settled, Since};
use crate::random;

/// The home of a part, as an invocation uses it.
pub(crate) enum Place {
    /// A store, near or far.
    Store(Arc<dyn Store>, RecordKey),
    /// This node's memory.
    Owner(Arc<Owner>, RecordKey, Durability, Since),
    /// The client, who has sent envelopes.
    Client(Box<ClientPlace>),
}

impl Place {
    pub(crate) fn model(&self) -> ExecutionModel {
        match self {
            Self::Store(_, key) | Self::Owner(_, key, ..) => key.model,
            Self::Client(_) => ExecutionModel::InClient,
        }
    }

    pub(crate) async fn load(&mut self, states: &BTreeSet<StateName>) -> Result<Option<Snapshot>, Fault> {
        match self {
            Self::Store(store, key) => Ok(store.load(key, states).await?),
            Self::Owner(owner, key, _, since) => {
                *since = owner.since(key)?;
                owner.load(key, states, *since).await
            }
            Self::Client(client) => client.load(states).await,
        }
    }

    pub(crate) async fn commit(&mut self, commit: Commit) -> Result<Committed, Fault> {
        match self {
            Self::Store(store, key) => Ok(store.commit(key, commit).await?),
            Self::Owner(owner, key, ..) => Ok(owner.commit(key, commit)),
            Self::Client(client) => client.commit(commit).await,
        }
    }

    pub(crate) async fn blob(&self, name: &BlobName) -> Result<Option<Bytes>, Fault> {
        match self {
            Self::Store(store, key) => Ok(store.blob(key, name).await?),
            Self::Owner(owner, key, ..) => Ok(owner.find_blob(key, name).await?),
            Self::Client(client) => client.blob(name).await,
        }
    }

    /// Moves the session's end, if that has become due: whoever only reads commits nothing else. If it does not come to
    /// that, the next reader does it. Without a record, what a client holds is renewed with the answer.
    pub(crate) async fn prolong(&self, head: &Head, now: Timestamp, ttl: Duration) {
        if !head.is_due(now, ttl) {
            return;
        }
        let commit = head.prolonged(now, ttl, CommitId(random::bytes()));
        let version = commit.head.version;
        let prolonged = match self {
            Self::Store(store, key) => store.commit(key, commit).await.map_err(Fault::from).map(drop),
            Self::Owner(owner, key, durability, since) => match owner.commit(key, commit) {
                Committed::Done => owner.settle(key, version, *since, *durability).await.map(drop),
                Committed::Conflict(_) | Committed::Unknown => Ok(()),
            },
            Self::Client(client) => match client.record() {
                Some((store, key)) => store.commit(key, commit).await.map_err(Fault::from).map(drop),
                None => Ok(()),
            },
        };
        if let Err(fault) = prolonged {
            tracing::debug!(problem = %fault.problem(), "a session that is read is not prolonged");
        }
    }

    /// Whether an answer may leave that rests on what was read here: to be asked last of all (R1).
    pub(crate) fn check(&self) -> Result<(), Fault> {
        match self {
            Self::Owner(owner, _, _, since) => owner.check(*since),
            Self::Store(..) | Self::Client(_) => Ok(()),
        }
    }

    /// Waits until what a reply shows is as durable as promised (R8). `None` if it never will be, because
    /// somebody else's commit took its place: the attempt was not made on what has become the head (R1).
    pub(crate) async fn settle(&self, seen: Seen) -> Result<Option<Seen>, Fault> {
        let Self::Owner(owner, key, durability, since) = self else {
            return Ok(Some(seen));
        };
        Ok(
            match owner.settle(key, seen.version, *since, *durability).await? {
                Settled::At(durable) => Some(Seen {
                    durable: durable.min(seen.version),
                    ..seen
                }),
                Settled::Overtaken => None,
            },
        )
    }
}
