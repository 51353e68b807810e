//! Which compiler builds for the target.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::error::BuildError;

/// What functions are compiled for: no operating system, so a component asks for nothing but our interfaces.
pub(crate) const TARGET: &str = "wasm32-unknown-unknown";

/// Debian's compiler for its browsers, and its cargo.
const DEBIAN: [&str; 2] = ["/usr/bin/rustc", "/usr/bin/cargo"];

/// A compiler that builds for WebAssembly.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Compiler {
    /// What `rustc --version` says.
    pub version: String,
    /// Whether the target's standard library is built from source, for want of a built one.
    pub builds_std: bool,
    pub(crate) rustc: PathBuf,
    pub(crate) cargo: PathBuf,
    pub(crate) sysroot: PathBuf,
}

impl Compiler {
    /// The compiler for a folder (which may choose its toolchain): the one on PATH if it has the target, else
    /// Debian's, which has the target's source.
    ///
    /// # Errors
    /// [`BuildError::NoCompiler`] when there is neither.
    pub fn find(folder: &Path) -> Result<Self, BuildError> {
        Self::on_path(folder).or_else(|first| {
            Self::debian(folder).map_err(|second| BuildError::NoCompiler {
                tried: format!("{first}; {second}"),
            })
        })
    }

    fn on_path(folder: &Path) -> Result<Self, String> {
        let rustc = PathBuf::from("rustc");
        let libraries = ask(&rustc, &["--print", "target-libdir", "--target", TARGET], folder)?;
        if !Path::new(&libraries).is_dir() {
            return Err(format!(
                "the rustc on PATH has no such target ({libraries} is missing)"
            ));
        }
        Self::with(rustc, PathBuf::from("cargo"), false, folder)
    }

    fn debian(folder: &Path) -> Result<Self, String> {
        let [rustc, cargo] = DEBIAN.map(PathBuf::from);
        let found = Self::with(rustc, cargo, true, folder)?;
        let source = found.sysroot.join("lib/rustlib/src/rust/library/std");
        if !source.is_dir() {
            return Err(format!(
                "{} has no source of std ({} is missing)",
                DEBIAN[0],
                source.display()
            ));
        }
        if !found.cargo.is_file() {
            return Err(format!("{} is missing", DEBIAN[1]));
        }
        Ok(found)
    }

    fn with(rustc: PathBuf, cargo: PathBuf, builds_std: bool, folder: &Path) -> Result<Self, String> {
        let version = ask(&rustc, &["--version"], folder)?;
        let sysroot = PathBuf::from(ask(&rustc, &["--print", "sysroot"], folder)?);
        Ok(Self {
            version,
            builds_std,
            rustc,
            cargo,
            sysroot,
        })
    }
}

fn ask(program: &Path, arguments: &[&str], folder: &Path) -> Result<String, String> {
    match Command::new(program).args(arguments).current_dir(folder).output() {
        Ok(output) if output.status.success() => {
            Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
        }
        Ok(output) => {
            let said = String::from_utf8_lossy(&output.stderr);
            Err(format!(
                "{}: {}",
                program.display(),
                said.lines().next().unwrap_or("failed")
            ))
        }
        Err(error) => Err(format!("{}: {error}", program.display())),
    }
}
