//! Runs cargo, and learns from it where the modules are.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde::Deserialize;

use crate::compiler::{Compiler, TARGET};
use crate::error::BuildError;

/// The modules of a build, by the `Cargo.toml` of their crates, in canonical form.
pub(crate) type Modules = BTreeMap<PathBuf, PathBuf>;

/// Whether `Cargo.lock` may change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Lock {
    Free,
    Fixed,
}

/// Builds the crate or workspace of a `Cargo.toml`. What cargo says goes to our stderr.
pub(crate) fn build(compiler: &Compiler, manifest: &Path, lock: Lock) -> Result<Modules, BuildError> {
    let running = |source| BuildError::Run {
        program: compiler.cargo.clone(),
        source,
    };
    let mut child = command(compiler, manifest, lock)?.spawn().map_err(running)?;
    let mut modules = Modules::new();
    if let Some(stdout) = child.stdout.take() {
        for line in BufReader::new(stdout).lines() {
            if let Some((manifest, module)) = module(&line.map_err(running)?) {
                modules.insert(manifest, module);
            }
        }
    }
    if child.wait().map_err(running)?.success() {
        Ok(modules)
    } else {
        Err(BuildError::Compile {
            manifest: manifest.to_owned(),
        })
    }
}

fn command(compiler: &Compiler, manifest: &Path, lock: Lock) -> Result<Command, BuildError> {
    let manifest = canonical(manifest)?;
    let folder = manifest.parent().unwrap_or(Path::new("/"));
    let mut command = Command::new(&compiler.cargo);
    command
        .args([
            "build",
            "--release",
            "--target",
            TARGET,
            "--message-format=json-render-diagnostics",
        ])
        .current_dir(folder)
        .env("RUSTC", &compiler.rustc)
        .env("CARGO_ENCODED_RUSTFLAGS", flags(compiler))
        // Incremental code is other code: the same source gives the same bytes, whatever the caller's environment says.
        .env("CARGO_INCREMENTAL", "0")
        .stdin(Stdio::null())
        .stdout(Stdio::piped());
    if lock == Lock::Fixed {
        command.arg("--locked");
    }
    if compiler.builds_std {
        command
            .arg("-Zbuild-std=std,panic_abort")
            .env("RUSTC_BOOTSTRAP", "1");
    }
    Ok(command)
}

/// Stack of a function, in bytes, in its memory: a quarter of rustc's. A node looks through all of a worker's memory for
/// what it must clear, so what hardly any function uses costs each invocation of all.
const STACK: u32 = 256 << 10;

/// The stack's size, and what stands for paths, which panic messages carry: without it the bytes would depend on whose
/// cargo it is. Sources within the workspace are relative to it anyway.
fn flags(compiler: &Compiler) -> OsString {
    let registry = cargo_home().map(|home| (home.join("registry/src"), "/deps"));
    let library = (compiler.sysroot.join("lib/rustlib/src/rust"), "/rust");
    let mut flags = OsString::from(format!("-Clink-args=-z stack-size={STACK}"));
    for (from, to) in registry.into_iter().chain([library]) {
        // What separates flags in cargo's variable.
        flags.push("\x1f");
        flags.push("--remap-path-prefix=");
        flags.push(from);
        flags.push("=");
        flags.push(to);
    }
    flags
}

fn cargo_home() -> Option<PathBuf> {
    let home = || std::env::home_dir().map(|home| home.join(".cargo"));
    std::env::var_os("CARGO_HOME").map(PathBuf::from).or_else(home)
}

#[derive(Deserialize)]
struct Message {
    reason: String,
    manifest_path: Option<PathBuf>,
    target: Option<Target>,
    #[serde(default)]
    filenames: Vec<PathBuf>,
}

#[derive(Deserialize)]
struct Target {
    kind: Vec<String>,
}

/// What a line of cargo's says of a module.
fn module(line: &str) -> Option<(PathBuf, PathBuf)> {
    let message: Message = serde_json::from_str(line).ok()?;
    let library = message.target?.kind.iter().any(|kind| kind == "cdylib");
    if message.reason != "compiler-artifact" || !library {
        return None;
    }
    let module = message
        .filenames
        .into_iter()
        .find(|file| file.extension().is_some_and(|end| end == "wasm"))?;
    Some((canonical(&message.manifest_path?).ok()?, module))
}

/// A path as cargo's messages have it, symbolic links followed.
pub(crate) fn canonical(path: &Path) -> Result<PathBuf, BuildError> {
    fs::canonicalize(path).map_err(|source| BuildError::Read {
        path: path.to_owned(),
        source,
    })
}

#[cfg(test)]
mod tests {
    use super::module;

    #[test]
    fn only_modules_of_libraries_count() {
        let here = env!("CARGO_MANIFEST_DIR");
        let line = |reason: &str, kind: &str, file: &str| {
            format!(
                r#"{{"reason":"{reason}","manifest_path":"{here}/Cargo.toml","target":{{"kind":["{kind}"]}},
                "filenames":["/t/{file}"]}}"#
            )
        };
        let found = module(&line("compiler-artifact", "cdylib", "a.wasm")).unwrap();
        assert!(
            found.0.ends_with("build/Cargo.toml") && found.1.ends_with("a.wasm"),
            "{found:?}"
        );
        for other in [
            line("compiler-artifact", "cdylib", "a.so"),
            line("compiler-artifact", "lib", "a.wasm"),
            line("build-script-executed", "cdylib", "a.wasm"),
            r#"{"reason":"build-finished","success":true}"#.to_owned(),
            "not JSON".to_owned(),
        ] {
            assert_eq!(module(&other), None, "{other}");
        }
    }
}
