//! Programs that the workshop needs beyond the Rust toolchain, installed by name when they are missing.

use std::path::PathBuf;

use crate::failure::Failure;
use crate::say;
use crate::shell::{Run, target};

/// A program from crates.io, in the one version that the project was checked with.
pub(crate) struct Tool {
    /// Its crate.
    package: &'static str,
    /// Its version.
    version: &'static str,
    /// How to ask it for its version.
    probe: &'static [&'static str],
}

/// Checks licences, sources and duplicates of what we depend on.
pub(crate) const CARGO_DENY: Tool = Tool {
    package: "cargo-deny",
    version: "0.20.2",
    probe: &["cargo", "deny", "--version"],
};

/// Builds and drives the fuzz targets.
pub(crate) const CARGO_FUZZ: Tool = Tool {
    package: "cargo-fuzz",
    version: "0.13.2",
    probe: &["cargo", "fuzz", "--version"],
};

/// Builds the book.
pub(crate) const MDBOOK: Tool = Tool {
    package: "mdbook",
    version: "0.5.4",
    probe: &["mdbook", "--version"],
};

impl Tool {
    /// Makes sure that it is there.
    ///
    /// # Errors
    /// When it is missing and cannot be installed.
    pub(crate) fn ensure(&self) -> Result<(), Failure> {
        let present = Run::program(self.probe[0]).args(&self.probe[1..]).capture();
        if present.is_ok_and(|printed| printed.success && printed.stdout.contains(self.version)) {
            return Ok(());
        }
        say::note(&format!(
            "{} {} is missing: installing it",
            self.package, self.version
        ));
        // Tools run for seconds and are built once per machine: optimising them costs more than it saves.
        Run::cargo()
            .args([
                "install",
                "--locked",
                "--quiet",
                self.package,
                "--version",
                self.version,
            ])
            .env("CARGO_PROFILE_RELEASE_OPT_LEVEL", "0")
            .env("CARGO_PROFILE_RELEASE_LTO", "off")
            .env("CARGO_PROFILE_RELEASE_CODEGEN_UNITS", "16")
            .hint("check that crates.io can be reached, or install it by hand")
            .show()
    }
}

/// Makes sure that valgrind is there; on Debian as root it is installed.
///
/// # Errors
/// When it is missing and cannot be installed.
pub(crate) fn ensure_valgrind() -> Result<(), Failure> {
    ensure_debian("valgrind", &["valgrind"])
}

/// What merges the profiles of programs: rustup's, or Debian's. It may be older than the compiler, as long as the form of
/// profiles is the same.
///
/// # Errors
/// When it is missing and cannot be installed.
pub(crate) fn llvm_profdata() -> Result<PathBuf, Failure> {
    let libraries = Run::program("rustc").args(["--print", "target-libdir"]).read()?;
    let of_rustup = PathBuf::from(libraries.trim()).with_file_name("bin/llvm-profdata");
    if of_rustup.exists() {
        return Ok(of_rustup);
    }
    ensure_debian("llvm-profdata-19", &["llvm-19"])?;
    Ok(PathBuf::from("llvm-profdata-19"))
}

/// Makes sure that a compiler for components is there: rustup's target, or Debian's compiler for its browsers.
///
/// # Errors
/// When there is none and none can be installed.
pub(crate) fn ensure_wasm_compiler() -> Result<(), Failure> {
    let target = ["--print", "target-libdir", "--target", "wasm32-unknown-unknown"];
    let folder = Run::program("rustc").args(target).read().unwrap_or_default();
    if std::path::Path::new(folder.trim()).exists() {
        return Ok(());
    }
    let packages = [
        "rustc-web",
        "cargo-web",
        "rust-web-src",
        "rust-web-llvm",
        "lld-22",
    ];
    ensure_debian("/usr/bin/rustc", &packages)
}

/// Makes sure that Redis is there, the real one: tests start their own servers.
///
/// # Errors
/// When it is missing and cannot be installed.
pub(crate) fn ensure_redis() -> Result<(), Failure> {
    ensure_debian("redis-server", &["redis-server"])
}

/// Makes sure that etcd is there, the real one: tests start their own servers.
///
/// # Errors
/// When it is missing and cannot be installed.
pub(crate) fn ensure_etcd() -> Result<(), Failure> {
    ensure_debian("etcd", &["etcd-server"])
}

/// Installs Debian packages unless their program answers.
fn ensure_debian(program: &str, packages: &[&str]) -> Result<(), Failure> {
    if Run::program(program)
        .args(["--version"])
        .capture()
        .is_ok_and(|printed| printed.success)
    {
        return Ok(());
    }
    let names = packages.join(" ");
    say::note(&format!("{program} is missing: installing {names}"));
    let hint = format!("install it by hand, as with `sudo apt-get install {names}`");
    Run::program("apt-get")
        .args(["update", "--quiet"])
        .hint(hint.clone())
        .show()?;
    Run::program("apt-get")
        .args(["install", "--yes", "--quiet", "--no-install-recommends"])
        .args(packages)
        .env("DEBIAN_FRONTEND", "noninteractive")
        .hint(hint)
        .show()
}

/// Makes sure that schemathesis is there, in a virtual environment of its own, as `xtask/schemathesis.txt` pins it.
///
/// # Errors
/// When it is missing and cannot be installed.
pub(crate) fn ensure_schemathesis() -> Result<PathBuf, Failure> {
    let folder = ensure_python("schemathesis", include_str!("../schemathesis.txt"))?;
    Ok(folder.join("bin/schemathesis"))
}

/// Makes sure that rotel is there, a collector of OpenTelemetry, as `xtask/rotel.txt` pins it.
///
/// # Errors
/// When it is missing and cannot be installed.
pub(crate) fn ensure_rotel() -> Result<PathBuf, Failure> {
    let folder = ensure_python("rotel", include_str!("../rotel.txt"))?;
    let where_is = "import os, rotel; print(os.path.join(os.path.dirname(rotel.__file__), \"rotel-agent\"))";
    let program = Run::program(folder.join("bin/python"))
        .args(["-c", where_is])
        .read()?;
    Ok(PathBuf::from(program.trim()))
}

/// Installs packages of Python that `xtask/NAME.txt` pins into a virtual environment, and gives its folder.
fn ensure_python(name: &str, pinned: &str) -> Result<PathBuf, Failure> {
    let folder = target().join("tools").join(name);
    let installed = folder.join("installed.txt");
    if std::fs::read_to_string(&installed).is_ok_and(|text| text == pinned) {
        return Ok(folder);
    }
    say::note(&format!("{name} is missing, or another version: installing it"));
    let hint = "python3 with its module venv is needed (`apt-get install python3-venv`), and pypi.org";
    Run::program("python3")
        .args(["-m", "venv", "--clear"])
        .args([&folder])
        .hint(hint)
        .show()?;
    let pip = Run::program(folder.join("bin/pip"));
    pip.args([
        "install",
        "--quiet",
        "--disable-pip-version-check",
        "--requirement",
    ])
    .arg(format!("xtask/{name}.txt"))
    .hint(hint)
    .show()?;
    std::fs::write(&installed, pinned).map_err(|error| Failure::file("writing", &installed, &error))?;
    Ok(folder)
}
