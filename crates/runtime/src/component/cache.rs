//! Compiled code on disk, so that a node starts in milliseconds.
//!
//! A file is named after what it was compiled from and how, and begins with a message authentication code under a key
//! that only this node has ([`super::key`]): wasmtime trusts what it loads, so nothing else is ever given to it.

use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use aws_lc_rs::{digest, hmac};
use data_encoding::HEXLOWER;
use wasmtime::Engine;
use wasmtime::component::Component;

use super::key;

/// Bytes of the message authentication code.
const TAG: usize = 32;
/// Files that are kept; those used longest ago go first.
const MAX_FILES: usize = 512;
const ENDING: &str = "cwasm";

/// A folder of compiled code.
pub(super) struct CodeCache {
    folder: PathBuf,
    key: hmac::Key,
}

impl CodeCache {
    /// Opens a folder, or makes it.
    pub(super) fn open(folder: &Path) -> io::Result<Self> {
        fs::create_dir_all(folder)?;
        Ok(Self {
            folder: folder.to_owned(),
            key: key::read_or_make(folder)?,
        })
    }

    /// Compiles a component, or loads what was compiled before. What goes wrong with the folder costs time only.
    pub(super) fn compile(&self, engine: &Engine, binary: &[u8]) -> wasmtime::Result<Component> {
        let name = name(engine, binary);
        if let Some(component) = self.load(engine, &name) {
            return Ok(component);
        }
        let component = Component::from_binary(engine, binary)?;
        let stored = component
            .serialize()
            .map_err(io::Error::other)
            .and_then(|code| self.store(&name, &code));
        if let Err(error) = stored {
            tracing::warn!(folder = %self.folder.display(), "compiled code is not kept: {error}");
        }
        Ok(component)
    }

    fn load(&self, engine: &Engine, name: &str) -> Option<Component> {
        let path = self.folder.join(name);
        let file = fs::read(&path).ok()?;
        let (tag, code) = file.split_at_checked(TAG)?;
        if hmac::verify(&self.key, &message(name, code), tag).is_err() {
            tracing::warn!(path = %path.display(), "not our compiled code: compiling again");
            return None;
        }
        #[expect(unsafe_code, reason = "wasmtime has no safe way to load compiled code")]
        // SAFETY: the tag shows that these very bytes, under this name, were serialised by this node.
        let component = unsafe { Component::deserialize(engine, code) };
        match component {
            Ok(component) => {
                touch(&path);
                Some(component)
            }
            Err(error) => {
                tracing::warn!(path = %path.display(), "compiled code cannot be used: {error:#}");
                None
            }
        }
    }

    fn store(&self, name: &str, code: &[u8]) -> io::Result<()> {
        let tag = hmac::sign(&self.key, &message(name, code));
        let mut file = tempfile::Builder::new()
            .prefix(".code-")
            .tempfile_in(&self.folder)?;
        file.write_all(tag.as_ref())?;
        file.write_all(code)?;
        file.persist(self.folder.join(name))?;
        self.prune()
    }

    fn prune(&self) -> io::Result<()> {
        let mut files = Vec::new();
        for entry in fs::read_dir(&self.folder)? {
            let entry = entry?;
            if entry.path().extension().is_some_and(|ending| ending == ENDING) {
                files.push((entry.metadata()?.modified()?, entry.path()));
            }
        }
        files.sort();
        let surplus = files.len().saturating_sub(MAX_FILES);
        files[..surplus]
            .iter()
            .try_for_each(|(_, path)| fs::remove_file(path))
    }
}

/// Marks a file as used now; that it may fail only makes the file go earlier.
fn touch(path: &Path) {
    let touched = fs::File::options()
        .append(true)
        .open(path)
        .and_then(|it| it.set_modified(SystemTime::now()));
    if let Err(error) = touched {
        tracing::debug!(path = %path.display(), "cannot be marked as used: {error}");
    }
}

