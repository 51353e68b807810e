//! The packages on this node's disk: listings, and files in pieces, as far as they have arrived.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use fogline_core::model::Digest;
use fogline_protocol::peer::Request;
use fogline_protocol::problem::Kind;
use fogline_state::{EmbeddedStore, StoreError};
use tokio::sync::{RwLock, RwLockReadGuard};

use super::package::{File, Listing, PIECE, Package, digest};
use super::sources::Sources;
use crate::fault::Fault;

/// Listings, by digest. A package's is written before its files.
const LISTINGS: &str = "packages";
/// Pieces, by the file's digest and their number, as four bytes, the most significant first.
const PIECES: &str = "package-pieces";
/// Listings that are read at once.
const PAGE: usize = 64;

/// The packages of a node.
pub(crate) struct Packages {
    store: Arc<EmbeddedStore>,
    /// Shared while a package is written that the catalogue does not name yet.
    writing: RwLock<()>,
}

impl Packages {
    pub(crate) fn new(store: Arc<EmbeddedStore>) -> Self {
        Self {
            store,
            writing: RwLock::new(()),
        }
    }

    /// As long as this is held no package is removed.
    pub(crate) async fn hold(&self) -> RwLockReadGuard<'_, ()> {
        self.writing.read().await
    }

    /// Keeps a package; it is on disk when this returns.
    pub(crate) async fn put(&self, package: &Package, listing: &Listing) -> Result<(), StoreError> {
        let bytes = listing.encode();
        self.store.meta_put(LISTINGS, &digest(&bytes).0, bytes).await?;
        let pieces = package.files.iter().flat_map(|(path, bytes)| {
            let file = listing.files[path];
            file.pieces().map(move |(at, length)| {
                let start = at as usize * PIECE.0 as usize;
                (piece_key(&file.digest, at), bytes.slice(start..start + length))
            })
        });
        // Together, so that the store writes them in groups.
        let written = pieces.map(async |(key, piece)| self.store.meta_put(PIECES, &key, piece).await);
        futures_util::future::try_join_all(written).await?;
        Ok(())
    }

    /// The bytes of a package's listing, if it is here.
    pub(crate) fn listing(&self, package: &Digest) -> Result<Option<Bytes>, StoreError> {
        self.store.meta_get(LISTINGS, &package.0)
    }

    /// A piece of a file, if it is here.
    pub(crate) fn piece(&self, file: &Digest, at: u32) -> Result<Option<Bytes>, StoreError> {
        self.store.meta_get(PIECES, &piece_key(file, at))
    }

    /// A package. What is not here is asked for, and kept as it arrives: whoever asks again later asks for the rest.
    pub(crate) async fn get(&self, package: &Digest, sources: &mut Sources<'_>) -> Result<Package, Fault> {
        let damaged = || {
            let title = format!("the listing of package {package} is not what its digest says");
            Fault::new(Kind::Unavailable, title, "deploy the application again")
        };
        let bytes = match self.listing(package)? {
            Some(bytes) => bytes,
            None => {
                let bytes = sources.ask(&Request::Listing(*package)).await?;
                if digest(&bytes) != *package {
                    return Err(damaged());
                }
                self.store.meta_put(LISTINGS, &package.0, bytes.clone()).await?;
                bytes
            }
        };
        let listing = Listing::decode(&bytes).ok_or_else(damaged)?;
        let mut files = BTreeMap::new();
        for (path, file) in listing.files {
            files.insert(path, self.file(&file, sources).await?);
        }
        Ok(Package {
            manifest: listing.manifest,
            files,
        })
    }

    async fn file(&self, file: &File, sources: &mut Sources<'_>) -> Result<Bytes, Fault> {
        let mut bytes = BytesMut::with_capacity(file.size.0 as usize);
        for (at, length) in file.pieces() {
            let piece = match self.piece(&file.digest, at)? {
                Some(piece) => piece,
                None => {
                    let piece = sources.ask(&Request::Piece(file.digest, at)).await?;
                    if piece.len() == length {
                        let key = piece_key(&file.digest, at);
                        self.store.meta_put(PIECES, &key, piece.clone()).await?;
                    }
                    piece
                }
            };
            bytes.extend_from_slice(&piece);
        }
        if digest(&bytes) == file.digest {
            return Ok(bytes.freeze());
        }
        self.remove_file(file).await?;
        let title = format!(
            "what has arrived of the file {} is not what its digest says",
            file.digest
        );
        Err(Fault::new(
            Kind::Unavailable,
            title,
            "it is asked for again by itself",
        ))
    }

    /// Removes all packages but those that are then to be kept.
    pub(crate) async fn keep_only(&self, kept: impl FnOnce() -> BTreeSet<Digest>) -> Result<(), StoreError> {
        let _alone = self.writing.write().await;
        let kept = kept();
        let (mut used, mut gone) = (BTreeSet::new(), Vec::new());
        let mut after: Option<Bytes> = None;
        loop {
            let page = self.store.meta_list(LISTINGS, after.as_deref(), PAGE)?;
            for (key, bytes) in &page {
                let files = Listing::decode(bytes)
                    .map(|listing| listing.files)
                    .unwrap_or_default();
                match <[u8; 32]>::try_from(&key[..]).map(Digest) {
                    Ok(package) if kept.contains(&package) => used.extend(files.into_values()),
                    _ => gone.push((key.clone(), files)),
                }
            }
            if page.len() < PAGE {
                break;
            }
            after = page.into_iter().next_back().map(|(key, _)| key);
        }
        for (key, files) in gone {
            for file in files.values().filter(|file| !used.contains(file)) {
                self.remove_file(file).await?;
            }
            // Last, so that nothing is forgotten if the node stops before.
            self.store.meta_delete(LISTINGS, &key).await?;
        }
        Ok(())
    }

    async fn remove_file(&self, file: &File) -> Result<(), StoreError> {
        let removed = file.pieces().map(async |(at, _)| {
            let key = piece_key(&file.digest, at);
            self.store.meta_delete(PIECES, &key).await
        });
        futures_util::future::try_join_all(removed).await?;
        Ok(())
    }
}

fn piece_key(file: &Digest, at: u32) -> Vec<u8> {
    [&file.0[..], &at.to_be_bytes()].concat()
}
