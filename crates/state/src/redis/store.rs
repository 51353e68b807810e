//! The store.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use async_trait::async_trait;
use bytes::Bytes;
use fogline_core::model::{AppName, StateName, TenantName, Timestamp};
use fogline_core::session::{
    self, BlobName, BlobOf, Commit, Content, Expect, Head, RecordKey, Snapshot, Status,
};
use redis::aio::ConnectionManager;
use redis::{ErrorKind, RedisError};

use super::scripts::Scripts;
use crate::store::{self, decode};
use crate::{Committed, Durable, Listed, Store, StoreError, key};

/// How long a session that has ended is still known as such, and how far clocks may be apart.
const GRACE: Duration = Duration::from_secs(3600);
/// Longer than that the server cannot count from its own time on.
const LONGEST: Duration = Duration::from_secs(100 * 365 * 24 * 3600);
/// How many keys of old forwards are read at once.
const PAGE: usize = 1000;

/// A store in a Redis or Valkey server, not in a cluster of them: a record and the index that lists it are in one
/// server.
///
/// What it claims to be [`Durable`] is what the server's settings promised when it was connected to.
#[derive(Debug)]
pub struct RedisStore {
    pub(super) connection: ConnectionManager,
    pub(super) scripts: Scripts,
    pub(super) server: String,
    pub(super) prefix: String,
    pub(super) durable: Durable,
}

impl RedisStore {
    /// What stands before a record's key.
    fn records(&self) -> String {
        format!("{}:record:", self.prefix)
    }

    fn record(&self, key: &str) -> String {
        format!("{}:record:{key}", self.prefix)
    }

    fn index(&self, tenant: &TenantName, app: &AppName) -> String {
        format!("{}:index:{tenant}/{app}", self.prefix)
    }

    fn forwards(&self, tenant: &TenantName, app: &AppName) -> String {
        format!("{}:forwards:{tenant}/{app}", self.prefix)
    }

    /// Takes keys out of an index whose records have gone. Whoever lists does not depend on it.
    async fn tidy(&self, tenant: &TenantName, app: &AppName, gone: &[String]) {
        if gone.is_empty() {
            return;
        }
        let mut script = self.scripts.tidy.key(self.index(tenant, app));
        script.arg(self.records()).arg(gone);
        let tidied: Result<u64, _> = script.invoke_async(&mut self.connection.clone()).await;
        if let Err(error) = tidied {
            tracing::debug!(server = %self.server, %error, "the keys of records that have gone stay in their index");
        }
    }

    fn unavailable(&self, doing: &str, error: &RedisError) -> StoreError {
        let hint = "check that the server runs, can be reached from here, and has memory and disk left";
        let doing = format!("{doing} in redis at {}", self.server);
        StoreError::Unavailable {
            doing,
            problem: error.to_string(),
            hint,
        }
    }
}

#[async_trait]
impl Store for RedisStore {
    fn durable(&self) -> Durable {
        self.durable
    }

