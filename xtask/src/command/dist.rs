//! `cargo xtask dist`: what packages hold. It is built twice: the first build counts how often each of its branches is
//! taken while it does what it is made for, the second puts what is taken often side by side, and all else out of its way.
//! The host's path of an invocation is long and has no loops: how it lies in memory is what its time depends on.

use std::fs;
use std::path::{Path, PathBuf};

use crate::failure::Failure;
use crate::say;
use crate::shell::{Run, target};
use crate::tool::llvm_profdata;

/// What is built: the command, and the servers and loads of the benchmarks.
const ALL: &[&str] = &[
    "--bin",
    "fogline",
    "--example",
    "echo",
    "--example",
    "node",
    "--example",
    "quic_echo",
    "--example",
    "suite",
];

/// What is built to be watched. An example, because with one the same features are chosen as for all: a crate with others
/// has other names, and counts of its branches are not found again.
const WATCHED: &[&str] = &["--bin", "fogline", "--example", "echo"];

/// Builds it, and says where it is.
pub(crate) fn run() -> Result<(), Failure> {
    say::data(&build()?.join("fogline").display().to_string());
    Ok(())
}

/// Builds all, and gives the folder where the command is; examples are in `examples` there.
///
/// # Errors
/// When something cannot be built or run, or LLVM's tool for profiles cannot be had.
pub(crate) fn build() -> Result<PathBuf, Failure> {
    let profdata = llvm_profdata()?;
    let host = Run::program("rustc").args(["--print", "host-tuple"]).read()?;
    let built = target().join(host.trim()).join("dist");
    let folder = target().join("profile");
    let counts = folder.join("counts");
    let profile = folder.join("merged.profdata");
    // Counts of another commit would be taken for this one's.
    let failed = |error| Failure::file("emptying", &counts, &error);
    if counts.exists() {
        fs::remove_dir_all(&counts).map_err(failed)?;
    }
    fs::create_dir_all(&counts).map_err(failed)?;
    let counted = format!("-Cprofile-generate={}", counts.display());
    compile(host.trim(), WATCHED, vec![counted])?;
    work(&built.join("fogline"), &folder.join("out"))?;
    Run::program(profdata)
        .args(["merge", "--output"])
        .args([&profile, &counts])
        .show()?;
    let known = format!("-Cprofile-use={}", profile.display());
    compile(host.trim(), ALL, vec![known, SMALL.to_owned()])?;
    Ok(built)
}

/// What was not seen to be executed often is built for size: LLVM does so of its own accord where programs are much larger.
/// It is not copied into its callers, however short it is, and what repeats in it becomes a function, where that saves more
/// bytes than the function's entry takes among what unwinds the stack.
const SMALL: &str = "-Cllvm-args=-pgso-lwss-only=false -inline-cold-callsite-threshold=0 -inlinecold-threshold=0 \
                     -enable-machine-outliner=optimistic-pgo -outliner-benefit-threshold=48";

/// Functions that came out alike are one in what is linked, a fiftieth of the command, where the toolchain's own linker is
/// what links. Nothing may compare pointers to them.
const FOLDED: &str = "-Clink-arg=-Wl,--icf=all";
/// That host.
const HAS_LINKER: &str = "x86_64-unknown-linux-gnu";

/// Ciphers that come with AEGIS-256, 600 kB with their code for each kind of processor. Nobody calls them, but what looks for
/// the best code when a program starts links them all: it looks for AEGIS-256's in their place, in programs that have it.
const UNUSED_CIPHERS: [&str; 5] = [
    "aegis128l",
    "aegis128x2",
    "aegis128x4",
    "aegis256x2",
    "aegis256x4",
];

/// A target is named so that what runs while compiling is not built with these flags.
fn compile(host: &str, what: &[&str], mut flags: Vec<String>) -> Result<(), Failure> {
    if host == HAS_LINKER {
        flags.push(FOLDED.to_owned());
        let in_its_place = UNUSED_CIPHERS.map(|cipher| {
            const OURS: &str = "aegis256_pick_best_implementation";
            format!("-Clink-arg=-Wl,--defsym={cipher}_pick_best_implementation=DEFINED({OURS})?{OURS}:0")
        });
        flags.extend(in_its_place);
    }
    Run::cargo()
        .args(["build", "--profile", "dist", "--locked", "--target", host])
        .args(["--package", "fogline-cli", "--package", "fogline-bench"])
        .args(what)
        .env("CARGO_ENCODED_RUSTFLAGS", flags.join("\x1f"))
        .show()
}

/// What the command does while it is watched: invocations under every model in one process, a network with its clients, a
/// simulation.
fn work(fogline: &Path, out: &Path) -> Result<(), Failure> {
    let bench = ["bench", "--local", "--connections", "64", "--for", "2s"];
    Run::program(fogline).args(bench).show()?;
    Run::program(fogline).args(bench).arg("--in-memory").show()?;
    Run::program(fogline).args(["demo", "--runs", "10"]).show()?;
    Run::program(fogline)
        .args(["sim", "run", "scenarios/demo.toml", "--out"])
        .arg(out)
        .show()
}
