//! Lists, and whom they show what.

use fogline_core::session::RecordKey;

use super::scene::{Scene, names, noise};
use crate::{Committed, Listed, Store, StoreError};

async fn make(store: &dyn Store, scene: &Scene, key: &RecordKey) -> Result<(), StoreError> {
    let birth = scene.birth();
    let next = scene.next(&birth.head, &[("s", Some(noise(1, 5000)))]);
    assert_eq!(store.commit(key, birth).await?, Committed::Done);
    assert_eq!(store.commit(key, next).await?, Committed::Done);
    Ok(())
}

/// A list shows an application's records in the order of their keys' texts, page after page.
///
/// # Errors
/// When the store fails.
pub async fn lists_are_in_order(store: &dyn Store) -> Result<(), StoreError> {
    let scene = Scene::new("order");
    let mut keys: Vec<_> = (0..7).map(|number| scene.key(number)).collect();
    for key in keys.iter().rev() {
        make(store, &scene, key).await?;
    }
    keys.sort_by_key(ToString::to_string);
    let mut seen: Vec<Listed> = Vec::new();
    loop {
        let after = seen.last().map(|listed| listed.key.clone());
        let page = store.list(&scene.tenant, &scene.app, after.as_ref(), 3).await?;
        assert!(page.len() <= 3, "at most as many as asked for");
        if page.is_empty() {
            break;
        }
        seen.extend(page);
    }
    assert_eq!(
        seen.iter().map(|listed| listed.key.clone()).collect::<Vec<_>>(),
        keys
    );
    for listed in &seen {
        let loaded = store.load(&listed.key, &names(&[])).await?.expect("it is listed");
        assert_eq!(loaded.head, listed.head);
    }
    assert_eq!(
        store.list(&scene.tenant, &scene.app, None, 0).await?,
        [],
        "none asked for"
    );
    Ok(())
}

/// Tenants and applications never see each other's records, also where their names begin alike.
///
/// # Errors
/// When the store fails.
pub async fn lists_are_in_scope(store: &dyn Store) -> Result<(), StoreError> {
    let ours = Scene::new("list");
    let others = [
        Scene::new("list2"),
        Scene::new("list-2"),
        Scene::new("lis"),
        Scene::new("list").with_app("conformance-2".parse().expect("a name")),
        Scene::new("list").with_app("conformanc".parse().expect("a name")),
    ];
    for scene in &others {
        make(store, scene, &scene.key(3)).await?;
    }
    for number in 0..4 {
        make(store, &ours, &ours.key(number)).await?;
    }
    for scene in &others {
        let theirs = store.list(&scene.tenant, &scene.app, None, 100).await?;
        assert_eq!(
            theirs.iter().map(|listed| &listed.key).collect::<Vec<_>>(),
            [&scene.key(3)]
        );
    }
    let (before, behind) = (others[2].key(3), others[0].key(3));
    let list = async |after| store.list(&ours.tenant, &ours.app, after, 100).await;
    assert_eq!(list(None).await?.len(), 4);
    assert_eq!(list(Some(&before)).await?.len(), 4, "behind a key before all");
    assert_eq!(list(Some(&behind)).await?, [], "behind a key after all");
    let nobody = Scene::new("nobody");
    assert_eq!(store.list(&nobody.tenant, &nobody.app, None, 100).await?, []);
    let of_that_number = store.load(&others[0].key(1), &names(&[])).await?;
    assert_eq!(of_that_number, None, "another tenant's session of that number");
    Ok(())
}

/// An erased record is gone with its blobs and out of the lists; its neighbours stay; it may be erased again.
///
/// # Errors
/// When the store fails.
pub async fn erased_is_gone(store: &dyn Store) -> Result<(), StoreError> {
    let scene = Scene::new("erase");
    let (gone, stays) = (scene.key(1), scene.key(2));
    make(store, &scene, &gone).await?;
    make(store, &scene, &stays).await?;
    let head = store.load(&gone, &names(&[])).await?.expect("it was made").head;
    store.erase(&gone).await?;
    store.erase(&gone).await?;
    assert_eq!(store.load(&gone, &names(&["s"])).await?, None);
    for blob in head.blobs() {
        assert_eq!(store.blob(&gone, &blob).await?, None);
    }
    let left = store.list(&scene.tenant, &scene.app, None, 100).await?;
    assert_eq!(
        left.iter().map(|listed| &listed.key).collect::<Vec<_>>(),
        [&stays]
    );
    assert_eq!(
        store
            .load(&stays, &names(&["s"]))
            .await?
            .expect("it stays")
            .values
            .len(),
        1
    );
    make(store, &scene, &gone).await
}
