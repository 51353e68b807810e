//! Conversions that an operator has asked for, of sessions that are with their clients: done at the client's next
//! request (R14). They are on the node's disk too, because that request may come after the node was restarted.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use fogline_core::model::{AppName, ExecutionModel, SessionId, TenantName, Timestamp};
use fogline_core::session::SessionKey;
use fogline_state::{EmbeddedStore, StoreError};
use serde::{Deserialize, Serialize};

const TABLE: &str = "wishes";
/// How many of one tenant wait; an operator who asks for more is told so.
const MAX: usize = 65_536;
/// Records that are read at once.
const PAGE: usize = 1000;

/// Wanted models by session. That there is such a session nobody can tell but its client: so no tenant's wishes take the
/// room of another's, or are told to another's client.
pub(crate) struct Requested {
    store: Arc<EmbeddedStore>,
    wanted: Mutex<HashMap<TenantName, HashMap<SessionKey, Wanted>>>,
    /// Held while one is written, so that disk and memory change in the same order.
    changing: tokio::sync::Mutex<()>,
}

#[derive(Clone, Copy, Serialize, Deserialize)]
struct Wanted {
    model: ExecutionModel,
    /// A client that has not come by then has nothing left that could be converted.
    until: Timestamp,
}

impl Requested {
    /// Those that were waiting when the node stopped.
    pub(crate) fn open(store: Arc<EmbeddedStore>) -> Result<Self, StoreError> {
        let mut wanted: HashMap<TenantName, HashMap<SessionKey, Wanted>> = HashMap::new();
        let mut after = None;
        loop {
            let page = store.meta_list(TABLE, after.as_deref(), PAGE)?;
            for (key, value) in &page {
                match (read_key(key), postcard::from_bytes(value)) {
                    (Some(session), Ok(value)) => {
                        let of_tenant = wanted.entry(session.tenant.clone()).or_default();
                        of_tenant.insert(session, value);
                    }
                    _ => {
                        tracing::error!(key = %String::from_utf8_lossy(key), "a wanted conversion is damaged")
                    }
                }
            }
            if page.len() < PAGE {
                break;
            }
            after = page.last().map(|(key, _)| key.clone());
        }
        Ok(Self {
            store,
            wanted: Mutex::new(wanted),
            changing: tokio::sync::Mutex::default(),
        })
    }

    /// The model that the session is wanted under, if any.
    pub(crate) fn of(
        &self,
        tenant: &TenantName,
        app: &AppName,
        session: &SessionId,
    ) -> Option<ExecutionModel> {
        let wanted = self.lock();
        let of_tenant = wanted.get(tenant)?;
        let (tenant, app, session) = (tenant.clone(), app.clone(), session.clone());
        let key = SessionKey { tenant, app, session };
        of_tenant.get(&key).map(|wanted| wanted.model)
    }

    /// Asks for a session under a model; `false` if too many wait. That it be with its client it is already.
    pub(crate) async fn ask(
        &self,
        session: &SessionKey,
        model: ExecutionModel,
        until: Timestamp,
    ) -> Result<bool, StoreError> {
        if model == ExecutionModel::InClient {
            self.done(session).await?;
            return Ok(true);
        }
        let _changing = self.changing.lock().await;
        let fits = {
            let wanted = self.lock();
            let of_tenant = wanted.get(&session.tenant);
            of_tenant.is_none_or(|wanted| wanted.len() < MAX || wanted.contains_key(session))
        };
        if fits {
            let wanted = Wanted { model, until };
            let value = postcard::to_stdvec(&wanted).expect("a model and a number are written to memory");
            let key = write_key(session);
            self.store.meta_put(TABLE, key.as_bytes(), value.into()).await?;
            let mut all = self.lock();
            let of_tenant = all.entry(session.tenant.clone()).or_default();
            of_tenant.insert(session.clone(), wanted);
        }
        Ok(fits)
    }

    /// It is done; `false` if nobody asked.
    pub(crate) async fn done(&self, session: &SessionKey) -> Result<bool, StoreError> {
        if self.of(&session.tenant, &session.app, &session.session).is_none() {
            return Ok(false);
        }
        let _changing = self.changing.lock().await;
        let key = write_key(session);
        self.store.meta_delete(TABLE, key.as_bytes()).await?;
        let mut all = self.lock();
        let Some(of_tenant) = all.get_mut(&session.tenant) else {
            return Ok(false);
        };
        let was_wanted = of_tenant.remove(session).is_some();
        if of_tenant.is_empty() {
            all.remove(&session.tenant);
        }
        Ok(was_wanted)
    }

