//! The key by which a node knows the compiled code that it wrote itself.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::Path;

use aws_lc_rs::hmac;

const KEY_FILE: &str = "key";
const KEY_BYTES: usize = 32;
const PRIVATE: u32 = 0o600;

/// Reads the folder's key, or makes one. A key that somebody else could have read or written is replaced, and with it
/// all code that it vouches for.
pub(super) fn read_or_make(folder: &Path) -> io::Result<hmac::Key> {
    let path = folder.join(KEY_FILE);
    let bytes = match read_private(&path)? {
        Some(bytes) => bytes,
        None => make(folder, &path)?,
    };
    Ok(hmac::Key::new(hmac::HMAC_SHA256, &bytes))
}

fn read_private(path: &Path) -> io::Result<Option<Vec<u8>>> {
    let metadata = match fs::symlink_metadata(path) {
        Ok(metadata) => metadata,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let private = metadata.is_file()
        && metadata.permissions().mode() & 0o777 == PRIVATE
        && metadata.uid() == rustix::process::geteuid().as_raw();
    if private {
        let bytes = fs::read(path)?;
        if bytes.len() == KEY_BYTES {
            return Ok(Some(bytes));
        }
    }
    tracing::warn!(path = %path.display(), "the key of compiled code is not private: making another");
    Ok(None)
}

fn make(folder: &Path, path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = vec![0; KEY_BYTES];
    getrandom::fill(&mut bytes).map_err(|error| io::Error::other(error.to_string()))?;
    let file = tempfile::Builder::new().prefix(".key-").make_in(folder, |path| {
        OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(PRIVATE)
            .open(path)
    })?;
    file.as_file().write_all(&bytes)?;
    file.as_file().sync_all()?;
    file.persist(path)?;
    Ok(bytes)
}