    fn system(&self) -> &'static str {
        "redis"
    }

    async fn load(
        &self,
        key: &RecordKey,
        states: &BTreeSet<StateName>,
    ) -> Result<Option<Snapshot>, StoreError> {
        let key = key.to_string();
        let mut script = self.scripts.load.key(self.record(&key));
        for state in states {
            script.arg(state.as_str());
        }
        let found = script.invoke_async(&mut self.connection.clone()).await;
        let found: Option<Vec<Option<Bytes>>> =
            found.map_err(|error| self.unavailable("reading a session", &error))?;
        let Some(found) = found else {
            return Ok(None);
        };
        let mut found = found.into_iter();
        let head = decode(&key, &found.next().flatten().unwrap_or_default())?;
        let value = |(state, blob): (&StateName, Option<Bytes>)| {
            let value = match &head.states.get(state)?.content {
                Content::Inline(bytes) => bytes.clone(),
                Content::Blob { .. } => blob?,
                Content::Held { .. } => return None,
            };
            Some((state.clone(), value))
        };
        let values: BTreeMap<_, _> = states.iter().zip(found).filter_map(value).collect();
        Ok(Some(Snapshot { head, values }))
    }

    async fn commit(&self, key: &RecordKey, commit: Commit) -> Result<Committed, StoreError> {
        let Commit { expect, head, blobs } = commit;
        let encoded = session::encode(&head);
        StoreError::check_size(&encoded, &blobs)?;
        let text = key.to_string();
        let named = head.blobs();
        let (keep, set) = (fields_to_keep(&named), fields_to_set(&named, &blobs));

        let mut script = self.scripts.commit.key(self.record(&text));
        script
            .key(self.index(&key.tenant, &key.app))
            .key(self.forwards(&key.tenant, &key.app));
        match expect {
            Expect::Absent => script.arg(&[][..] as &[u8]),
            Expect::Commit(commit) => script.arg(&commit.0[..]),
        };
        script
            .arg(&head.commit.0[..])
            .arg(&encoded[..])
            .arg(&text)
            .arg(self.records())
            .arg(goes_in_ms(&head, SystemTime::now()))
            .arg(head.expires.0)
            .arg(keep.len());
        for field in &keep {
            script.arg(field);
        }
        for (field, value) in &set {
            script.arg(field).arg(&value[..]);
        }
        let answer: Result<(u8, Option<Bytes>), _> =
            match script.invoke_async(&mut self.connection.clone()).await {
                Ok(Answer(done, head)) => Ok((done, head)),
                Err(error) => Err(error),
            };
        match answer {
            Ok((1, _)) => Ok(Committed::Done),
            Ok((_, None)) => Ok(Committed::Conflict(None)),
            Ok((_, Some(head))) => Ok(Committed::Conflict(Some(decode(&text, &head)?))),
            Err(error) if did_nothing(&error) => Err(self.unavailable("writing a session", &error)),
            Err(error) => {
                tracing::warn!(server = %self.server, %error, "nobody knows whether a commit is done");
                Ok(Committed::Unknown)
            }
        }
    }

    async fn blob(&self, key: &RecordKey, name: &BlobName) -> Result<Option<Bytes>, StoreError> {
        let mut get = redis::cmd("HGET");
        get.arg(self.record(&key.to_string())).arg(format!("blob:{name}"));
        let blob = get.query_async(&mut self.connection.clone()).await;
        blob.map_err(|error| self.unavailable("reading a blob", &error))
    }

    async fn list(
        &self,
        tenant: &TenantName,
        app: &AppName,
        after: Option<&RecordKey>,
        limit: usize,
    ) -> Result<Vec<Listed>, StoreError> {
        let mut first = after.map_or_else(|| "-".to_owned(), |after| format!("({after}"));
        let mut listed = Vec::new();
        while listed.len() < limit {
            let mut script = self.scripts.list.key(self.index(tenant, app));
            script.arg(first).arg(limit - listed.len()).arg(self.records());
            let page = script.invoke_async(&mut self.connection.clone()).await;
            let page: (String, Vec<String>, Vec<(String, Bytes)>) =
                page.map_err(|error| self.unavailable("listing sessions", &error))?;
            let (last, gone, found) = page;
            listed.extend(found.iter().filter_map(|(key, head)| store::listed(key, head)));
            self.tidy(tenant, app, &gone).await;
            if last.is_empty() {
                break;
            }
            first = format!("({last}");
        }
        Ok(listed)
    }

    async fn erase(&self, key: &RecordKey) -> Result<(), StoreError> {
        let text = key.to_string();
        let mut script = self.scripts.erase.key(self.record(&text));
        script
            .key(self.index(&key.tenant, &key.app))
            .key(self.forwards(&key.tenant, &key.app))
            .arg(&text);
        let erased: Result<u64, _> = script.invoke_async(&mut self.connection.clone()).await;
        erased
            .map(drop)
            .map_err(|error| self.unavailable("erasing a session", &error))
    }

    async fn old_forwards(
        &self,
        tenant: &TenantName,
        app: &AppName,
        now: Timestamp,
    ) -> Result<Vec<RecordKey>, StoreError> {
        let grace = u64::try_from(GRACE.as_millis()).unwrap_or(u64::MAX);
        let until = now.0.saturating_sub(grace);
        let mut found = Vec::new();
        loop {
            let mut range = redis::cmd("ZRANGE");
            range.arg(self.forwards(tenant, app)).arg("-inf").arg(until);
            range.arg("BYSCORE").arg("LIMIT").arg(found.len()).arg(PAGE);
            let page = range.query_async(&mut self.connection.clone()).await;
            let page: Vec<String> = page.map_err(|error| self.unavailable("looking for forwards", &error))?;
            let is_last = page.len() < PAGE;
            for text in page {
                found.push(key::read(&text)?);
            }
            if is_last {
                return Ok(found);
            }
        }
    }
}