    /// Forgets those of clients that have not come.
    pub(crate) async fn forget_old(&self, now: Timestamp) -> Result<(), StoreError> {
        let mut old: Vec<SessionKey> = {
            let wanted = self.lock();
            let all = wanted.values().flatten();
            let old = all.filter(|(_, wanted)| wanted.until < now);
            old.map(|(session, _)| session.clone()).collect()
        };
        old.sort_unstable();
        for session in old {
            self.done(&session).await?;
        }
        Ok(())
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<TenantName, HashMap<SessionKey, Wanted>>> {
        self.wanted.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Names have no slash.
fn write_key(of: &SessionKey) -> String {
    format!("{}/{}/{}", of.tenant, of.app, of.session)
}

fn read_key(key: &[u8]) -> Option<SessionKey> {
    let mut names = str::from_utf8(key).ok()?.splitn(3, '/');
    Some(SessionKey {
        tenant: names.next()?.parse().ok()?,
        app: names.next()?.parse().ok()?,
        session: names.next()?.parse().ok()?,
    })
}

#[cfg(test)]
mod tests {
    use fogline_core::model::Birth;
    use fogline_state::EmbeddedOptions;

    use super::*;

    fn session(tenant: &str, number: u32) -> SessionKey {
        let mut random = [0; 16];
        random[..4].copy_from_slice(&number.to_be_bytes());
        SessionKey {
            tenant: tenant.parse().unwrap(),
            app: "counter".parse().unwrap(),
            session: SessionId::mint("one".parse().unwrap(), vec![Birth::InClient], random).unwrap(),
        }
    }

    fn wanted(requested: &Requested, of: &SessionKey) -> Option<ExecutionModel> {
        requested.of(&of.tenant, &of.app, &of.session)
    }

    fn open(folder: &tempfile::TempDir) -> Requested {
        let path = folder.path().join("store.redb");
        let store = EmbeddedStore::open(&path, &EmbeddedOptions::default()).unwrap();
        Requested::open(Arc::new(store)).unwrap()
    }

    #[tokio::test]
    async fn what_was_wanted_is_wanted_after_a_restart_until_it_is_done_or_too_late() {
        let folder = tempfile::tempdir().unwrap();
        let (done, late, kept) = (session("a", 1), session("a", 2), session("b", 3));
        {
            let requested = open(&folder);
            for (session, until) in [(&done, 100), (&late, 10), (&kept, 100)] {
                let asked = requested
                    .ask(session, ExecutionModel::External, Timestamp(until))
                    .await;
                assert!(asked.unwrap());
            }
        }
        {
            let requested = open(&folder);
            assert_eq!(wanted(&requested, &late), Some(ExecutionModel::External));
            assert!(requested.done(&done).await.unwrap());
            assert!(!requested.done(&done).await.unwrap(), "nobody asks any more");
            requested.forget_old(Timestamp(11)).await.unwrap();
        }
        let requested = open(&folder);
        assert_eq!(wanted(&requested, &done), None);
        assert_eq!(wanted(&requested, &late), None);
        assert_eq!(wanted(&requested, &kept), Some(ExecutionModel::External));
    }

    #[tokio::test]
    async fn wishes_of_one_tenant_are_no_others_and_take_nobody_elses_room() {
        let folder = tempfile::tempdir().unwrap();
        let requested = open(&folder);
        let full = {
            let wanted = Wanted {
                model: ExecutionModel::External,
                until: Timestamp(100),
            };
            (0..MAX as u32)
                .map(|number| (session("a", number), wanted))
                .collect()
        };
        requested.lock().insert("a".parse().unwrap(), full);
        let ask = async |session: SessionKey| {
            let asked = requested.ask(&session, ExecutionModel::InEdge, Timestamp(100));
            asked.await.unwrap()
        };
        assert!(!ask(session("a", MAX as u32)).await);
        assert!(ask(session("b", 1)).await);
        assert_eq!(
            wanted(&requested, &session("a", 1)),
            Some(ExecutionModel::External)
        );
        assert_eq!(wanted(&requested, &session("b", 1)), Some(ExecutionModel::InEdge));
        assert_eq!(wanted(&requested, &session("c", 1)), None);
    }
}
