//! Which life of the node this is: a counter in its store, raised at each start.

use std::sync::Arc;

use fogline_state::{EmbeddedStore, StoreError};

const TABLE: &str = "node";
const KEY: &[u8] = b"incarnation";
/// The last life that ended in peace.
const ENDED: &[u8] = b"ended";

/// How a life begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Begun {
    /// A number that no earlier life on this store had; the first one's is 1.
    pub(crate) number: u64,
    /// Whether the life before did not [`end`], so that what it had in memory only is lost.
    pub(crate) after_crash: bool,
}

/// Begins a life. It is on the disk when this returns.
pub(crate) async fn begin(store: &Arc<EmbeddedStore>) -> Result<Begun, StoreError> {
    let last = kept(store, KEY)?;
    let number = last + 1;
    let bytes = number.to_be_bytes().to_vec();
    store.meta_put(TABLE, KEY, bytes.into()).await?;
    Ok(Begun {
        number,
        after_crash: kept(store, ENDED)? < last,
    })
}

/// Ends the life that was begun last, whose memory is stored.
pub(crate) async fn end(store: &Arc<EmbeddedStore>) -> Result<(), StoreError> {
    let bytes = kept(store, KEY)?.to_be_bytes().to_vec();
    store.meta_put(TABLE, ENDED, bytes.into()).await
}

fn kept(store: &EmbeddedStore, key: &[u8]) -> Result<u64, StoreError> {
    let bytes = store.meta_get(TABLE, key)?;
    let number = bytes.and_then(|bytes| Some(u64::from_be_bytes(bytes[..].try_into().ok()?)));
    Ok(number.unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use fogline_state::EmbeddedOptions;

    use super::*;

    #[tokio::test]
    async fn each_start_is_another_life_and_knows_how_the_one_before_ended() {
        let folder = tempfile::tempdir().unwrap();
        for (number, after_crash, ends) in [
            (1, false, true),
            (2, false, false),
            (3, true, false),
            (4, true, true),
        ] {
            let path = folder.path().join("store.redb");
            let store = Arc::new(EmbeddedStore::open(&path, &EmbeddedOptions::default()).unwrap());
            let begun = begin(&store).await.unwrap();
            assert_eq!(begun, Begun { number, after_crash });
            if ends {
                end(&store).await.unwrap();
            }
        }
    }
}
