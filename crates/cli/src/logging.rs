//! The log of commands that run nodes, on stderr.

use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

/// What is logged, as `info` or `fogline_node=debug,warn`; by default warnings and errors.
const VARIABLE: &str = "FOGLINE_LOG";

/// Begins to log. Later calls change nothing.
pub(crate) fn start() {
    let wanted = std::env::var(VARIABLE).ok().and_then(|text| text.parse().ok());
    let filter: Targets = wanted.unwrap_or_else(|| Targets::new().with_default(LevelFilter::WARN));
    let lines = tracing_subscriber::fmt::layer().with_writer(std::io::stderr);
    // A log that was started before, by a test, stays as it is.
    let _ = tracing_subscriber::registry().with(lines).with(filter).try_init();
}
