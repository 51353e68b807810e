//! Where an invocation runs.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod agree;
mod follow;
mod policies;
mod view;
mod world;
