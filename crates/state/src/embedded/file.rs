//! The file: its tables, and how it is opened.

use std::fmt;
use std::path::{Path, PathBuf};

use redb::{Database, DatabaseError, TableDefinition};

use super::open::EmbeddedOptions;

/// Key of a record → its encoded head.
pub(super) const HEADS: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("heads");
/// `KEY/BLOB` → its bytes.
pub(super) const BLOBS: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("blobs");
/// What the node keeps for itself: table and key → value.
pub(super) const META: TableDefinition<'_, (&str, &[u8]), &[u8]> = TableDefinition::new("meta");
/// The table in [`META`] of the rows of [`BLOBS`] that wait for a commit that names them.
pub(super) const STAGED: &str = "staged";
/// What the store keeps of itself, by the names below.
pub(super) const STORE: TableDefinition<'_, &str, u64> = TableDefinition::new("store");

/// The version of the tables above.
pub(super) const FORMAT_ROW: &str = "format";
/// The format that is written.
pub(super) const FORMAT: u64 = 1;
/// About how many bytes are in the tables, to judge whether compaction pays; written now and then.
pub(super) const USED_ROW: &str = "used-bytes";

type Open = dyn Fn() -> Result<Database, DatabaseError> + Send + Sync;

/// Opens the file, also again after the disk has failed. Tests open one on a failing disk.
pub(super) struct Opener {
    pub(super) path: PathBuf,
    pub(super) open: Box<Open>,
}

impl Opener {
    pub(super) fn of_file(path: &Path, options: &EmbeddedOptions) -> Self {
        let cache = usize::try_from(options.cache.0).unwrap_or(usize::MAX);
        let file = path.to_owned();
        let open = move || Database::builder().set_cache_size(cache).create(&file);
        Self {
            path: path.to_owned(),
            open: Box::new(open),
        }
    }
}

impl fmt::Debug for Opener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Opener({})", self.path.display())
    }
}
