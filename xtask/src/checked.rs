//! The one build that all checks share: what we depend on as `--release` has it, which is what people run; our own crates
//! with overflow checks and debug assertions, and quickly built. In the profile `dev` all that we depend on, which is most
//! of the work, would be built once more.

use std::fs;
use std::path::PathBuf;

use crate::check::arrows;
use crate::failure::Failure;
use crate::shell::{Run, target};

/// What our own crates are built with, of what a profile can be given for one package. A panic names its line without debug
/// information.
const OURS: &str = "debug = false\ndebug-assertions = true\noverflow-checks = true\n";
/// Those of them that tests let compute for long. To optimise the others would take longer than their tests.
const COMPUTING: &[&str] = &[
    "fogline-core",
    "fogline-report",
    "fogline-sim",
    "fogline-workload",
];

/// Cargo with a verb that builds, in that profile.
///
/// # Errors
/// When cargo cannot name our crates, or the profile cannot be written.
pub(crate) fn cargo(verb: &str) -> Result<Run, Failure> {
    // A file, because a command line of as many settings would hide the rest of it.
    let profile: String = arrows::members()?
        .iter()
        .map(|name| {
            let optimised = u8::from(COMPUTING.contains(&name.as_str()));
            format!("[profile.release.package.{name}]\nopt-level = {optimised}\n{OURS}")
        })
        .collect();
    let file = target().join("checked.toml");
    fs::create_dir_all(target())
        .and_then(|()| fs::write(&file, profile))
        .map_err(|error| Failure::file("writing", &file, &error))?;
    Ok(Run::cargo()
        .args([verb, "--release", "--locked", "--config"])
        .arg(file))
}

/// Builds an example of the workspace, and says where it is. Of the workspace, as the tests: with the features of one
/// package alone wasmtime is compiled once more.
///
/// # Errors
/// When it does not build.
pub(crate) fn example(name: &str) -> Result<PathBuf, Failure> {
    cargo("build")?.args(["--workspace", "--example", name]).show()?;
    Ok(target().join("release/examples").join(name))
}
