//! The store.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use fogline_core::model::{self, AppName, NodeName, StateName, TenantName};
use fogline_core::session::{self, BlobName, Commit, Content, Head, RecordKey, Snapshot};

use super::cluster::{Answer, Cluster, NoAnswer, Within};
use super::commit::{Plan, plan, undo, whole};
use super::fault::hint;
use super::keys::{Keys, Span};
use super::messages::{
    KeyValue, RangeRequest, RangeResponse, TxnRequest, TxnResponse, delete, method, range,
};
use crate::store::{self, decode};
use crate::{Committed, Durable, Listed, Store, StoreError, key};

/// A store in a quorum of etcd servers, version 3.4 or later.
///
/// It goes on while more than half of the servers run and reach each other: one of three may be lost, two of
/// five. Without a quorum every call is [`StoreError::Unavailable`], or [`Committed::Unknown`], within the
/// timeout of the options, and from the second call on at once.
#[derive(Clone, Debug)]
pub struct EtcdStore {
    pub(super) cluster: Arc<Cluster>,
    pub(super) keys: Keys,
    pub(super) timeout: Duration,
    pub(super) max_request: model::Bytes,
}

impl EtcdStore {
    /// The store of one node in the same servers. Its records are apart from those of other nodes, and every node
    /// that reaches the servers reaches them.
    #[must_use]
    pub fn of_node(&self, node: &NodeName) -> Self {
        Self {
            keys: self.keys.of_node(node),
            ..self.clone()
        }
    }

    pub(super) fn within(&self) -> Within {
        // Four servers that do not answer, with doubled patience in a second round, fit into the time.
        let one = self.timeout / 16;
        Within {
            all: self.timeout,
            one,
        }
    }

    pub(super) fn unavailable(&self, doing: &str, answer: NoAnswer) -> StoreError {
        let doing = format!("{doing} in etcd at {}", self.cluster.names());
        let hint = hint(&answer.problem);
        let problem = answer.problem;
        StoreError::Unavailable { doing, problem, hint }
    }

    pub(super) async fn transact(&self, request: TxnRequest) -> Result<Answer<TxnResponse>, NoAnswer> {
        self.cluster.call(method::TXN, request, self.within()).await
    }

    /// Keys and values as of the newest moment, in the order of keys.
    pub(super) async fn range(&self, request: RangeRequest) -> Result<RangeResponse, NoAnswer> {
        let answer = self.cluster.call(method::RANGE, request, self.within()).await;
        answer.map(|answer| answer.says)
    }

    /// Makes a commit.
    async fn carry_out(&self, plan: Plan) -> Result<Swapped, NoAnswer> {
        for request in plan.before {
            // Whatever comes of it, the commit is not done.
            let answer = self.transact(request).await.map_err(|error| NoAnswer {
                did_nothing: true,
                ..error
            })?;
            if !answer.says.succeeded {
                let stands = answer.says.first_value();
                return Ok(Swapped::Not { stands, again: false });
            }
        }
        let Answer { says, again } = self.transact(plan.last).await?;
        if says.succeeded {
            return Ok(Swapped::Done);
        }
        let stands = says.first_value();
        Ok(Swapped::Not { stands, again })
    }

    /// What stays behind if this fails, the next commit of the record deletes.
    async fn undo(&self, record: &str, early: &[BlobName], stands: Option<&Head>) {
        if early.is_empty() {
            return;
        }
        if let Err(error) = self.transact(undo(&self.keys, record, early, stands)).await {
            tracing::debug!(
                problem = error.problem,
                "blobs of a commit that failed stay for now"
            );
        }
    }
}

/// What came of the transactions of a commit.
enum Swapped {
    Done,
    Not {
        stands: Option<Bytes>,
        /// Whether an earlier try at them may have been carried out.
        again: bool,
    },
}

#[async_trait]
impl Store for EtcdStore {
    /// A server acknowledges what more than half of them have on disk, unless they were started with
    /// `--unsafe-no-fsync`, which cannot be seen from here.
    fn durable(&self) -> Durable {
        Durable::Disk
    }

