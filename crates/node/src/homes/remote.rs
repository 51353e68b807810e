//! The store of another node, over the transport between nodes.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use bytes::Bytes;
use fogline_core::model::limits::{MAX_BODY, MAX_DEADLINE};
use fogline_core::model::{AppName, ExecutionModel, NodeName, StateName, TenantName};
use fogline_core::session::{self, BlobName, Commit, Content, Head, RecordKey, Snapshot};
use fogline_protocol::peer::{self, Request, Response};
use fogline_protocol::problem::Kind;
use fogline_state::{Committed, Durable, Listed, Store, StoreError};

use crate::peers::{CallError, Endpoint, Message};
use crate::trace;

const HINT: &str = "check the node and the link to it; sessions homed elsewhere go on";

/// How long a store on another node is waited for at the most; callers drop the call sooner.
const PATIENCE: Duration = MAX_DEADLINE;

/// How often a session may be written while its states are brought one by one.
const MAX_TRIES: usize = 8;

/// The store of another node.
pub(crate) struct RemoteStore {
    peers: Endpoint,
    node: NodeName,
    /// Blobs that were sent ahead and that no commit has named yet.
    ahead: Mutex<BTreeSet<BlobName>>,
}

impl RemoteStore {
    pub(crate) fn new(peers: Endpoint, node: NodeName) -> Self {
        Self {
            peers,
            node,
            ahead: Mutex::default(),
        }
    }

    /// Sends a blob ahead of the commit that is to name it, unless it has been sent.
    pub(crate) async fn stage(
        &self,
        key: &RecordKey,
        name: &BlobName,
        blob: Bytes,
    ) -> Result<(), StoreError> {
        if self.ahead().contains(name) {
            return Ok(());
        }
        match self
            .call(Request::Stage(key.clone(), name.clone()), vec![blob])
            .await
        {
            Ok((Response::Done, _)) => {
                self.ahead().insert(name.clone());
                Ok(())
            }
            Ok((other, _)) => Err(self.unexpected(other)),
            Err(error) => Err(self.unavailable(error)),
        }
    }

    fn ahead(&self) -> MutexGuard<'_, BTreeSet<BlobName>> {
        self.ahead.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn call(&self, request: Request, body: Vec<Bytes>) -> Result<(Response, Vec<Bytes>), CallError> {
        let model = model_of(&request);
        let message = Message {
            head: peer::encode(&trace::caused(request)).into(),
            body,
        };
        let sent = message.size();
        let answer = self
            .peers
            .call(&self.node, message, Instant::now() + PATIENCE)
            .await?;
        if let Some(model) = model {
            self.peers.carried(&self.node, model, sent, answer.size());
        }
        let response = peer::decode(&answer.head).map_err(|error| CallError::GaveUp {
            peer: self.node.clone(),
            doing: "reading its answer",
            cause: error.to_string(),
        })?;
        Ok((response, answer.body))
    }

    async fn ask(&self, request: Request) -> Result<(Response, Vec<Bytes>), StoreError> {
        self.call(request, Vec::new())
            .await
            .map_err(|error| self.unavailable(error))
    }

    /// Sends blobs ahead until the others go into one message with a head; gives their names.
    async fn send_ahead(
        &self,
        key: &RecordKey,
        head: usize,
        blobs: &mut BTreeMap<BlobName, Bytes>,
    ) -> Result<Vec<BlobName>, StoreError> {
        let sent = self.ahead().clone();
        let unsent = || blobs.iter().filter(|(name, _)| !sent.contains(*name));
        let mut left = head + unsent().map(|(_, blob)| blob.len()).sum::<usize>();
        for (name, blob) in unsent() {
            if left as u64 <= MAX_BODY.0 {
                break;
            }
            left -= blob.len();
            self.stage(key, name, blob.clone()).await?;
        }
        // Each is named by one commit.
        let sent = std::mem::take(&mut *self.ahead());
        let ahead: Vec<BlobName> = blobs
            .keys()
            .filter(|name| sent.contains(*name))
            .cloned()
            .collect();
        blobs.retain(|name, _| !sent.contains(name));
        Ok(ahead)
    }

    /// Brings the values that did not fit into one message with their head; false if one is no more (R6).
    async fn bring_rest(
        &self,
        key: &RecordKey,
        states: &BTreeSet<StateName>,
        found: &mut Snapshot,
    ) -> Result<bool, StoreError> {
        for state in states {
            if let Some(entry) = found.head.states.get(state)
                && let Content::Blob { name, .. } = &entry.content
                && !found.values.contains_key(state)
            {
                let Some(blob) = self.blob(key, name).await? else {
                    return Ok(false);
                };
                found.values.insert(state.clone(), blob);
            }
        }
        Ok(true)
    }

    fn unavailable(&self, problem: impl ToString) -> StoreError {
        StoreError::Unavailable {
            doing: format!("reaching the store of {}", self.node),
            problem: problem.to_string(),
            hint: HINT,
        }
    }

