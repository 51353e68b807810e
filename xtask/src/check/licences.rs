//! Licences, bans, sources and advisories of what we depend on.

use crate::failure::Failure;
use crate::say;
use crate::shell::Run;
use crate::tool::CARGO_DENY;

/// Runs cargo-deny; advisories only where their database can be had.
///
/// # Errors
/// When cargo-deny objects, or cannot be installed.
pub(crate) fn check() -> Result<(), Failure> {
    CARGO_DENY.ensure()?;
    // The database is a git repository, and some networks reach registries only.
    let fetched = Run::cargo()
        .args(["deny", "--log-level", "error", "fetch", "db"])
        .env("GIT_TERMINAL_PROMPT", "0")
        .capture()?;
    let mut args = vec![
        "deny",
        "--log-level",
        "error",
        "check",
        "licenses",
        "bans",
        "sources",
    ];
    if fetched.success {
        args.push("advisories");
    } else {
        say::note("the advisory database cannot be fetched here: advisories are not checked");
    }
    Run::cargo()
        .args(args)
        .hint("choose another dependency, or widen deny.toml with a reason")
        .show()
}
