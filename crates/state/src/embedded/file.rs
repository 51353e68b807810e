//! The file: its tables, and how it is opened.

use std::fmt;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use redb::backends::FileBackend;
use redb::{Database, DatabaseError, StorageBackend, TableDefinition};

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
pub(super) const FORMAT: u64 = 2;
/// About how many bytes are in the tables, to judge whether compaction pays; as of the last checkpoint.
pub(super) const USED_ROW: &str = "used-bytes";
/// The checkpoint that the log follows; none, or that of a store that was closed, if the log holds nothing.
pub(super) const CHECKPOINT_ROW: &str = "checkpoint";

type Open = dyn Fn() -> Result<Database, DatabaseError> + Send + Sync;
type OpenLog = dyn Fn() -> io::Result<Box<dyn StorageBackend>> + Send + Sync;

/// Opens the file, also again after the disk has failed. Tests open one on a failing disk.
pub(super) struct Opener {
    pub(super) path: PathBuf,
    pub(super) open: Box<Open>,
    /// Opens the log, or makes it.
    pub(super) open_log: Box<OpenLog>,
}

impl Opener {
    pub(super) fn of_file(path: &Path, options: &EmbeddedOptions) -> Self {
        let cache = usize::try_from(options.cache.0).unwrap_or(usize::MAX);
        let file = path.to_owned();
        let open = move || Database::builder().set_cache_size(cache).create(&file);
        let log = Self::log_of(path);
        Self {
            path: path.to_owned(),
            open: Box::new(open),
            open_log: Box::new(move || Ok(Box::new(log_file(&log)?))),
        }
    }

    /// Where the log of a store is.
    pub(super) fn log_of(path: &Path) -> PathBuf {
        path.with_extension("wal")
    }
}

/// Opens the file, or makes it so that a crash of the machine does not take it away again.
fn log_file(path: &Path) -> io::Result<FileBackend> {
    let mut options = File::options();
    options.read(true).write(true);
    let file = match options.open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let file = options.create_new(true).open(path)?;
            let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
            File::open(folder.unwrap_or(Path::new(".")))?.sync_all()?;
            file
        }
        opened => opened?,
    };
    FileBackend::new(file).map_err(io::Error::other)
}

impl fmt::Debug for Opener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Opener({})", self.path.display())
    }
}