/// From the component, and from all that shapes its code: wasmtime's version, its settings and the processor.
fn name(engine: &Engine, binary: &[u8]) -> String {
    let mut how = DefaultHasher::new();
    engine.precompile_compatibility_hash().hash(&mut how);
    let what = digest::digest(&digest::SHA256, binary);
    format!(
        "{}-{:016x}.{ENDING}",
        HEXLOWER.encode(what.as_ref()),
        how.finish()
    )
}

/// What the code vouches for: the bytes, for this component.
fn message(name: &str, code: &[u8]) -> Vec<u8> {
    [name.as_bytes(), b"\0", code].concat()
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt;
    use std::path::{Path, PathBuf};

    use wasmtime::Engine;

    use super::{CodeCache, Component, TAG, name};

    fn component() -> Vec<u8> {
        wat::parse_str("(component (core module (func (export \"f\"))))").unwrap()
    }

    /// A folder with the compiled component in it.
    fn filled() -> (tempfile::TempDir, Engine, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let engine = Engine::default();
        CodeCache::open(folder.path())
            .unwrap()
            .compile(&engine, &component())
            .unwrap();
        let path = folder.path().join(name(&engine, &component()));
        (folder, engine, path)
    }

    fn loads(folder: &Path, engine: &Engine) -> bool {
        let cache = CodeCache::open(folder).unwrap();
        cache.load(engine, &name(engine, &component())).is_some()
    }

    #[test]
    fn what_was_compiled_is_loaded_by_the_next_start() {
        let (folder, engine, _) = filled();
        assert!(loads(folder.path(), &engine));
    }

    /// Nothing else could come of these bytes.
    #[test]
    fn what_is_in_the_folder_is_not_compiled() {
        let (folder, engine, _) = filled();
        let cache = CodeCache::open(folder.path()).unwrap();
        let binary = b"no component";
        assert!(cache.compile(&engine, binary).is_err());
        let code = Component::from_binary(&engine, &component()).unwrap();
        cache
            .store(&name(&engine, binary), &code.serialize().unwrap())
            .unwrap();
        assert!(cache.compile(&engine, binary).is_ok());
    }

    #[test]
    fn a_file_that_somebody_changed_is_compiled_again() {
        let (folder, engine, path) = filled();
        let whole = fs::read(&path).unwrap();
        for at in [0, TAG, whole.len() - 1] {
            let mut changed = whole.clone();
            changed[at] ^= 1;
            fs::write(&path, changed).unwrap();
            assert!(!loads(folder.path(), &engine), "byte {at}");
        }
        fs::write(&path, &whole[..TAG - 1]).unwrap();
        assert!(!loads(folder.path(), &engine), "cut");
        CodeCache::open(folder.path())
            .unwrap()
            .compile(&engine, &component())
            .unwrap();
        assert!(loads(folder.path(), &engine));
    }

    #[test]
    fn code_of_another_component_or_engine_is_not_loaded_under_this_name() {
        let (folder, engine, path) = filled();
        let other = wat::parse_str("(component)").unwrap();
        let cache = CodeCache::open(folder.path()).unwrap();
        cache.compile(&engine, &other).unwrap();
        fs::copy(folder.path().join(name(&engine, &other)), &path).unwrap();
        assert!(!loads(folder.path(), &engine));

        let metered = Engine::new(wasmtime::Config::new().consume_fuel(true)).unwrap();
        assert_ne!(name(&engine, &other), name(&metered, &other));
    }

    #[test]
    fn a_key_that_others_could_read_is_replaced_with_all_that_it_vouched_for() {
        let (folder, engine, _) = filled();
        let key = folder.path().join("key");
        assert_eq!(fs::metadata(&key).unwrap().permissions().mode() & 0o777, 0o600);
        let before = fs::read(&key).unwrap();
        fs::set_permissions(&key, fs::Permissions::from_mode(0o644)).unwrap();
        assert!(!loads(folder.path(), &engine));
        assert_ne!(fs::read(&key).unwrap(), before);
        assert!(Component::from_binary(&engine, &component()).is_ok());
    }
}