    fn system(&self) -> &'static str {
        "etcd"
    }

    async fn load(
        &self,
        key: &RecordKey,
        states: &BTreeSet<StateName>,
    ) -> Result<Option<Snapshot>, StoreError> {
        let record = key.to_string();
        // One transaction of reads: all as of one moment.
        let mut success = vec![range(self.keys.head(&record), String::new())];
        for state in states {
            let (from, end) = self.keys.state(&record, state);
            success.push(range(from, end));
        }
        let request = TxnRequest {
            success,
            ..TxnRequest::default()
        };
        let answer = self.transact(request).await;
        let answer = answer.map_err(|error| self.unavailable("reading a session", error))?;
        let mut found = answer.says.responses.into_iter();
        let mut next = || found.next().and_then(|found| found.range).unwrap_or_default().kvs;
        let Some(head) = next().pop() else {
            return Ok(None);
        };
        let head = decode(&record, &head.value)?;
        let mut values = BTreeMap::new();
        for state in states {
            let found = next();
            let value = match head.states.get(state).map(|entry| &entry.content) {
                Some(Content::Inline(bytes)) => Some(bytes.clone()),
                Some(Content::Blob { name, .. }) => blob(&self.keys.blob(&record, name), &found),
                Some(Content::Held { .. }) | None => None,
            };
            values.extend(value.map(|value| (state.clone(), value)));
        }
        Ok(Some(Snapshot { head, values }))
    }

    async fn commit(&self, key: &RecordKey, commit: Commit) -> Result<Committed, StoreError> {
        let encoded = session::encode(&commit.head);
        StoreError::check_size(&encoded, &commit.blobs)?;
        let ours = commit.head.commit;
        let record = key.to_string();
        let mut plan = plan(&self.keys, key, commit, encoded, self.max_request)?;
        let early = std::mem::take(&mut plan.early);
        match self.carry_out(plan).await {
            Ok(Swapped::Done) => Ok(Committed::Done),
            Ok(Swapped::Not { stands, again }) => {
                let stands = stands.map(|head| decode(&record, &head)).transpose()?;
                self.undo(&record, &early, stands.as_ref()).await;
                match stands {
                    // An earlier try was carried out, its answer lost.
                    Some(head) if again && head.commit == ours => Ok(Committed::Done),
                    _ if again => Ok(Committed::Unknown),
                    stands => Ok(Committed::Conflict(stands)),
                }
            }
            Err(error) if error.did_nothing => Err(self.unavailable("writing a session", error)),
            Err(error) => {
                let servers = self.cluster.names();
                tracing::warn!(
                    servers,
                    problem = error.problem,
                    "nobody knows whether a commit is done"
                );
                Ok(Committed::Unknown)
            }
        }
    }

    async fn blob(&self, key: &RecordKey, name: &BlobName) -> Result<Option<Bytes>, StoreError> {
        let span = self.keys.blob(&key.to_string(), name);
        let found = self.range(all(span.clone(), 0)).await;
        let found = found.map_err(|error| self.unavailable("reading a blob", error))?;
        Ok(blob(&span, &found.kvs))
    }

    async fn list(
        &self,
        tenant: &TenantName,
        app: &AppName,
        after: Option<&RecordKey>,
        limit: usize,
    ) -> Result<Vec<Listed>, StoreError> {
        let (first, end) = key::scope(tenant, app);
        let mut first = match after.map(ToString::to_string) {
            Some(after) if after >= end => return Ok(Vec::new()),
            Some(after) if after >= first => following(&after),
            _ => first,
        };
        let before = self.keys.head("").len();
        let mut listed = Vec::new();
        // To etcd no limit is 0.
        while listed.len() < limit {
            let most = limit - listed.len();
            let span = (self.keys.head(&first), self.keys.head(&end));
            let found = self
                .range(all(span, i64::try_from(most).unwrap_or(i64::MAX)))
                .await;
            let found = found
                .map_err(|error| self.unavailable("listing sessions", error))?
                .kvs;
            let is_last = found.len() < most;
            for KeyValue { key, value, .. } in found {
                let text = String::from_utf8_lossy(key.get(before..).unwrap_or_default());
                listed.extend(store::listed(&text, &value));
                first = following(&text);
            }
            if is_last {
                break;
            }
        }
        Ok(listed)
    }

    async fn erase(&self, key: &RecordKey) -> Result<(), StoreError> {
        let record = key.to_string();
        let (from, end) = self.keys.blobs(&record);
        let success = vec![
            delete(self.keys.head(&record), String::new()),
            delete(self.keys.commit(&record), String::new()),
            delete(from, end),
        ];
        let request = TxnRequest {
            success,
            ..TxnRequest::default()
        };
        let erased = self.transact(request).await;
        erased
            .map(drop)
            .map_err(|error| self.unavailable("erasing a session", error))
    }
}

/// The key that follows this one.
fn following(key: &str) -> String {
    format!("{key}\0")
}

fn all((key, end): Span, limit: i64) -> RangeRequest {
    RangeRequest {
        key,
        end,
        limit,
        revision: 0,
    }
}

/// The blob of this span among what was found.
fn blob((from, end): &Span, found: &[KeyValue]) -> Option<Bytes> {
    let within = |found: &&KeyValue| from.as_bytes() <= &found.key[..] && &found.key[..] < end.as_bytes();
    whole(
        found
            .iter()
            .filter(within)
            .map(|found| (&found.key[..], &found.value)),
    )
}
