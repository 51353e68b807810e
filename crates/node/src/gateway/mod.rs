//! The gateway: the client API over HTTP.

mod answer;
mod apps;
mod asked;
mod body;
mod explanations;
mod invocations;
mod nodes;
mod observe;
mod pages;
mod patience;
mod received;
mod routes;
mod runs;
mod seldom;
mod serve;
mod sessions;
mod taking;

use std::time::Duration;

pub use answer::Response;
pub use asked::Body;
pub(crate) use received::{MAX_BODIES, Room};
pub(crate) use routes::answer;
pub(crate) use serve::serve;

/// What is left of a caller's time for the answer, if it has so much.
const MARGIN: Duration = Duration::from_secs(1);

/// How much of a caller's patience other nodes may take; the rest is for the answer.
fn before_answer(patience: Duration) -> Duration {
    patience.saturating_sub(MARGIN.min(patience / 4))
}
