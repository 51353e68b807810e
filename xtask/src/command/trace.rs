//! `cargo xtask trace`: gets the real hour of trace.
//!
//! The hour is part of the Alibaba cluster trace v2018, bundled with Spår (PyPI package `spar`). Its rows are
//! Alibaba's, so they are fetched by whoever wants them and never become part of the project.

use std::fs;

use sha2::{Digest, Sha256};

use crate::failure::Failure;
use crate::say;
use crate::shell::{Run, root};

/// The version whose bundled hour the reference figures were made with.
const SPAR: &str = "spar==0.0.7";

/// SHA-256 of the hour; its MD5 is 5bc825b167adfaa3f71e8ec78effd96c.
const EXPECTED_SHA256: &str = "ad80787b3638355fb8bbbf45734ee53d4798482d474860e8e706ee32de440d36";

/// Installs Spår in a virtual environment, lets it write the hour, checks it and moves it into place.
pub(crate) fn run() -> Result<(), Failure> {
    let traces = root().join("traces");
    let wanted = traces.join("batch_task.csv");
    if wanted.is_file() && digest(&wanted)? == EXPECTED_SHA256 {
        say::note(&format!("{} is already there", wanted.display()));
        return Ok(());
    }
    let environment = traces.join("spar-env");
    let scratch = traces.join("spar-out");
    fs::create_dir_all(&traces).map_err(|error| Failure::file("cannot create", &traces, &error))?;
    if scratch.exists() {
        fs::remove_dir_all(&scratch).map_err(|error| Failure::file("cannot remove", &scratch, &error))?;
    }
    fs::create_dir(&scratch).map_err(|error| Failure::file("cannot create", &scratch, &error))?;
    Run::program("python3")
        .args(["-m".as_ref(), "venv".as_ref(), environment.as_os_str()])
        .hint("install Python 3 with venv, as with `apt-get install python3-venv`")
        .show()?;
    Run::program(environment.join("bin/pip"))
        .args(["install", "--quiet", "--disable-pip-version-check", SPAR])
        .hint("check that PyPI can be reached")
        .show()?;
    Run::program(environment.join("bin/spar"))
        .args(["--duration".as_ref(), "1".as_ref(), scratch.as_os_str()])
        .show()?;

    let made = scratch.join("batch_task.csv");
    let found = digest(&made)?;
    if found != EXPECTED_SHA256 {
        return Err(Failure::new(
            format!(
                "{} has SHA-256 {found}, expected {EXPECTED_SHA256}",
                made.display()
            ),
            "another version of Spår bundles another hour; figures made from it cannot be compared",
        ));
    }
    fs::rename(&made, &wanted).map_err(|error| Failure::file("cannot move into place", &wanted, &error))?;
    // The scratch folder also holds 143 MB of instances that nothing reads; the environment 200 MB of SciPy.
    for folder in [&scratch, &environment] {
        fs::remove_dir_all(folder).map_err(|error| Failure::file("cannot remove", folder, &error))?;
    }
    say::note(&format!(
        "{} is the hour that the reference figures were made with",
        wanted.display()
    ));
    Ok(())
}

fn digest(path: &std::path::Path) -> Result<String, Failure> {
    let bytes = fs::read(path).map_err(|error| Failure::file("cannot read", path, &error))?;
    let digest = Sha256::digest(&bytes);
    Ok(digest.iter().map(|byte| format!("{byte:02x}")).collect())
}
