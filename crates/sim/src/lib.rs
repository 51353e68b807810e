//! The engines: StateSim bit by bit, and the corrected one.

pub mod compat;
