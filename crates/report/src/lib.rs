//! fogline-report

pub mod stats;
pub mod table;
