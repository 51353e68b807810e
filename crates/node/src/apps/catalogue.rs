//! This node's catalogue of applications, on its disk.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, PoisonError, RwLock};

use bytes::Bytes;
use fogline_core::catalogue::{self, AppKey, Entry, Stamp, Summary};
use fogline_core::model::{Digest, NodeName, Timestamp};
use fogline_state::{EmbeddedStore, StoreError};
use serde::{Deserialize, Serialize};
use tokio::sync::{Mutex, Notify};

use crate::fault::Fault;

const TABLE: &str = "catalogue";
/// Entries that are read at once.
const PAGE: usize = 1000;

/// What this node knows of an application, and what it has done about it.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Row {
    entry: Entry,
    local: Local,
}

/// What is of this node alone.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Local {
    /// When it heard of the entry, by its own clock.
    heard: Timestamp,
    /// The last deletion after which it has removed what there was of an application that it then served again.
    emptied: Option<Stamp>,
}

/// The catalogue of a node.
pub(crate) struct Catalogue {
    node: NodeName,
    store: Arc<EmbeddedStore>,
    known: RwLock<Known>,
    /// Held while an entry is written, so that memory is never ahead of the disk.
    writing: Mutex<()>,
    /// Something was heard of.
    pub(super) news: Notify,
}

#[derive(Default)]
struct Known {
    entries: catalogue::Catalogue,
    local: BTreeMap<AppKey, Local>,
}

impl Catalogue {
    /// The catalogue that the store has kept.
    pub(crate) fn open(node: NodeName, store: Arc<EmbeddedStore>) -> Result<Self, StoreError> {
        let mut known = Known::default();
        let mut after: Option<Bytes> = None;
        loop {
            let page = store.meta_list(TABLE, after.as_deref(), PAGE)?;
            for (key, bytes) in &page {
                let name = String::from_utf8_lossy(key);
                match (name.parse::<AppKey>(), postcard::from_bytes::<Row>(bytes)) {
                    (Ok(key), Ok(row)) => {
                        known.local.insert(key.clone(), row.local);
                        known.entries.merge(key, row.entry);
                    }
                    // Other nodes will tell.
                    _ => tracing::error!(application = %name, "its entry in the catalogue is damaged"),
                }
            }
            if page.len() < PAGE {
                break;
            }
            after = page.into_iter().next_back().map(|(key, _)| key);
        }
        Ok(Self {
            node,
            store,
            known: RwLock::new(known),
            writing: Mutex::default(),
            news: Notify::new(),
        })
    }

    fn read<T>(&self, read: impl FnOnce(&Known) -> T) -> T {
        read(&self.known.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// What is known of an application.
    pub(crate) fn get(&self, key: &AppKey) -> Option<Entry> {
        self.read(|known| known.entries.get(key).cloned())
    }

    /// All of it.
    pub(crate) fn all(&self) -> Vec<(AppKey, Entry)> {
        self.read(|known| {
            let all = known.entries.iter();
            all.map(|(key, entry)| (key.clone(), entry.clone())).collect()
        })
    }

    /// The applications that are deployed, whether or not this node can serve them now.
    pub(crate) fn names(&self) -> Vec<AppKey> {
        self.read(|known| {
            let entries = known.entries.iter();
            let deployed = entries.filter(|(_, entry)| entry.package().is_some());
            deployed.map(|(key, _)| key.clone()).collect()
        })
    }

    /// How many applications are deployed somewhere.
    pub(crate) fn deployed(&self) -> usize {
        self.names().len()
    }

    /// The packages that are to be kept.
    pub(crate) fn packages(&self) -> BTreeSet<Digest> {
        self.read(|known| {
            let entries = known.entries.iter();
            entries.flat_map(|(_, entry)| entry.packages()).collect()
        })
    }

    /// When this node heard of the last change of an application.
    pub(crate) fn heard(&self, key: &AppKey) -> Option<Timestamp> {
        self.read(|known| known.local.get(key).map(|local| local.heard))
    }

    /// Whether nothing is left here of before the last deletion of an application that is deployed again.
    pub(crate) fn is_emptied(&self, key: &AppKey, entry: &Entry) -> bool {
        self.read(|known| {
            let emptied = known.local.get(key).and_then(|local| local.emptied.as_ref());
            entry.emptied() <= emptied
        })
    }

    pub(crate) fn summary(&self) -> Summary {
        self.read(|known| known.entries.summary())
    }

    /// What a node with that summary may not have.
    pub(crate) fn differing(&self, other: &Summary) -> Vec<(AppKey, Entry)> {
        self.read(|known| known.entries.differing(other))
    }

    /// Makes a change here, of what is known to what `change` says; gives what stands then. Whoever deploys has removed
    /// before what an earlier deletion left.
    pub(crate) async fn change(
        &self,
        key: &AppKey,
        now: Timestamp,
        change: impl FnOnce(Option<&Entry>, Stamp) -> Result<Entry, Fault>,
    ) -> Result<Entry, Fault> {
        let _one = self.writing.lock().await;
        let entry = self.read(|known| {
            let stamp = known.entries.next_stamp(now, self.node.clone());
            change(known.entries.get(key), stamp)
        })?;
        let local = Local {
            heard: now,
            emptied: entry.package().and_then(|_| entry.emptied().cloned()),
        };
        self.write(key, entry.clone(), local).await?;
        Ok(entry)
    }

    /// Takes in what another node says.
    pub(crate) async fn adopt(&self, key: AppKey, entry: Entry, now: Timestamp) -> Result<(), Fault> {
        let _one = self.writing.lock().await;
        if entry.is_over(now) || !self.read(|known| known.entries.is_news(&key, &entry)) {
            return Ok(());
        }
        let emptied = self.read(|known| known.local.get(&key)?.emptied.clone());
        let local = Local { heard: now, emptied };
        self.write(&key, entry, local).await?;
        self.news.notify_one();
        Ok(())
    }

    /// What was before the last deletion is removed here.
    pub(crate) async fn empty(&self, key: &AppKey) -> Result<(), Fault> {
        let _one = self.writing.lock().await;
        let known = self.read(|known| Some((known.entries.get(key)?.clone(), known.local.get(key)?.heard)));
        let Some((entry, heard)) = known else {
            return Ok(());
        };
        let emptied = entry.emptied().cloned();
        self.write(key, entry, Local { heard, emptied }).await
    }

    /// Forgets deletions that all have heard of by now.
    pub(crate) async fn forget_old(&self, now: Timestamp) -> Result<(), StoreError> {
        let _one = self.writing.lock().await;
        for (key, _) in self.all().iter().filter(|(_, entry)| entry.is_over(now)) {
            self.store.meta_delete(TABLE, key.to_string().as_bytes()).await?;
            let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
            known.entries.forget(key);
            known.local.remove(key);
        }
        Ok(())
    }

    async fn write(&self, key: &AppKey, entry: Entry, local: Local) -> Result<(), Fault> {
        let row = Row { entry, local };
        let bytes = postcard::to_stdvec(&row)
            .map_err(|error| Fault::internal(format!("writing what is known of {key}: {error}")))?;
        self.store
            .meta_put(TABLE, key.to_string().as_bytes(), bytes.into())
            .await?;
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        known.local.insert(key.clone(), row.local);
        known.entries.merge(key.clone(), row.entry);
        Ok(())
    }
}
