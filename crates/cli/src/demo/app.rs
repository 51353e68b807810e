//! The application of the demonstration: the paper's Fig. 3, built into the command, so that it runs anywhere.

use std::collections::BTreeMap;

use bytes::Bytes;
use fogline_client::Package;

/// Its manifest.
pub(crate) const MANIFEST: &str = include_str!("../../../../functions/figure3/fogline.toml");
const F1: &[u8] = include_bytes!("../../../../functions/figure3/f1.wasm");
const F2: &[u8] = include_bytes!("../../../../functions/figure3/f2.wasm");
const F3: &[u8] = include_bytes!("../../../../functions/figure3/f3.wasm");

/// The input of a run, in bytes.
pub(crate) const INPUT: usize = 20_000;

/// Manifest and components.
pub(crate) fn package() -> Package {
    let components = [("f1.wasm", F1), ("f2.wasm", F2), ("f3.wasm", F3)];
    let files = components.map(|(path, bytes)| (path.to_owned(), Bytes::from_static(bytes)));
    Package {
        manifest: Bytes::from_static(MANIFEST.as_bytes()),
        files: BTreeMap::from(files),
    }
}