    fn unexpected(&self, response: Response) -> StoreError {
        match response {
            Response::Refused(problem, _) if problem.kind == Kind::QuotaExceeded => {
                StoreError::OverQuota { what: problem.title }
            }
            Response::Refused(problem, _) if problem.kind == Kind::TooLarge => {
                StoreError::TooLarge { what: problem.title }
            }
            Response::Refused(problem, _) => self.unavailable(problem.title),
            other => self.unavailable(format!("an answer to something else: {other:?}")),
        }
    }

    fn head(&self, key: &RecordKey, bytes: Option<&Bytes>) -> Result<Head, StoreError> {
        let bytes = bytes.ok_or_else(|| self.unavailable("an answer without a head"))?;
        session::decode(bytes).map_err(|source| StoreError::Damaged {
            key: key.to_string(),
            source,
        })
    }
}

/// Under which model what a request is about lives.
fn model_of(request: &Request) -> Option<ExecutionModel> {
    match request {
        Request::Load(key, ..)
        | Request::Commit(key, ..)
        | Request::Stage(key, ..)
        | Request::Blob(key, ..)
        | Request::Erase(key) => Some(key.model),
        _ => None,
    }
}

#[async_trait]
impl Store for RemoteStore {
    /// What the embedded store of a node promises.
    fn durable(&self) -> Durable {
        Durable::Disk
    }

    fn system(&self) -> &'static str {
        "fogline"
    }

    async fn load(
        &self,
        key: &RecordKey,
        states: &BTreeSet<StateName>,
    ) -> Result<Option<Snapshot>, StoreError> {
        for _ in 0..MAX_TRIES {
            match self.ask(Request::Load(key.clone(), states.clone())).await? {
                (Response::Record(names), body) => {
                    let head = self.head(key, body.first())?;
                    let values = names.into_iter().zip(body.into_iter().skip(1)).collect();
                    let mut found = Snapshot { head, values };
                    if self.bring_rest(key, states, &mut found).await? {
                        return Ok(Some(found));
                    }
                }
                (Response::Nothing, _) => return Ok(None),
                (other, _) => return Err(self.unexpected(other)),
            }
        }
        Err(self.unavailable("the session is so busy that its states cannot be brought together"))
    }

    async fn commit(&self, key: &RecordKey, mut commit: Commit) -> Result<Committed, StoreError> {
        let head = Bytes::from(session::encode(&commit.head));
        let ahead = self.send_ahead(key, head.len(), &mut commit.blobs).await?;
        let (names, blobs): (Vec<_>, Vec<_>) = commit.blobs.into_iter().unzip();
        let mut body = vec![head];
        body.extend(blobs);
        let request = Request::Commit(key.clone(), commit.expect, names, ahead);
        match self.call(request, body).await {
            Ok((Response::Done, _)) => Ok(Committed::Done),
            Ok((Response::Unknown, _)) => Ok(Committed::Unknown),
            // It may have been under way when the time was over.
            Ok((Response::Refused(problem, _), _)) if problem.kind == Kind::DeadlineExceeded => {
                Ok(Committed::Unknown)
            }
            Ok((Response::Conflict, body)) => {
                let head = body
                    .first()
                    .map(|bytes| self.head(key, Some(bytes)))
                    .transpose()?;
                Ok(Committed::Conflict(head))
            }
            Ok((other, _)) => Err(self.unexpected(other)),
            Err(error) if error.may_have_run() => Ok(Committed::Unknown),
            Err(error) => Err(self.unavailable(error)),
        }
    }

    async fn blob(&self, key: &RecordKey, name: &BlobName) -> Result<Option<Bytes>, StoreError> {
        match self.ask(Request::Blob(key.clone(), name.clone())).await? {
            (Response::Done, body) => Ok(body.into_iter().next()),
            (Response::Nothing, _) => Ok(None),
            (other, _) => Err(self.unexpected(other)),
        }
    }

    async fn list(
        &self,
        tenant: &TenantName,
        app: &AppName,
        after: Option<&RecordKey>,
        limit: usize,
    ) -> Result<Vec<Listed>, StoreError> {
        let mut listed: Vec<Listed> = Vec::new();
        loop {
            let after = listed.last().map(|last| &last.key).or(after).cloned();
            let left = u32::try_from(limit.saturating_sub(listed.len())).unwrap_or(u32::MAX);
            let (response, heads) = self
                .ask(Request::List(tenant.clone(), app.clone(), after, left))
                .await?;
            let (keys, more) = match response {
                Response::Records(keys) => (keys, false),
                Response::FirstRecords(keys) if !keys.is_empty() => (keys, true),
                other => return Err(self.unexpected(other)),
            };
            for (key, bytes) in keys.into_iter().zip(&heads) {
                let head = self.head(&key, Some(bytes))?;
                listed.push(Listed { key, head });
            }
            if !more {
                return Ok(listed);
            }
        }
    }

    async fn erase(&self, key: &RecordKey) -> Result<(), StoreError> {
        match self.ask(Request::Erase(key.clone())).await? {
            (Response::Done, _) => Ok(()),
            (other, _) => Err(self.unexpected(other)),
        }
    }
}

#[cfg(test)]
mod tests;
