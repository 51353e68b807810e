//! Which life of the node this is: a counter in its store, raised at each start.

use std::sync::Arc;

use fogline_state::{EmbeddedStore, StoreError};

const TABLE: &str = "node";
const KEY: &[u8] = b"incarnation";

/// Begins a life: gives a number that no earlier life on this store had, the first one being 1. It is on the disk
/// when this returns.
pub(crate) async fn begin(store: &Arc<EmbeddedStore>) -> Result<u64, StoreError> {
    let kept = store.meta_get(TABLE, KEY)?;
    let last = kept.and_then(|bytes| Some(u64::from_be_bytes(bytes[..].try_into().ok()?)));
    let life = last.unwrap_or(0) + 1;
    let bytes = life.to_be_bytes().to_vec();
    store.meta_put(TABLE, KEY, bytes.into()).await?;
    Ok(life)
}

#[cfg(test)]
mod tests {
    use fogline_state::EmbeddedOptions;

    use super::*;

    #[tokio::test]
    async fn each_start_is_another_life() {
        let folder = tempfile::tempdir().unwrap();
        for life in 1..=3 {
            let path = folder.path().join("store.redb");
            let store = Arc::new(EmbeddedStore::open(&path, &EmbeddedOptions::default()).unwrap());
            assert_eq!(begin(&store).await.unwrap(), life);
        }
    }
}
