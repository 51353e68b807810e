//! The log of commands that run nodes, on stderr.

use tracing_subscriber::EnvFilter;

/// What is logged, as `info` or `fogline_node=debug,warn`; by default warnings and errors.
const VARIABLE: &str = "FOGLINE_LOG";

/// Begins to log. Later calls change nothing.
pub(crate) fn start() {
    let filter = EnvFilter::builder().with_env_var(VARIABLE).try_from_env();
    let filter = filter.unwrap_or_else(|_| EnvFilter::new("warn"));
    // A log that was started before, by a test, stays as it is.
    let _ = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .try_init();
}
