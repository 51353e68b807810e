//! What survives when a store, or its process, is killed between or within commits.

use std::collections::BTreeMap;

use bytes::Bytes;
use fogline_core::session::Head;

use super::scene::{Scene, name, names};
use super::swap::number;
use crate::{Committed, Store, StoreError};

/// The state whose bytes are beside the head, so that half a commit would be seen.
const LARGE: &str = "large";

/// The last number that a store acknowledged, by record.
pub type Acknowledged = BTreeMap<u64, u64>;

/// Writes one record's numbers, one after the other: each commit sets a small state to the next number, and a large
/// one to many copies of it.
#[derive(Debug)]
pub struct Pen {
    scene: Scene,
    record: u64,
    head: Option<Head>,
}

impl Pen {
    /// For the record of this number.
    #[must_use]
    pub fn new(record: u64) -> Self {
        Self {
            scene: Scene::new("killed"),
            record,
            head: None,
        }
    }

    /// Writes the next number; `None` when nobody knows whether it is written.
    ///
    /// # Errors
    /// When the store certainly did not write it.
    ///
    /// # Panics
    /// When somebody else writes the record.
    pub async fn write(&mut self, store: &dyn Store) -> Result<Option<u64>, StoreError> {
        let key = self.scene.key(self.record);
        let commit = match &self.head {
            None => self.scene.birth(),
            Some(head) => {
                let number = (head.version + 1).to_be_bytes();
                let (small, large) = (number.to_vec().into(), number.repeat(1000).into());
                self.scene
                    .next(head, &[("small", Some(small)), (LARGE, Some(large))])
            }
        };
        let head = commit.head.clone();
        match store.commit(&key, commit).await? {
            Committed::Done => {
                let version = head.version;
                self.head = Some(head);
                Ok(Some(version))
            }
            Committed::Unknown => Ok(None),
            Committed::Conflict(head) => panic!("record {} has one writer, and shows {head:?}", self.record),
        }
    }
}

/// Checks a store that was opened again: of each record, everything that was acknowledged is there, at most the one
/// number that was on its way besides, and head and blob are of the same commit.
///
/// # Errors
/// When the store fails.
///
/// # Panics
/// When something is missing, half-done, or was never written.
pub async fn what_was_acknowledged_is_there(
    store: &dyn Store,
    acknowledged: &Acknowledged,
) -> Result<(), StoreError> {
    let scene = Scene::new("killed");
    for (record, last) in acknowledged {
        let seen = store.load(&scene.key(*record), &names(&["small", LARGE])).await?;
        let seen =
            seen.unwrap_or_else(|| panic!("record {record} was acknowledged up to {last} and is gone"));
        let version = seen.head.version;
        assert!(
            version >= *last,
            "record {record}: {last} was acknowledged, {version} is there"
        );
        assert!(
            version <= last + 1,
            "record {record}: {last} was acknowledged, and {version} never written"
        );
        if version > 0 {
            let small: &Bytes = &seen.values[&name("small")];
            assert_eq!(number(small), version, "record {record}: the state of its head");
            assert_eq!(
                seen.values[&name(LARGE)],
                small.repeat(1000),
                "record {record}: half a commit"
            );
        }
    }
    Ok(())
}
