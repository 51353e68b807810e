//! The files and folders that functions name with `files`.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use fogline_core::model::Bytes as Size;
use fogline_core::model::limits::{MAX_BODY, MAX_FILES};
use fogline_protocol::multipart;

use super::is_below;

/// What is wrong with a file that is named, continuing its path; and what to do.
pub(super) type Wrong = (String, &'static str);

/// Why a name is not taken as it is written, and what to do.
pub(super) const NOT_BELOW: (&str, &str) = (
    "is not below the manifest's folder",
    "write it relative to the manifest, without . and ..",
);
/// Why a link is not followed, and what to do.
pub(super) const LEADS_OUT: (&str, &str) =
    ("is a link out of the manifest's folder", "copy what it leads to");

/// Files of a folder, as they come together.
pub(super) struct Gathering<'a> {
    /// The manifest's, as the system calls it.
    folder: &'a Path,
    files: &'a mut BTreeMap<String, Bytes>,
}

impl<'a> Gathering<'a> {
    /// Adds to these files.
    pub(super) fn new(folder: &'a Path, files: &'a mut BTreeMap<String, Bytes>) -> Self {
        Self { folder, files }
    }

    /// Adds a file, or all that are in a folder and those below it, by its path beside the manifest.
    pub(super) fn add(&mut self, name: &str) -> Result<(), Wrong> {
        if !is_below(name) {
            return wrong(name, NOT_BELOW.0, NOT_BELOW.1);
        }
        if name == multipart::MANIFEST {
            return wrong(
                name,
                "has the name by which the manifest itself is sent",
                "call it otherwise, or put it into a folder",
            );
        }
        self.walk(name)?;
        let below = format!("{name}/");
        if !self
            .files
            .keys()
            .any(|file| file == name || file.starts_with(&below))
        {
            return wrong(name, "is an empty folder", "leave it out");
        }
        Ok(())
    }

    fn walk(&mut self, name: &str) -> Result<(), Wrong> {
        let path = self.folder.join(name);
        let unreadable = |error: io::Error| {
            (
                format!("{name} cannot be read: {error}"),
                "check the path and its permissions",
            )
        };
        if !self.is_inside(&path).map_err(unreadable)? {
            return wrong(name, LEADS_OUT.0, LEADS_OUT.1);
        }
        if path.is_dir() {
            // It could lead to a folder that it is in.
            if path.is_symlink() {
                return wrong(name, "is a link to a folder", "name that folder");
            }
            for entry in fs::read_dir(&path).map_err(unreadable)? {
                let entry = entry.map_err(unreadable)?.file_name();
                match entry
                    .to_str()
                    .filter(|entry| !entry.contains(|it: char| matches!(it, '\\' | '"') || it.is_control()))
                {
                    Some(entry) => self.walk(&format!("{name}/{entry}"))?,
                    None => {
                        let found = format!("{name}/{}", entry.display());
                        return wrong(
                            &found,
                            "has a name that not every system takes",
                            "call it otherwise",
                        );
                    }
                }
            }
            return Ok(());
        }
        if self.files.contains_key(name) {
            return Ok(());
        }
        // Sockets and devices have no end.
        let about = fs::metadata(&path).map_err(unreadable)?;
        if !about.is_file() {
            return wrong(name, "is neither a file nor a folder", "leave it out");
        }
        self.check_room(name, about.len())?;
        self.files
            .insert(name.to_owned(), fs::read(&path).map_err(unreadable)?.into());
        Ok(())
    }

    fn is_inside(&self, path: &Path) -> io::Result<bool> {
        let folder: PathBuf = self.folder.canonicalize()?;
        Ok(path.canonicalize()?.starts_with(folder))
    }

