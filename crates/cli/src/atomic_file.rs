//! Files that are either written whole or not at all.

use std::fs::{self, Permissions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

use crate::failure::Failure;

/// Writes a file under a temporary name in its own folder and renames it, so that nobody ever sees half of
/// it. Missing folders are created. It does not wait for the disk.
///
/// # Errors
/// When the file cannot be written; an earlier file of that name is then as it was.
pub(crate) fn write(path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    write_all(&[(path, bytes)])
}

/// Writes several files that belong together: none is renamed before all are written.
///
/// # Errors
/// When one cannot be written.
pub(crate) fn write_all(files: &[(&Path, &[u8])]) -> Result<(), Failure> {
    let mut staged = Vec::with_capacity(files.len());
    for &(path, bytes) in files {
        staged.push((
            path,
            stage(path, bytes).map_err(|error| Failure::writing(path, error))?,
        ));
    }
    for (path, file) in staged {
        file.persist().map_err(|error| Failure::writing(path, error))?;
    }
    Ok(())
}

/// A new file under a temporary name in a folder that exists; it vanishes unless it is [`persist`]ed.
pub(crate) fn temporary(folder: &Path) -> io::Result<NamedTempFile> {
    let mut builder = tempfile::Builder::new();
    builder.prefix(".fogline-");
    if let Some(permissions) = permissions(folder.join("new").as_path()) {
        builder.permissions(permissions);
    }
    builder.tempfile_in(folder)
}

/// Gives a temporary file its name.
pub(crate) fn persist(file: NamedTempFile, path: &Path) -> Result<(), Failure> {
    file.persist(path)
        .map(|_| ())
        .map_err(|error| Failure::writing(path, error.error))
}

/// A file that is written but not yet visible.
enum Staged<'a> {
    /// Under a temporary name, to be renamed to this.
    Renamed(NamedTempFile, PathBuf),
    /// A device or pipe cannot be replaced: it gets the bytes as they are.
    Special(&'a Path, &'a [u8]),
}

impl Staged<'_> {
    fn persist(self) -> io::Result<()> {
        match self {
            Self::Renamed(file, path) => match file.persist(path) {
                Ok(_) => Ok(()),
                Err(error) => Err(error.error),
            },
            Self::Special(path, bytes) => fs::OpenOptions::new().write(true).open(path)?.write_all(bytes),
        }
    }
}

fn stage<'a>(path: &'a Path, bytes: &'a [u8]) -> io::Result<Staged<'a>> {
    // Behind a symbolic link it is the file that is replaced, not the link.
    let target = match fs::metadata(path) {
        Ok(there) if there.is_file() => fs::canonicalize(path)?,
        Ok(there) if there.is_dir() => return Err(io::ErrorKind::IsADirectory.into()),
        Ok(_) => return Ok(Staged::Special(path, bytes)),
        Err(_) => path.to_owned(),
    };
    let folder = match target.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    fs::create_dir_all(folder)?;
    let mut builder = tempfile::Builder::new();
    builder.prefix(".fogline-");
    if let Some(permissions) = permissions(&target) {
        builder.permissions(permissions);
    }
    let mut file = builder.tempfile_in(folder)?;
    file.write_all(bytes)?;
    Ok(Staged::Renamed(file, target))
}

/// Those of the file that is replaced, else what any new file gets; a temporary file would be private.
#[cfg(unix)]
fn permissions(target: &Path) -> Option<Permissions> {
    use std::os::unix::fs::PermissionsExt;
    let mode = fs::metadata(target).map_or(0o666, |there| there.permissions().mode() & 0o777);
    Some(Permissions::from_mode(mode))
}

#[cfg(not(unix))]
fn permissions(_target: &Path) -> Option<Permissions> {
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn missing_folders_are_created_and_nothing_else_is_left() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a/b/c.txt");
        write(&path, b"one").unwrap();
        write(&path, b"two").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"two");
        assert_eq!(fs::read_dir(path.parent().unwrap()).unwrap().count(), 1);
    }

    #[test]
    fn a_failure_leaves_all_files_as_they_were() {
        let folder = tempfile::tempdir().unwrap();
        let good = folder.path().join("good");
        write(&good, b"before").unwrap();
        let below_a_file = good.join("bad");
        let result = write_all(&[(&good, b"after"), (&below_a_file, b"never")]);
        assert!(result.is_err());
        assert_eq!(fs::read(&good).unwrap(), b"before");
        assert!(write(folder.path(), b"a folder").is_err());
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[cfg(unix)]
    #[test]
    fn links_and_permissions_survive_and_devices_are_not_replaced() {
        use std::os::unix::fs::{FileTypeExt, PermissionsExt, symlink};
        let folder = tempfile::tempdir().unwrap();
        let (file, link) = (folder.path().join("file"), folder.path().join("link"));
        write(&file, b"before").unwrap();
        fs::set_permissions(&file, Permissions::from_mode(0o640)).unwrap();
        symlink(&file, &link).unwrap();
        write(&link, b"after").unwrap();
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
        assert_eq!(fs::read(&file).unwrap(), b"after");
        assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o640);
        write(Path::new("/dev/null"), b"nothing").unwrap();
        assert!(fs::metadata("/dev/null").unwrap().file_type().is_char_device());
    }
}
