//! `cargo xtask functions`: builds the example functions from source, and compares them with what is committed.

use std::fs;

use crate::checked;
use crate::failure::Failure;
use crate::say;
use crate::shell::{Run, root, target};
use crate::tool::ensure_wasm_compiler;

/// What made the committed components.
const COMPILER: &str = "functions/COMPILER.toml";

/// Rebuilds the components in place. Where the recorded tools built them, they must be the committed ones, byte for
/// byte; tests that run afterwards run on the rebuilt ones.
///
/// # Errors
/// When they do not build, or the same tools give other bytes.
pub(crate) fn check() -> Result<(), Failure> {
    ensure_wasm_compiler()?;
    let path = root().join(COMPILER);
    let read = || fs::read_to_string(&path).map_err(|error| Failure::file("cannot read", &path, &error));
    let recorded = read()?;
    Run::program(checked::example("rebuild")?)
        .arg("functions")
        .hint("mend the function that does not build")
        .show()?;
    newcomer()?;
    if read()? != recorded {
        say::note("other tools than recorded built them, so their bytes are not compared");
        return Ok(());
    }
    Run::program("git")
        .args(["diff", "--exit-code", "--stat", "--", "functions/*.wasm"])
        .hint("sources and components differ: commit the components that `cargo xtask functions` has built")
        .show()
}

/// What `fogline new` makes is built, deployed and used: its sources are texts until somebody compiles them.
fn newcomer() -> Result<(), Failure> {
    let folder = target().join("tmp/newcomer");
    if folder.exists() {
        fs::remove_dir_all(&folder).map_err(|error| Failure::file("emptying", &folder, &error))?;
    }
    Run::program(checked::example("newcomer")?)
        .arg(&folder)
        // What it depends on, the functions do too.
        .env("CARGO_TARGET_DIR", root().join("functions/target"))
        .hint("mend what `fogline new` writes: crates/build/src/new.rs")
        .show()
}

/// Tests of the functions themselves, in their own workspace, on this machine's own architecture.
///
/// # Errors
/// When one fails, or a lint fires.
pub(crate) fn tests() -> Result<(), Failure> {
    let manifest = [
        "--manifest-path",
        "functions/Cargo.toml",
        "--workspace",
        "--locked",
    ];
    Run::cargo().arg("test").args(manifest).show()?;
    Run::cargo()
        .arg("clippy")
        .args(manifest)
        .args(["--all-targets", "--", "-D", "warnings"])
        .show()
}
