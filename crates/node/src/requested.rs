//! Conversions that an operator has asked for, of sessions that are with their clients: done at the client's next
//! request (R14). They are on the node's disk too, because that request may come after the node was restarted.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use fogline_core::model::{ExecutionModel, SessionId, Timestamp};
use fogline_state::{EmbeddedStore, StoreError};
use serde::{Deserialize, Serialize};

const TABLE: &str = "requested";
/// How many wait; an operator who asks for more is told so.
const MAX: usize = 65_536;
/// Records that are read at once.
const PAGE: usize = 1000;

/// Wanted models by session.
pub(crate) struct Requested {
    store: Arc<EmbeddedStore>,
    wanted: Mutex<HashMap<SessionId, Wanted>>,
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
        let mut wanted = HashMap::new();
        let mut after = None;
        loop {
            let page = store.meta_list(TABLE, after.as_deref(), PAGE)?;
            for (key, value) in &page {
                let session = str::from_utf8(key).ok().and_then(|text| text.parse().ok());
                match (session, postcard::from_bytes(value)) {
                    (Some(session), Ok(value)) => drop(wanted.insert(session, value)),
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
    pub(crate) fn of(&self, session: &SessionId) -> Option<ExecutionModel> {
        let wanted = self.lock();
        if wanted.is_empty() {
            None
        } else {
            wanted.get(session).map(|wanted| wanted.model)
        }
    }

    /// Asks for a session under a model; `false` if too many wait. That it be with its client it is already.
    pub(crate) async fn ask(
        &self,
        session: &SessionId,
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
            wanted.len() < MAX || wanted.contains_key(session)
        };
        if fits {
            let wanted = Wanted { model, until };
            let value = postcard::to_stdvec(&wanted).expect("a model and a number are written to memory");
            let key = session.to_string();
            self.store.meta_put(TABLE, key.as_bytes(), value.into()).await?;
            self.lock().insert(session.clone(), wanted);
        }
        Ok(fits)
    }

    /// It is done; `false` if nobody asked.
    pub(crate) async fn done(&self, session: &SessionId) -> Result<bool, StoreError> {
        if self.of(session).is_none() {
            return Ok(false);
        }
        let _changing = self.changing.lock().await;
        let key = session.to_string();
        self.store.meta_delete(TABLE, key.as_bytes()).await?;
        Ok(self.lock().remove(session).is_some())
    }

    /// Forgets those of clients that have not come.
    pub(crate) async fn forget_old(&self, now: Timestamp) -> Result<(), StoreError> {
        let mut old: Vec<SessionId> = {
            let wanted = self.lock();
            let old = wanted.iter().filter(|(_, wanted)| wanted.until < now);
            old.map(|(session, _)| session.clone()).collect()
        };
        old.sort_unstable();
        for session in old {
            self.done(&session).await?;
        }
        Ok(())
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<SessionId, Wanted>> {
        self.wanted.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use fogline_core::model::Birth;
    use fogline_state::EmbeddedOptions;

    use super::*;

    fn session(number: u8) -> SessionId {
        SessionId::mint("one".parse().unwrap(), vec![Birth::InClient], [number; 16]).unwrap()
    }

    #[tokio::test]
    async fn what_was_wanted_is_wanted_after_a_restart_until_it_is_done_or_too_late() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("store.redb");
        let open = || Arc::new(EmbeddedStore::open(&path, &EmbeddedOptions::default()).unwrap());
        let (done, late, kept) = (session(1), session(2), session(3));
        {
            let requested = Requested::open(open()).unwrap();
            for (session, until) in [(&done, 100), (&late, 10), (&kept, 100)] {
                let asked = requested
                    .ask(session, ExecutionModel::External, Timestamp(until))
                    .await;
                assert!(asked.unwrap());
            }
        }
        {
            let requested = Requested::open(open()).unwrap();
            assert_eq!(requested.of(&late), Some(ExecutionModel::External));
            assert!(requested.done(&done).await.unwrap());
            assert!(!requested.done(&done).await.unwrap(), "nobody asks any more");
            requested.forget_old(Timestamp(11)).await.unwrap();
        }
        let requested = Requested::open(open()).unwrap();
        assert_eq!(requested.of(&done), None);
        assert_eq!(requested.of(&late), None);
        assert_eq!(requested.of(&kept), Some(ExecutionModel::External));
    }
}