    /// Before it is read: a folder may be far larger than a package.
    fn check_room(&self, name: &str, size: u64) -> Result<(), Wrong> {
        if self.files.len() >= MAX_FILES {
            let most = format!("is one file too many: a package has at most {MAX_FILES}");
            return wrong(
                name,
                &most,
                "name what the function needs, not what stands beside it",
            );
        }
        let others: usize = self.files.values().map(Bytes::len).sum();
        if others as u64 + size > MAX_BODY.0 {
            let most = format!(
                "has {}, and others have {}: a package has at most {MAX_BODY}",
                Size(size),
                Size(others as u64)
            );
            return wrong(
                name,
                &most,
                "have the function fetch what is large when it starts",
            );
        }
        Ok(())
    }
}

/// As what it is refused.
pub(super) fn wrong<T>(name: &str, problem: &str, hint: &'static str) -> Result<T, Wrong> {
    Err((format!("{name} {problem}"), hint))
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;
    use std::os::unix::net::UnixListener;

    use super::{MAX_BODY, MAX_FILES};
    use crate::package::Package;

    fn folder(files: &str) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        let manifest = format!("[functions.f]\nprocess = [\"python3\", \"app.py\"]\nfiles = {files}\n");
        fs::write(folder.path().join("fogline.toml"), manifest).unwrap();
        for (path, text) in [
            ("app.py", "P"),
            ("lib/a.py", "A"),
            ("lib/deep/b.py", "B"),
            ("names", "N"),
        ] {
            let path = folder.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        folder
    }

    #[test]
    fn folders_are_taken_whole_with_their_paths_and_files_once() {
        let folder = folder(r#"["lib", "names", "lib/deep"]"#);
        symlink("a.py", folder.path().join("lib/link.py")).unwrap();
        let package = Package::read(folder.path()).unwrap();
        let files = package
            .files
            .iter()
            .map(|(path, bytes)| (path.as_str(), &bytes[..]));
        let expected: [(&str, &[u8]); 5] = [
            ("app.py", b"P"),
            ("lib/a.py", b"A"),
            ("lib/deep/b.py", b"B"),
            ("lib/link.py", b"A"),
            ("names", b"N"),
        ];
        assert_eq!(files.collect::<Vec<_>>(), expected);
    }

    #[test]
    fn what_cannot_be_taken_is_said_with_its_place() {
        type Change = fn(&std::path::Path);
        let cases: [(&str, &str, Change); 10] = [
            ("manifest", "the manifest itself", |_| ()),
            ("../lib", "not below", |_| ()),
            ("/etc/hostname", "not below", |_| ()),
            ("nothing", "cannot be read", |_| ()),
            ("void", "empty folder", |at| {
                fs::create_dir(at.join("void")).unwrap()
            }),
            ("lib", "link out of", |at| {
                symlink("/etc/hostname", at.join("lib/out")).unwrap()
            }),
            ("lib", "link to a folder", |at| {
                symlink("..", at.join("lib/up")).unwrap()
            }),
            ("lib", "neither a file", |at| {
                drop(UnixListener::bind(at.join("lib/socket")).unwrap())
            }),
            ("lib", "not every system", |at| {
                fs::write(at.join("lib/\""), "").unwrap()
            }),
            ("lib", "one file too many", |at| {
                (0..=MAX_FILES).for_each(|number| fs::write(at.join(format!("lib/{number}")), "").unwrap());
            }),
        ];
        for (name, problem, change) in cases {
            let folder = folder(&format!("[\"names\", \"{name}\"]"));
            change(folder.path());
            let error = Package::read(folder.path()).unwrap_err();
            let (said, hint) = (error.to_string(), error.hint());
            assert!(said.contains("fogline.toml:3:19: "), "{said}");
            assert!(said.contains(problem) && !hint.is_empty(), "{said} {hint}");
        }
    }

    #[test]
    fn what_is_larger_than_a_package_is_not_read() {
        let folder = folder(r#"["model.bin"]"#);
        let model = fs::File::create(folder.path().join("model.bin")).unwrap();
        model.set_len(MAX_BODY.0).unwrap();
        let error = Package::read(folder.path()).unwrap_err();
        assert!(error.to_string().contains("a package has at most"), "{error}");
        model.set_len(1 << 20).unwrap();
        let package = Package::read(folder.path()).unwrap();
        assert_eq!(package.files["model.bin"].len(), 1 << 20);
    }
}
