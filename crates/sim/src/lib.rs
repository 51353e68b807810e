//! The engines: StateSim bit by bit, and the corrected one; and studies that run them over scenarios.

pub mod compat;
pub mod engine;
pub mod gap;
mod purpose;
pub mod reduce;
pub mod study;
