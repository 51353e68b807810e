//! What is deployed, as its listing and its files; both are known by their digests.

use std::collections::BTreeMap;

use bytes::Bytes;
use fogline_core::model::limits::MAX_BODY;
use fogline_core::model::{Bytes as Size, Digest};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

/// Files are kept, and travel, in pieces of this size; the last one is smaller. On a link of 1 Mb/s one takes 4 s.
pub(crate) const PIECE: Size = Size(512 << 10);

/// The manifest, and the files that it names, by their path beside it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Package {
    pub(crate) manifest: String,
    pub(crate) files: BTreeMap<String, Bytes>,
}

/// A package without the bytes of its files. Its digest is the package's.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Listing {
    pub(crate) manifest: String,
    pub(crate) files: BTreeMap<String, File>,
}

/// A file of a package.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct File {
    pub(crate) digest: Digest,
    pub(crate) size: Size,
}

impl Package {
    pub(crate) fn listing(&self) -> Listing {
        let file = |(path, bytes): (&String, &Bytes)| {
            let file = File {
                digest: digest(bytes),
                size: Size(bytes.len() as u64),
            };
            (path.clone(), file)
        };
        Listing {
            manifest: self.manifest.clone(),
            files: self.files.iter().map(file).collect(),
        }
    }
}

impl Listing {
    /// Its bytes, on the disk and between nodes.
    pub(crate) fn encode(&self) -> Bytes {
        let bytes = postcard::to_stdvec(self);
        bytes
            .expect("a listing has no value that postcard cannot write")
            .into()
    }

    /// The listing that bytes stand for; none if they are damaged, or of a package that could not have been deployed.
    pub(crate) fn decode(bytes: &[u8]) -> Option<Self> {
        let listing: Self = postcard::from_bytes(bytes).ok()?;
        let sizes = listing.files.values().map(|file| file.size.0);
        let size = sizes.fold(0, u64::saturating_add);
        (size <= MAX_BODY.0).then_some(listing)
    }
}

impl File {
    /// The lengths of its pieces.
    pub(crate) fn pieces(self) -> impl Iterator<Item = (u32, usize)> {
        let count = self.size.0.div_ceil(PIECE.0);
        let last = self.size.0 - count.saturating_sub(1) * PIECE.0;
        (0..count).map(move |at| {
            let length = if at + 1 == count { last } else { PIECE.0 };
            // No package is larger than a request.
            (at as u32, length as usize)
        })
    }
}

/// SHA-256 of bytes.
pub(crate) fn digest(bytes: &[u8]) -> Digest {
    Digest(Sha256::digest(bytes).into())
}
