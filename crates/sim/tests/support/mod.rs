//! The golden files, where they are there.

use std::path::PathBuf;

use fogline_core::network::Network;
use fogline_workload::network::statesim;
use fogline_workload::trace::{Trace, spar};

/// A golden file or folder. They are not part of the project: without them a test is skipped, but not in CI.
#[expect(clippy::print_stdout, reason = "a skipped test says so")]
pub(crate) fn golden(path: &str) -> Option<PathBuf> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("../../../shared/golden")
        .join(path);
    if path.exists() {
        return Some(path);
    }
    assert!(std::env::var_os("CI").is_none(), "{} is missing", path.display());
    println!("skipped: {} is missing", path.display());
    None
}

pub(crate) fn network(name: &str) -> Option<Network> {
    let file = |extension: &str| golden(&format!("network/{name}.0.{extension}"));
    Some(
        statesim::read(&file("nodes")?, &file("links")?, &file("edges")?)
            .expect("the golden networks are networks"),
    )
}

pub(crate) fn trace() -> Option<Trace> {
    Some(spar::read(&golden("tasks/batch_task.csv")?).expect("the golden trace is a trace"))
}