/// In how many milliseconds the server drops a record by itself: after the session's end and [`GRACE`], by the clock
/// of this process, of which the head's is; the server's may be another. 0 for never: a record that leads to another
/// home does so for as long as the session is used there, which nodes look after ([`Store::old_forwards`]).
fn goes_in_ms(head: &Head, now: SystemTime) -> u64 {
    if !matches!(head.status, Status::Live | Status::Deleted) {
        return 0;
    }
    let now = now.duration_since(UNIX_EPOCH).unwrap_or_default();
    let now = Timestamp(u64::try_from(now.as_millis()).unwrap_or(u64::MAX));
    let left = (head.expires.since(now) + GRACE).min(LONGEST);
    u64::try_from(left.as_millis()).unwrap_or(u64::MAX)
}

/// What the script of a commit answers: 1, or 0 and the head that stands, if any.
struct Answer(u8, Option<Bytes>);

impl redis::FromRedisValue for Answer {
    fn from_redis_value(value: redis::Value) -> Result<Self, redis::ParsingError> {
        let mut parts = Vec::<redis::Value>::from_redis_value(value)?.into_iter();
        let done = u8::from_redis_value(parts.next().unwrap_or(redis::Value::Nil))?;
        Ok(Self(
            done,
            Option::from_redis_value(parts.next().unwrap_or(redis::Value::Nil))?,
        ))
    }
}

/// Whether the server certainly did nothing: it said so, or was never reached. A connection that was lost, or an
/// answer that did not come in time, tells nothing.
fn did_nothing(error: &RedisError) -> bool {
    match error.kind() {
        ErrorKind::Server(_) | ErrorKind::Extension | ErrorKind::AuthenticationFailed => true,
        ErrorKind::Client | ErrorKind::InvalidClientConfig => true,
        _ => error.is_connection_refusal(),
    }
}

fn state_field(state: &StateName) -> String {
    format!("state:{state}")
}

fn fields_to_keep(named: &BTreeSet<BlobName>) -> Vec<String> {
    let states = named.iter().filter_map(|name| match &name.of {
        BlobOf::State(state) => Some(state_field(state)),
        BlobOf::Reply | BlobOf::SealedReply => None,
    });
    states
        .chain(named.iter().map(|name| format!("blob:{name}")))
        .collect()
}

fn fields_to_set(named: &BTreeSet<BlobName>, blobs: &BTreeMap<BlobName, Bytes>) -> Vec<(String, Bytes)> {
    let mut set = Vec::new();
    for (name, bytes) in blobs.iter().filter(|(name, _)| named.contains(name)) {
        if let BlobOf::State(state) = &name.of {
            set.push((state_field(state), name.to_string().into()));
        }
        set.push((format!("blob:{name}"), bytes.clone()));
    }
    set
}
