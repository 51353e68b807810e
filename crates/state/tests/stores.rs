//! Every store does what the conformance suite asks.

use std::sync::Arc;

use fogline_state::{EmbeddedOptions, EmbeddedStore, MemoryStore, conformance};

#[tokio::test(flavor = "multi_thread")]
async fn memory_conforms() {
    conformance::all(Arc::new(MemoryStore::new())).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn embedded_conforms() {
    let folder = tempfile::tempdir().unwrap();
    let store = EmbeddedStore::open(&folder.path().join("store.redb"), &EmbeddedOptions::default()).unwrap();
    conformance::all(Arc::new(store)).await.unwrap();
}
