//! New projects.

use std::fs;
use std::io;
use std::path::Path;

use fogline_core::model::AppName;

use crate::error::BuildError;
use crate::manifest::MANIFEST;
use crate::{output, sdk};

/// What a new project's function runs in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProjectKind {
    /// A WebAssembly component, from Rust.
    Rust,
    /// A process that answers HTTP, here in Python with its standard library.
    Process,
}

/// The example `counter` is what a new project of Rust begins as.
const RUST_SOURCE: &str = include_str!("../../../functions/counter/add/src/lib.rs");
const RUST_MANIFEST: &str = include_str!("../templates/rust.toml");
const RUST_CRATE: &str = include_str!("../templates/crate.toml");
/// The example `process-python` is what a new project of a process begins as.
const PROCESS_SOURCE: &str = include_str!("../../../functions/process-python/app.py");
const PROCESS_MANIFEST: &str = include_str!("../templates/process.toml");

/// Writes a project into a folder that is empty or does not exist yet.
///
/// # Errors
/// [`BuildError::Occupied`] when there is something in the folder; [`BuildError::Write`].
pub fn new_project(folder: &Path, name: &AppName, kind: ProjectKind) -> Result<(), BuildError> {
    match fs::read_dir(folder).map(|mut entries| entries.next()) {
        Ok(None) => {}
        Ok(Some(_)) => {
            return Err(BuildError::Occupied {
                path: folder.to_owned(),
            });
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(source) => {
            return Err(BuildError::Read {
                path: folder.to_owned(),
                source,
            });
        }
    }
    let write = |path: &str, text: &str| {
        output::write(
            &folder.join(path),
            text.replace("{name}", name.as_str()).as_bytes(),
        )
    };
    match kind {
        ProjectKind::Rust => {
            sdk::write(folder)?;
            write("Cargo.toml", RUST_CRATE)?;
            write(".gitignore", "/target\n")?;
            write("src/lib.rs", RUST_SOURCE)?;
            write(MANIFEST, RUST_MANIFEST)
        }
        ProjectKind::Process => {
            write("app.py", PROCESS_SOURCE)?;
            write(MANIFEST, PROCESS_MANIFEST)
        }
    }
}
